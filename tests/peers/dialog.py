"""Dialogs as one of their two ends keeps them (RFC 3261 section 12), and who keeps several."""

from dataclasses import dataclass, field
from typing import Any

from tests.peers.agreement import Agreement
from tests.peers.handset import Handset, secured
from tests.peers.peer import PATIENCE, Received, Sent
from tests.peers.text import Headers, Message, parameters, uri_of, uri_parameters

Key = tuple[str, str, str]  # Call-ID, our tag, their tag

# Their Contact, and that of their 2xx, is where the next request goes (RFC 3261 12.2, RFC 6665).
REFRESHING = {"INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"}
# Never confirmed by a P-CSCF's choice of SAs again (RFC 3329 section 2.3.1).
BARE = {"ACK", "CANCEL"}


def tag_of(value: str) -> str:
    """The tag of a From or To value, or ""."""
    return parameters(value).get("tag", "")


def key_of_request(request: Message) -> Key:
    """The dialog that a request from the other end belongs to."""
    header = request.header
    return header("call-id"), tag_of(header("to")), tag_of(header("from"))


@dataclass(eq=False)
class Dialog:
    """``local`` and ``remote`` are From and To of our requests, ``target`` is their Contact.

    ``route`` is in the order of our requests. ``received`` are the requests that came
    in it. A request goes under the SAs that are the phone's current ones by then.
    """

    phone: "Conversing"
    call_id: str
    local: str
    remote: str
    target: str
    route: list[str] = field(default_factory=list)
    cseq: int = 1
    remote_cseq: int = 0
    contact: str = ""
    received: list[Received] = field(default_factory=list)
    ended: bool = False

    @classmethod
    def asked(cls, phone: "Conversing", request: Message) -> "Dialog":
        """The half that is known before the answer: there is no tag of theirs yet."""
        header = request.header
        call_id, local, remote = header("call-id"), header("from"), header("to")
        return cls(phone, call_id, local, remote, request.uri, cseq=request.cseq[0])

    @classmethod
    def called(cls, phone: "Conversing", request: Message, tag: str) -> "Dialog":
        """The dialog that a request from the other end opens, under our ``tag``."""
        return cls(
            phone,
            request.header("call-id"),
            f"{request.header('to')};tag={tag}",
            request.header("from"),
            uri_of(request.get("contact") or request.header("from")),
            request.elements("record-route"),
            cseq=0,
            remote_cseq=request.cseq[0],
        )

    @property
    def key(self) -> Key:
        """What the other end's requests name it by."""
        return self.call_id, tag_of(self.local), tag_of(self.remote)

    def learn(self, answer: Message) -> None:
        """Take tag, route and target from a 1xx or 2xx to the request that opens it."""
        self.remote = answer.header("to")
        self.route = answer.elements("record-route")[::-1]
        self.refresh(answer)

    def learn_from_request(self, request: Message) -> None:
        """Take them from a NOTIFY that is faster than the answer (RFC 6665 section 4.1.2.4)."""
        self.remote = request.header("from")
        self.route = request.elements("record-route")
        self.refresh(request)

    def refresh(self, message: Message) -> None:
        """Take the remote target from a Contact, if there is one."""
        if "contact" in message:
            self.target = uri_of(message.header("contact"))

    # -- our requests

    def compose(
        self,
        method: str,
        *,
        cseq: int | None = None,
        transport: str = "",
        headers: Headers | None = None,
        body: bytes = b"",
    ) -> tuple[Message, Agreement | None, str]:
        """A request in the dialog with the next CSeq; what it goes under, and its transport."""
        phone = self.phone
        over, transport = phone.current, transport or phone.transport
        if cseq is None:
            self.cseq = cseq = self.cseq + 1
        lines = [("From", self.local), ("To", self.remote), ("Call-ID", self.call_id)]
        lines.append(("CSeq", f"{cseq} {method}"))
        if method in REFRESHING:
            lines.append(("Contact", self.contact or phone.own_contact(over)))
        if over is not None and method not in BARE:
            lines += secured(over)
        lines += headers or []
        uri, route = self._hops()
        message = phone.compose(method, uri, over, transport, route=route, headers=lines, body=body)
        return message, over, transport

    def _hops(self) -> tuple[str, list[str]]:
        """Request-URI and Route; a first hop without lr routes strictly (12.2.1.1)."""
        if self.route and "lr" not in uri_parameters(uri_of(self.route[0])):
            return uri_of(self.route[0]), [*self.route[1:], f"<{self.target}>"]
        return self.target, self.route

    def start(self, method: str, **details: Any) -> Sent:
        """Send a request; ``details`` are those of ``compose``."""
        with self.phone.lock:
            request, over, transport = self.compose(method, **details)
            sent = self.phone.send_over(over, request, transport)
            sent.heard = self._heard
        return sent

    def request(self, method: str, *, timeout: float = PATIENCE, **details: Any) -> Received:
        """Send a request and wait for its final answer."""
        return self.phone.finish(self.start(method, **details), timeout)

    def _heard(self, answer: Received) -> None:
        if 200 <= answer.status < 300 and answer.message.cseq[1] in REFRESHING:
            self.refresh(answer.message)

    # -- their requests

    def wait_for(self, method: str, number: int = 1, timeout: float = PATIENCE) -> Received:
        """The first request of a method that came in the dialog, or the one of that number."""

        def find() -> Received | None:
            found = [one for one in self.received if one.message.method == method]
            return found[number - 1] if len(found) >= number else None

        return self.phone.until(find, timeout, f"no {method} number {number} in the dialog")

    def take(self, received: Received) -> bool:
        """Note a request of theirs; False if its CSeq is not above the one before (12.2.2)."""
        number, method = received.message.cseq
        if method != "ACK":
            if number <= self.remote_cseq:
                return False
            self.remote_cseq = number
        self.received.append(received)
        if method in REFRESHING:
            self.refresh(received.message)
        return True


class Conversing(Handset):
    """A handset that knows its dialogs, and answers what comes in them."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.dialogs: dict[Key, Dialog] = {}

    def enter(self, dialog: Dialog) -> Dialog:
        """Know a dialog from now on."""
        with self.lock:
            self.dialogs[dialog.key] = dialog
        return dialog

    def leave(self, dialog: Dialog) -> None:
        """The dialog is over."""
        with self.lock:
            dialog.ended = True
            self.dialogs.pop(dialog.key, None)

    def dialog_of(self, request: Message) -> Dialog | None:
        """The dialog that a request came in."""
        call_id, ours, theirs = key_of_request(request)
        known = self.dialogs.get((call_id, ours, theirs))
        if known is None and request.method == "NOTIFY":
            known = self.dialogs.pop((call_id, ours, ""), None)
            if known is not None:
                known.learn_from_request(request)
                self.dialogs[known.key] = known
        return known
