"""What happened. The server makes events, ``Edge.handle`` takes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pcscf.core.dns_records import Question, Records
from pcscf.core.flow import Flow
from pcscf.core.hooks import Verdict
from pcscf.core.policy import EdgePolicy
from pcscf.errors import SipError
from xfrm.model import SaId, SaSet


class SipReceived(NamedTuple):
    """One whole message: a datagram's payload, or what the framer cut out of a stream."""

    flow: Flow
    data: bytes


@dataclass(frozen=True, slots=True)
class SipUnreadable:
    """A stream that the framer cannot follow any further.

    ``head`` is what was read of the message. The connection is answered once,
    if the head names a Via, and closed.
    """

    flow: Flow
    head: bytes
    error: SipError


@dataclass(frozen=True, slots=True)
class DeadlineReached:
    """The time that ``Edge.next_deadline`` named has come."""


@dataclass(frozen=True, slots=True)
class InstallFailed:
    """The kernel refused a set of SAs and holds none of the four."""

    sa_set: SaSet
    reason: str


@dataclass(frozen=True, slots=True)
class SendFailed:
    """A SendSip that did not leave: no connection, refused, or the socket's error.

    ``ref`` is the effect's ``ref``.
    """

    flow: Flow
    ref: str
    reason: str


@dataclass(frozen=True, slots=True)
class SaExpired:
    """The kernel dropped one of our SAs because its hard lifetime ran out."""

    sa: SaId


@dataclass(frozen=True, slots=True)
class SasPresent:
    """All SAs of ours that the kernel holds, after notifications were lost (ENOBUFS)."""

    sas: frozenset[SaId]


@dataclass(frozen=True, slots=True)
class SasUsed:
    """How many packets some of our SAs have carried so far; the inbound ones count.

    A look at all SAs may be handed in as several events.
    """

    packets: dict[SaId, int]


@dataclass(frozen=True, slots=True)
class FlowClosed:
    """A TCP connection ended, by either side. That is not a deregistration.

    What was sent on it may not have arrived, and no answer will come on it.
    """

    flow: Flow


@dataclass(frozen=True, slots=True)
class LoadMeasured:
    """What the event loop is late by, in seconds, smoothed over about a second."""

    lag: float


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the DNS said to a ``Resolve``.

    ``records`` is empty if there is no such name, or nothing of that type; ``ttl`` is in
    seconds. ``error`` is empty unless nobody could say: then there are no records.
    """

    question: Question
    records: Records = ()
    ttl: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class PolicyChanged:
    """The operator has decided otherwise: what begins from now on goes by ``policy``.

    Whatever is under way stays: registrations, SAs, dialogs, counts. So do our addresses
    and ports, and the selectors of SAs, whatever the policy says of them.
    """

    policy: EdgePolicy


@dataclass(frozen=True, slots=True)
class Drain:
    """The operator wants no new phones here, or has them again; those registered go on."""

    on: bool


@dataclass(frozen=True, slots=True)
class Deregister:
    """The operator ends what a private identity has registered from an address."""

    impi: str
    ue: str


@dataclass(frozen=True, slots=True)
class Deafen:
    """The process ends soon: new requests get no answer. They are left to the next one, or lost."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The process ends before some requests are answered: they are answered 503 now."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """Registrations kept by an earlier process (``pcscf.core.snapshot``), by their tokens.

    ``living`` are the SA sets of theirs that the kernel holds whole; ``since`` is what to
    add to the core's clock to have seconds since 1970.
    """

    saved: Mapping[str, dict[str, Any]]
    living: frozenset[SaSet]
    since: float


@dataclass(frozen=True, slots=True)
class HooksAnswered:
    """What the operator's functions made of a case that they took their time over."""

    ticket: int
    verdict: Verdict


Event = (
    SipReceived
    | SipUnreadable
    | DeadlineReached
    | InstallFailed
    | SendFailed
    | SaExpired
    | SasPresent
    | SasUsed
    | FlowClosed
    | LoadMeasured
    | Resolved
    | Deafen
    | GiveUp
    | Recalled
    | PolicyChanged
    | Drain
    | Deregister
    | HooksAnswered
)
