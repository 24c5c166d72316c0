"""A registrar for scripts of our own subscriptions: it answers SUBSCRIBE and sends NOTIFY.

``desk.registered()`` is a phone with a 200; ``desk.asked`` are the SUBSCRIBEs that left.
Nothing is sent and nothing sleeps; ``desk.wait`` moves the clock.
"""

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from types import MappingProxyType
from typing import NamedTuple

from pcscf.core.context import Context
from pcscf.core.deadlines import Timed
from pcscf.core.effects import Report
from pcscf.core.ids import Ids
from pcscf.core.own_request import Sender
from pcscf.core.policy import RegEventPolicy
from pcscf.core.reg_changes import Farewell
from pcscf.core.reg_event import RegEvents
from pcscf.core.state import Binding, Phone, Registration
from pcscf.core.subscription import Subscription
from pcscf.sip.address import NameAddr
from pcscf.sip.message import Request, Response, new_request
from pcscf.sip.response import make_response
from tests.core.stage import IMPI, IMPU, POLICY, UE

TEL = "tel:+491701234567"
ROUTE = ("<sip:orig@203.0.113.9:5060;lr>",)
CONTACT = f"sip:ue@{UE}:40002"
REGISTRAR = "sip:203.0.113.9:5070"


class Asked(NamedTuple):
    """A SUBSCRIBE as it left, and whom to tell what came of it."""

    request: Request
    sender: Sender
    towards: str | None


def binding(
    aor: str = IMPU, contact: str = CONTACT, *, expires: float = 1600.0, also: tuple[str, ...] = ()
) -> Binding:
    """A binding with its implicit registration set."""
    return Binding(aor, contact, expires, ROUTE, tuple(f"<{uri}>" for uri in (aor, *also)))


def contact(
    state: str = "terminated", event: str = "deactivated", uri: str = CONTACT, more: str = ""
) -> str:
    """One contact of a document."""
    return f'<contact id="{uri}" state="{state}" event="{event}" {more}><uri>{uri}</uri></contact>'


def of(aor: str, *contacts: str, state: str = "active") -> str:
    """One identity of a document."""
    return (
        f'<registration aor="{aor}" id="{aor}" state="{state}">{"".join(contacts)}</registration>'
    )


def document(*registrations: str, version: int = 0, full: bool = True) -> bytes:
    """A whole document."""
    state = "full" if full else "partial"
    return (
        f'<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="{version}" state="{state}">'
        f"{''.join(registrations)}</reginfo>"
    ).encode()


