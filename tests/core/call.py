"""A call between a phone of the stage and the core, message by message.

``OutgoingCall`` is the phone's, ``IncomingCall`` the core's. Either side's messages are made
from what the other one got, as real user agents do.
"""

from dataclasses import dataclass, field

from pcscf.core.flow import Flow
from pcscf.core.media_policy import Codec, MediaPolicy
from pcscf.sip.message import Message, Request, Response, parse
from tests.core.phone import Phone
from tests.core.stage import CORE_SIDE, FROM_CORE, S_CSCF, Stage

S_CSCF_ROUTE = f"<sip:{S_CSCF};lr>"
CALLEE = "sip:callee@198.51.100.99:5062"  # the other side's Contact
SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"

CODECS = b"m=audio 5004 RTP/AVP 96 8\r\na=rtpmap:96 EVS/16000\r\na=rtpmap:8 PCMA/8000\r\n"
AUDIO = SDP + CODECS
WITHOUT_EVS = AUDIO.replace(b" 96 8", b" 8").replace(b"a=rtpmap:96 EVS/16000\r\n", b"")
NO_EVS = MediaPolicy(remove=frozenset({Codec("evs", "audio")}))


def with_sdp(data: bytes) -> bytes:
    """The message with an SDP body that offers EVS and PCMA."""
    head = data.partition(b"Content-Length:")[0].decode()
    lines = f"Content-Type: application/sdp\r\nContent-Length: {len(AUDIO)}\r\n\r\n"
    return (head + lines).encode() + AUDIO


def head_of(message: Message, *names: str) -> list[str]:
    return [line for name in names for line in message.lines(name)]


def wire(start: str, lines: list[str], body: bytes = b"") -> bytes:
    head = "\r\n".join([start, *lines, f"Content-Length: {len(body)}", "", ""])
    return head.encode("utf-8", "surrogateescape") + body


@dataclass
class OutgoingCall:
    """The phone calls; the core has one callee, or several by ``tag``."""

    stage: Stage
    phone: Phone
    call_id: str = "out-1"
    cseq: int = 1
    flow: Flow | None = None  # the phone's; its protected one unless set
    invite: Request = field(init=False)  # as the core got it

    def says(self, data: bytes) -> None:
        self.stage.receive(self.flow or self.phone.protected_flow(), data)

    def request(self, method: str, *lines: str, to: str = "", branch: str = "") -> bytes:
        """A request of the phone outside of any dialog."""
        branch = branch or f"z9hG4bK{self.call_id}{method}{self.cseq}"
        return wire(
            f"{method} sip:b@example.net SIP/2.0",
            [
                f"Via: SIP/2.0/UDP {self.phone.host}:{self.phone.port_us};branch={branch}",
                "Max-Forwards: 70",
                f"From: <{self.phone.impu}>;tag=caller",
                f"To: {to or '<sip:b@example.net>'}",
                f"Call-ID: {self.call_id}",
                f"CSeq: {self.cseq} {method}",
                f"Contact: <sip:ue@{self.phone.host}:{self.phone.port_us}>",
                *lines,
            ],
        )

    def begins(self, *lines: str, method: str = "INVITE") -> bytes:
        """Send the INVITE; give it as the phone sent it."""
        data = self.request(method, *lines)
        self.says(data)
        self.invite = self.stage.last_to_core()
        return data

    def core_says(self, status: int, *lines: str, tag: str = "b1", contact: str = CALLEE) -> None:
        """The core's answer to the INVITE as it last came there, record-routed by the S-CSCF."""
        dialog = [
            f"Record-Route: {S_CSCF_ROUTE}",
            *self.invite.lines("record-route"),
            f"Contact: <{contact}>",
        ]
        self.stage.receive(FROM_CORE, self.answer(self.invite, status, *dialog, *lines, tag=tag))

    def answer(self, request: Request, status: int, *lines: str, tag: str = "b1") -> bytes:
        to = head_of(request, "to")[0]
        to = to if ";tag=" in to or status == 100 else f"{to};tag={tag}"
        copied = [*head_of(request, "via", "from"), to, *head_of(request, "call-id", "cseq")]
        return wire(f"SIP/2.0 {status} X", [*copied, *lines])

    def within(self, method: str, *lines: str, tag: str = "b1", branch: str = "") -> bytes:
        """A request of the phone within the dialog, by the route set that it was given."""
        if method not in {"ACK", "CANCEL"}:
            self.cseq += 1
        own = f"<sip:{self.phone.gm}:6100;lr>"
        branch = branch or f"z9hG4bK{self.call_id}{method}{self.cseq}{tag}"
        return wire(
            f"{method} {CALLEE} SIP/2.0",
            [
                f"Via: SIP/2.0/UDP {self.phone.host}:{self.phone.port_us};branch={branch}",
                f"Route: {own}, {S_CSCF_ROUTE}",
                "Max-Forwards: 70",
                f"From: <{self.phone.impu}>;tag=caller",
                f"To: <sip:b@example.net>;tag={tag}",
                f"Call-ID: {self.call_id}",
                f"CSeq: {self.cseq} {method}",
                *lines,
            ],
        )

    def from_core(self, method: str, *lines: str, token: str, tag: str = "b1") -> bytes:
        """A request of the other side within the dialog."""
        return wire(
            f"{method} sip:ue@{self.phone.host}:{self.phone.port_us} SIP/2.0",
            [
                f"Via: SIP/2.0/UDP {S_CSCF};branch=z9hG4bKother{method}{self.cseq}",
                f"Route: <sip:{token}@{CORE_SIDE};lr>",
                "Max-Forwards: 60",
                f"From: <sip:b@example.net>;tag={tag}",
                f"To: <{self.phone.impu}>;tag=caller",
                f"Call-ID: {self.call_id}",
                f"CSeq: 77 {method}",
                *lines,
            ],
        )


