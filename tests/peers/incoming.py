"""A call that comes to a phone (RFC 3261 13.3 and 17.2.1, RFC 3262 section 3)."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus

from tests.peers.dialog import Conversing, Dialog, tag_of
from tests.peers.outgoing import SDP, Leg
from tests.peers.peer import PATIENCE, Received
from tests.peers.repeating import Repetition
from tests.peers.text import Headers, Message, make_response

REASONS = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    600: "Busy Everywhere",
    603: "Decline",
}


def reason_of(status: int) -> str:
    """The reason phrase of a status code."""
    return REASONS.get(status) or HTTPStatus(status).phrase


class IncomingCall(Leg):
    """An INVITE of theirs. ``responses`` are ours to it, without copies.

    A 2xx is repeated until its ACK comes, over TCP too; a reliable 1xx until its PRACK.
    """

    def __init__(self, phone: Conversing, invite: Received, dialog: Dialog | None = None) -> None:
        self.phone, self.invite = phone, invite
        self.tag = phone.new_id()
        self._dialog = dialog or phone.enter(Dialog.called(phone, invite.message, self.tag))
        self.responses: list[Message] = []
        self.final = 0
        self.cancelled = False
        self.ack: Received | None = None
        self._send = phone.way_back(invite)
        self._rseq = 0
        self._unpracked: dict[int, Repetition] = {}
        self._repetition: Repetition | None = None

    @property
    def dialog(self) -> Dialog:
        """The dialog, early until ``answer``."""
        return self._dialog

    def send_trying(self) -> None:
        """Answer 100, which is no part of a dialog."""
        request = self.invite.message
        self.phone.answer(request, make_response(request, 100, "Trying", to_tag=""), self._send)

    def ring(
        self,
        status: int = 180,
        *,
        reliable: bool = False,
        body: bytes = b"",
        headers: Headers | None = None,
    ) -> Message:
        """Answer with a 1xx; the test waits for the PRACK to a reliable one where it likes."""
        with self.phone.lock:
            lines = list(headers or [])
            if reliable:
                self._rseq += 1
                lines += [("Require", "100rel"), ("RSeq", str(self._rseq))]
            response, repeat = self._respond(status, lines, body)
            if reliable:
                self._unpracked[self._rseq] = Repetition(self.phone.pump, repeat, self.phone.t1)
        return response

    def answer(
        self, status: int = 200, body: bytes = b"", headers: Headers | None = None
    ) -> Message:
        """Accept the call; ``wait_for_ack`` says when the caller knows."""
        phone = self.phone
        with phone.lock:
            self.final = status
            response, repeat = self._respond(status, headers or [], body)
            self._repetition = Repetition(phone.pump, repeat, phone.t1, phone.t2)
        return response

    def reject(self, status: int = 486, headers: Headers | None = None) -> Message:
        """Refuse the call; over UDP that is repeated until the ACK."""
        phone = self.phone
        with phone.lock:
            self.final = status
            response, repeat = self._respond(status, headers or [], b"")
            if self.invite.origin.transport == "UDP":
                self._repetition = Repetition(phone.pump, repeat, phone.t1, phone.t2)
            if not tag_of(self.invite.message.header("to")):
                phone.leave(self._dialog)
        return response

    def wait_for_ack(self, timeout: float = PATIENCE) -> Received:
        """The ACK to the final answer."""
        return self.phone.until(lambda: self.ack, timeout, "no ACK")

    def wait_for_cancel(self, timeout: float = PATIENCE) -> None:
        """Wait until the caller has given up."""
        self.phone.until(lambda: self.cancelled, timeout, "no CANCEL")

    def _respond(
        self, status: int, headers: Headers, body: bytes
    ) -> tuple[Message, Callable[[], None]]:
        """Send a response; it, and how to send it again."""
        request = self.invite.message
        lines: Headers = [("Record-Route", value) for value in request.values("record-route")]
        if status < 300:
            lines.append(("Contact", self._dialog.contact or self.phone.contact))
        if status >= 200:
            self._stop()
        lines += [*headers, *([SDP] if body else [])]
        response = make_response(
            request, status, reason_of(status), lines, to_tag=self.tag, body=body
        )
        self.responses.append(response)
        self.phone.answer(request, response, self._send)
        return response, partial(self._send, response.to_bytes())

    def _stop(self) -> None:
        for repetition in (*self._unpracked.values(), self._repetition):
            if repetition is not None:
                repetition.stop()

    # -- in the pump's thread

    def on_ack(self, received: Received) -> bool:
        """Take an ACK; False if it is none to the final answer (a refusal's has our branch)."""
        same = received.message.branch == self.invite.message.branch
        if not self.final or same != (self.final >= 300):
            return False
        self._stop()
        self.ack = received
        return True

    def on_cancel(self) -> None:
        """Take a CANCEL: 487, unless there is a final answer."""
        self.cancelled = True
        if not self.final:
            self.reject(487)

    def on_prack(self, rseq: int) -> bool:
        """Take a PRACK; False if there is nothing that it acknowledges."""
        repetition = self._unpracked.pop(rseq, None)
        if repetition is not None:
            repetition.stop()
        return repetition is not None
