"""A call that a phone makes: the INVITE, its answers, their ACKs (RFC 3261 13.2 and 17.1.1)."""

from typing import Any

from tests.peers.dialog import Conversing, Dialog, tag_of
from tests.peers.peer import PATIENCE, Received, Sent, UnexpectedAnswerError
from tests.peers.repeating import Repetition
from tests.peers.text import Headers, Message, follow_up

SDP = ("Content-Type", "application/sdp")


class Leg:
    """One side of a call: what both sides do within its dialog."""

    phone: Conversing

    @property
    def dialog(self) -> Dialog:
        """The dialog; LookupError if there is none yet."""
        raise NotImplementedError

    def request(self, method: str, **details: Any) -> Received:
        """Send a request in the dialog and wait for its final answer; see ``Dialog.compose``."""
        return self.dialog.request(method, **details)

    def update(self, body: bytes = b"", **details: Any) -> Received:
        """Send an UPDATE (RFC 3311)."""
        return self.request("UPDATE", **with_sdp(details, body))

    def info(self, body: bytes = b"", **details: Any) -> Received:
        """Send an INFO (RFC 6086)."""
        return self.request("INFO", body=body, **details)

    def bye(self, **details: Any) -> Received:
        """End the call."""
        answer = self.request("BYE", **details)
        self.phone.leave(self.dialog)
        return answer

    def reinvite(self, body: bytes = b"", *, contact: str = "", **details: Any) -> "Call":
        """Send an INVITE in the dialog; ``contact`` is the phone's Contact from now on."""
        if contact:
            self.dialog.contact = contact
        call = Call(self.phone, self.dialog)
        with self.phone.lock:
            request, over, transport = self.dialog.compose("INVITE", **with_sdp(details, body))
            call.watch(self.phone.send_over(over, request, transport))
        return call


def with_sdp(details: dict[str, Any], body: bytes) -> dict[str, Any]:
    """The same details of a request, with a body and its type."""
    headers: Headers = [*(details.get("headers") or []), *([SDP] if body else [])]
    return {**details, "headers": headers, "body": body}