@dataclass
class IncomingCall:
    """The core calls; the phone answers what it got."""

    stage: Stage
    phone: Phone
    token: str
    call_id: str = "in-1"
    asked: Request = field(init=False)  # as the phone got it

    def invite(self, *lines: str, method: str = "INVITE", branch: str = "z9hG4bKin1") -> bytes:
        return wire(
            f"{method} sip:ue@{self.phone.host}:{self.phone.port_us} SIP/2.0",
            [
                f"Via: SIP/2.0/UDP {S_CSCF};branch={branch}",
                f"Record-Route: {S_CSCF_ROUTE}",
                f"Route: <sip:{self.token}@{CORE_SIDE};lr>",
                "Max-Forwards: 60",
                "From: <sip:a@example.net>;tag=a1",
                f"To: <{self.phone.impu}>",
                f"Call-ID: {self.call_id}",
                f"CSeq: 1 {method}",
                f"Contact: <{CALLEE}>",
                *lines,
            ],
        )

    def begins(self, *lines: str, method: str = "INVITE") -> None:
        self.stage.receive(FROM_CORE, self.invite(*lines, method=method))
        self.asked = self.stage.last_asked_of_phone()

    def phone_says(self, status: int, *lines: str, tag: str = "p1") -> None:
        self.phone.says(self.answer(status, *lines, tag=tag))

    def answer(self, status: int, *lines: str, tag: str = "p1") -> bytes:
        """The phone's answer, with what it must copy."""
        to = f"{head_of(self.asked, 'to')[0]};tag={tag}"
        copied = [*head_of(self.asked, "via", "record-route", "from"), to]
        copied += head_of(self.asked, "call-id", "cseq")
        contact = f"Contact: <sip:ue@{self.phone.host}:{self.phone.port_us}>"
        return wire(f"SIP/2.0 {status} X", [*copied, contact, *lines])

    def within(self, method: str, *lines: str, tag: str = "p1", cseq: int = 2) -> bytes:
        """A request of the core within the dialog."""
        return wire(
            f"{method} sip:ue@{self.phone.host}:{self.phone.port_us} SIP/2.0",
            [
                f"Via: SIP/2.0/UDP {S_CSCF};branch=z9hG4bK{self.call_id}{method}{cseq}",
                f"Route: <sip:{self.token}@{CORE_SIDE};lr>",
                "Max-Forwards: 60",
                "From: <sip:a@example.net>;tag=a1",
                f"To: <{self.phone.impu}>;tag={tag}",
                f"Call-ID: {self.call_id}",
                f"CSeq: {cseq} {method}",
                *lines,
            ],
        )


def last(stage: Stage, kind: type[Message]) -> Message:
    """The last message sent anywhere."""
    message = parse((stage.to_core + stage.to_phone)[-1].data)
    assert isinstance(message, kind)
    return message


def statuses(effects: list[bytes]) -> list[int]:
    found = [parse(data) for data in effects]
    return [message.status for message in found if isinstance(message, Response)]