class Desk:
    """Our subscriptions, and the registrar at their other end."""

    def __init__(self, **policy: object) -> None:
        reg_event = replace(RegEventPolicy(), **policy)  # type: ignore[arg-type]
        self.context = Context(replace(POLICY, reg_event=reg_event), Ids(Random(1).randbytes))
        self.context.now = 1000.0
        self.events = RegEvents(self.context, self._ask, self.drop)
        self.asked: list[Asked] = []
        self.dropped: list[tuple[Registration, str, float]] = []
        self.expired: list[Registration] = []
        self.unreachable = ""
        self._cseq = 100

    @property
    def now(self) -> float:
        return self.context.now

    def _ask(self, request: Request, sender: Sender, towards: str | None) -> None:
        self.asked.append(Asked(request, sender, towards))
        if self.unreachable:
            self.fails()

    # --- phones ---

    def registered(
        self, *bindings: Binding, impi: str = IMPI, host: str = UE, emergency: bool = False
    ) -> Registration:
        """A new registration, and the word of it."""
        registration = Registration(Phone(impi, host, "", emergency), self.context.ids.token())
        registration.bindings = bindings or (binding(also=(TEL,)),)
        self.context.registry.add(registration)
        self.confirmed(registration)
        return registration

    def confirmed(self, registration: Registration, *bindings: Binding) -> None:
        """A 200 to the REGISTER of this phone, with these bindings or the same ones."""
        registration.bindings = bindings or registration.bindings
        expires = min(one.expires for one in registration.bindings)
        self.context.deadlines.set(registration, expires)
        self.events.on_registered(registration)

    def drop(self, registration: Registration, event: str) -> None:
        """What the confirmations do at the end of a registration."""
        self.dropped.append((registration, event, self.now))
        self.removed(registration)

    def removed(self, registration: Registration) -> None:
        """The phone deregistered, or its time is over."""
        self.context.deadlines.cancel(registration)
        self.context.registry.remove(registration)
        self.events.on_removed(registration)

    def phone_answers(self, registration: Registration, state: str, body: bytes) -> None:
        """The phone answers its own NOTIFY."""
        lines = [("event", "reg"), ("subscription-state", state)]
        self.events.on_relayed_notify(registration, new_request("NOTIFY", CONTACT, lines, body))

    # --- the registrar ---

    @property
    def last(self) -> Request:
        return self.asked[-1].request

    def answers(self, status: int = 200, *headers: tuple[str, str], tag: str = "n1") -> Response:
        """The registrar answers the last SUBSCRIBE."""
        more = (("contact", f"<{REGISTRAR}>"), *headers) if status < 300 else headers
        response = make_response(self.last, status, to_tag=tag, headers=more)
        self.asked[-1].sender.on_response(response)
        return response

    def fails(self) -> None:
        """Nobody answers the last SUBSCRIBE."""
        self.asked[-1].sender.on_no_answer("no answer")

    def notify(
        self,
        body: bytes = b"",
        *headers: tuple[str, str],
        state: str = "active",
        of: Request | None = None,
        tag: str = "n1",
        cseq: int = 0,
        wrong: Mapping[str, str] = MappingProxyType({}),
        **other: str,
    ) -> int:
        """The registrar notifies the last subscription, or another one; gives our status.

        ``wrong`` and ``other`` are header fields with another value than the right one.
        """
        asked = of or self.last
        self._cseq += 1
        fields = {
            "from": f"<{asked.to.uri}>;tag={tag}",
            "to": asked.required("from"),
            "call_id": asked.call_id,
            "cseq": f"{cseq or self._cseq} NOTIFY",
            "contact": f"<{REGISTRAR}>",
            "event": "reg",
            "subscription_state": state,
            "content_type": "application/reginfo+xml",
            **wrong,
            **other,
        }
        lines = [(name.replace("_", "-"), value) for name, value in fields.items() if value]
        uri = NameAddr.parse(asked.required("contact")).uri
        return self.events.on_notify(new_request("NOTIFY", uri, [*lines, *headers], body))

    def subscribed(self, seconds: int = 7200) -> Request:
        """The registrar accepts the last SUBSCRIBE and sends the whole state, version 0."""
        self.answers(200, ("expires", str(seconds)))
        assert self.notify(document()) == 200
        return self.last

    # --- time ---

    def wait(self, seconds: float) -> None:
        """Let time pass, each deadline handed in when it comes."""
        end = self.now + seconds
        deadlines = self.context.deadlines
        while (at := deadlines.next()) is not None and at <= end:
            self.context.now = max(self.now, at)
            while (owner := deadlines.pop_due(self.now)) is not None:
                self._due(owner)
        self.context.now = end

    def _due(self, owner: Timed) -> None:
        if isinstance(owner, Registration):
            self.expired.append(owner)
            self.removed(owner)
        else:
            assert isinstance(owner, Subscription | Farewell)
            self.events.on_deadline(owner)

    # --- what is there ---

    @property
    def reports(self) -> list[str]:
        """The words of what an operator sees, without debugging."""
        reports = [one for one in self.context.effects if isinstance(one, Report)]
        return [report.event for report in reports if report.level != "debug"]

    @property
    def left_over(self) -> tuple[int, int]:
        """Entries of tables, and owners with a deadline."""
        return len(self.events), self.context.deadlines._live