class Call(Leg):
    """An INVITE of ours and all that came of it; ``dialogs`` has one for each To tag.

    ``provisionals`` are the 1xx without copies, ``answered`` the first 2xx of each
    To tag: a forking core may pass on several. Copies are acknowledged again.
    """

    def __init__(self, phone: Conversing, dialog: Dialog | None = None) -> None:
        self.phone = phone
        self.invite: Sent
        self.dialogs: dict[str, Dialog] = {}
        self.provisionals: list[Received] = []
        self.answered: list[Received] = []
        self.acks: dict[str, Message] = {}
        self.refusal: Received | None = None
        self._reopened = dialog
        self._repetition: Repetition | None = None

    def watch(self, invite: Sent) -> None:
        """Take charge of an INVITE that was sent under the phone's lock."""
        self.invite = invite
        invite.heard = self._heard
        if not invite.reliable:
            self._repetition = Repetition(self.phone.pump, invite.repeat, self.phone.t1)

    # -- what came of it

    @property
    def dialog(self) -> Dialog:
        """The dialog of the first 2xx, else the early one of the latest 1xx."""
        if self._reopened is not None:
            return self._reopened
        if self.answered:
            return self.dialog_of(self.answered[0])
        return list(self.dialogs.values())[-1] if self.dialogs else self._nothing()

    def _nothing(self) -> Dialog:
        raise LookupError(f"no dialog came of {self.invite.message.start!r}")

    def dialog_of(self, answer: Received) -> Dialog:
        """The dialog that an answer belongs to."""
        return self._reopened or self.dialogs[tag_of(answer.message.header("to"))]

    @property
    def final(self) -> Received | None:
        """The first final answer, if it has come."""
        return self.answered[0] if self.answered else self.refusal

    def wait(self, status: int, *, number: int = 1, timeout: float = PATIENCE) -> Received:
        """The first answer of this status, or the one of that number, without copies.

        UnexpectedAnswerError if the call ends otherwise.
        """

        def find() -> Received | None:
            answers = [
                *self.provisionals,
                *self.answered,
                *([self.refusal] if self.refusal else []),
            ]
            found = [one for one in answers if one.status == status]
            if len(found) >= number:
                return found[number - 1]
            if self.refusal or (self.answered and (status < 200 or status >= 300)):
                return self.final
            return None

        answer = self.phone.until(find, timeout, f"no {status} to {self.invite.message.start!r}")
        if answer.status != status:
            raise UnexpectedAnswerError(answer, str(status))
        return answer

    def finish(self, timeout: float = PATIENCE) -> Received:
        """The first final answer, whatever it is."""
        return self.phone.until(lambda: self.final, timeout, "no final answer")

    # -- what the caller does

    def prack(self, answer: Received, body: bytes = b"", **details: Any) -> Received:
        """Acknowledge a reliable 1xx in its early dialog (RFC 3262)."""
        number, method = answer.message.cseq
        rack = ("RAck", f"{answer.message.header('rseq')} {number} {method}")
        details = with_sdp(details, body)
        details["headers"] = [rack, *details["headers"]]
        return self.dialog_of(answer).request("PRACK", **details)

    def bye(self, **details: Any) -> Received:
        """End the call."""
        answer = super().bye(**details)
        self.phone.let_go(self.invite)
        return answer

    def cancel(self, timeout: float = PATIENCE) -> Received:
        """Send a CANCEL once a 1xx is there (RFC 3261 9.1); the answer is that to the CANCEL."""
        answers = self.invite.answers
        self.phone.until(lambda: answers, timeout, "nothing that allows a CANCEL")
        request = follow_up(self.invite.message, "CANCEL", self.invite.message.header("to"))
        sent = self.phone.start(
            request, self.invite.send, role=self.invite.role, reliable=self.invite.reliable
        )
        return self.phone.finish(sent, timeout)

    # -- in the pump's thread

    def _heard(self, answer: Received) -> None:
        if self._repetition is not None:
            self._repetition.stop()
        if answer.status >= 300:
            self._refused(answer)
        elif answer.status >= 200:
            self._accepted(answer)
        elif answer.status > 100:
            self._proceeding(answer)

    def _refused(self, answer: Received) -> None:
        ack = follow_up(self.invite.message, "ACK", answer.message.header("to"))
        self.invite.send(ack.to_bytes())
        if self.refusal is None:
            self.refusal = answer
            for dialog in self.dialogs.values():
                self.phone.leave(dialog)
            if answer.origin.transport == "TCP":  # no copy comes any more
                self.phone.let_go(self.invite)

    def _proceeding(self, answer: Received) -> None:
        known = {_name(one.message) for one in self.provisionals if "rseq" in one.message}
        if _name(answer.message) in known:
            return
        self.provisionals.append(answer)
        if tag_of(answer.message.header("to")):
            self._opened(answer)

    def _accepted(self, answer: Received) -> None:
        dialog = self._opened(answer)
        tag = tag_of(answer.message.header("to"))
        if tag not in self.acks:
            self.answered.append(answer)
            if self._reopened is None:
                dialog.learn(answer.message)  # 13.2.2.4: the route of the 2xx counts
            else:
                dialog.refresh(answer.message)
            number = self.invite.message.cseq[0]
            self.acks[tag], over, transport = dialog.compose(
                "ACK", cseq=number, transport="TCP" if self.invite.reliable else "UDP"
            )
            self._send_ack = self.phone.way(over, transport)
        self._send_ack(self.acks[tag].to_bytes())

    def _opened(self, answer: Received) -> Dialog:
        tag = tag_of(answer.message.header("to"))
        if self._reopened is not None:
            return self._reopened
        if tag not in self.dialogs:
            dialog = Dialog.asked(self.phone, self.invite.message)
            dialog.learn(answer.message)
            self.dialogs[tag] = self.phone.enter(dialog)
        return self.dialogs[tag]


def _name(answer: Message) -> tuple[str, str, int]:
    """What makes two reliable 1xx the same."""
    return tag_of(answer.header("to")), answer.get("rseq") or "", answer.status
