"""What to do. ``Edge.handle`` returns effects, the server carries them out in order."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pcscf.core.dns_records import Question
from pcscf.core.flow import Flow
from xfrm.model import AkaKeys, SaSet


class SendSip(NamedTuple):
    """Send one message on a flow.

    Over TCP the connection with the flow's four-tuple is used (to the core: any
    connection to that remote). Without one, ``connect`` says whether to open it.
    What cannot be sent comes back as ``SendFailed`` with ``ref``, if ``ref`` is set;
    it is never sent another way.
    """

    flow: Flow
    data: bytes
    ref: str = ""
    connect: bool = False


@dataclass(frozen=True, slots=True)
class InstallSas:
    """Install all four SAs of a set, or none.

    ``lifetime`` in seconds is the hard lifetime, a net above the SIP lifetime.
    On refusal the effects behind this one are dropped and ``InstallFailed`` follows.
    """

    sa_set: SaSet
    keys: AkaKeys = field(repr=False)
    lifetime: int


@dataclass(frozen=True, slots=True)
class ExtendSas:
    """Let a set's SAs live ``lifetime`` seconds from now."""

    sa_set: SaSet
    lifetime: int


@dataclass(frozen=True, slots=True)
class RemoveSas:
    """Remove a set's SAs; one that is gone already is no error."""

    sa_set: SaSet


@dataclass(frozen=True, slots=True)
class CloseFlow:
    """Close a TCP connection after what was sent on it has left.

    ``at_once``: its SAs are gone, so nothing can leave, and its ports may be needed again.
    """

    flow: Flow
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Resolve:
    """Ask the DNS. One ``Resolved`` with the same question follows in any case."""

    question: Question


@dataclass(frozen=True, slots=True)
class PutOff:
    """Leave the message that this event is about to the next process, if there is to be one."""


@dataclass(frozen=True, slots=True)
class Report:
    """Tell the operator. ``event`` is a fixed word; ``fields`` never hold key material."""

    level: Literal["debug", "info", "warning", "error"]
    event: str
    fields: dict[str, str | int | float] = field(default_factory=dict)


Effect = SendSip | InstallSas | ExtendSas | RemoveSas | CloseFlow | Resolve | PutOff | Report
