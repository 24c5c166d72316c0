"""What a phone can do beside registering: calls both ways, subscriptions, other requests.

::

    call = alice.invite(bob.identity, body=alice.sdp)
    there = bob.wait_for_call()
    there.ring(183, reliable=True, body=bob.sdp)
    call.prack(call.wait(183))
    there.answer(200)
    call.wait(200)
    there.wait_for_ack()
    there.bye()                       # or call.bye(): both sides are alike by now
    call.dialog.wait_for("BYE")
"""

from collections import deque
from typing import Any

from tests.peers.dialog import Conversing, Dialog, tag_of
from tests.peers.incoming import IncomingCall, reason_of
from tests.peers.outgoing import Call, with_sdp
from tests.peers.peer import PATIENCE, Received, UnexpectedAnswerError
from tests.peers.text import Headers, Message, make_response

# These mean nothing outside a dialog (RFC 3261 12.2.2).
WITHIN_DIALOGS = {"BYE", "UPDATE", "PRACK", "INFO"}
OPENING = {"SUBSCRIBE": 200, "REFER": 202}
SUBSCRIBED = 600_000  # seconds (TS 24.229 5.1.1.3)

Transaction = tuple[str, str, int]  # Call-ID, their tag, number in CSeq


class CallingHandset(Conversing):
    """A handset that makes and takes calls.

    ``picks_up`` answers every call at once. ``trying`` sends 100 when a call comes, as
    phones do. ``accepts`` answers re-INVITEs at once; else ``wait_for_call`` gives them too.
    ``incoming`` are all calls that came, unless ``record`` is False.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.picks_up = False
        self.trying = True
        self.accepts = True
        self.incoming: list[IncomingCall] = []
        self._waiting: deque[IncomingCall] = deque()
        self._opened: deque[Dialog] = deque()
        self._calls: dict[Transaction, IncomingCall] = {}

    @property
    def sdp(self) -> bytes:
        """An audio session at its own address (RFC 8866)."""
        family = "IP6" if ":" in self.address else "IP4"
        lines = [
            "v=0",
            f"o=- 1 1 IN {family} {self.address}",
            "s=-",
            f"c=IN {family} {self.address}",
            "t=0 0",
            "m=audio 49152 RTP/AVP 96 97",
            "a=rtpmap:96 AMR-WB/16000",
            "a=rtpmap:97 telephone-event/16000",
            "a=ptime:20",
            "",
        ]
        return "\r\n".join(lines).encode()

    # -- what it asks

    def invite(
        self, uri: str, body: bytes = b"", headers: Headers | None = None, **details: Any
    ) -> Call:
        """Call somebody; ``details`` are those of ``start_request``."""
        lines: Headers = [("Contact", self.contact), ("Supported", "100rel, timer")]
        call = Call(self)
        with self.lock:
            details = with_sdp({**details, "headers": [*lines, *(headers or [])]}, body)
            call.watch(self.start_request("INVITE", uri, **details))
        return call

    def subscribe(
        self, uri: str, event: str = "reg", expires: int = SUBSCRIBED, **details: Any
    ) -> Dialog:
        """Subscribe; what is notified is waited for in the dialog. UnexpectedAnswerError."""
        headers = [("Event", event), ("Expires", str(expires)), *details.pop("headers", [])]
        return self._open_dialog("SUBSCRIBE", uri, headers, details)

    def refer(self, uri: str, refer_to: str, **details: Any) -> Dialog:
        """Send a REFER outside any call (RFC 3515). UnexpectedAnswerError."""
        headers = [("Refer-To", f"<{refer_to}>"), *details.pop("headers", [])]
        return self._open_dialog("REFER", uri, headers, details)

    def _open_dialog(
        self, method: str, uri: str, headers: Headers, details: dict[str, Any]
    ) -> Dialog:
        with self.lock:  # a NOTIFY may be faster than the answer
            lines = [("Contact", self.contact), *headers]
            sent = self.start_request(method, uri, headers=lines, **details)
            dialog = self.enter(Dialog.asked(self, sent.message))
        answer = self.finish(sent)
        with self.lock:
            self.dialogs.pop(dialog.key, None)
            if answer.status >= 300:
                raise UnexpectedAnswerError(answer, "2xx")
            dialog.learn(answer.message)
            return self.enter(dialog)

    def publish(
        self, uri: str, body: bytes, event: str = "presence", etag: str = "", **details: Any
    ) -> Received:
        """Publish event state (RFC 3903), and wait for the answer with its SIP-ETag."""
        headers = [("Event", event), ("Expires", "3600"), *details.pop("headers", [])]
        headers += [("SIP-If-Match", etag)] if etag else []
        headers += [("Content-Type", "application/pidf+xml")] if body else []
        return self.finish(
            self.start_request("PUBLISH", uri, headers=headers, body=body, **details)
        )

    def options(self, uri: str, **details: Any) -> Received:
        """Ask for capabilities, and wait for the answer."""
        return self.finish(self.start_request("OPTIONS", uri, **details))

    def forget_calls(self) -> None:
        """Know nothing of any call or subscription any more."""
        with self.lock:
            for known in (self.dialogs, self._calls, self._waiting, self._opened):
                known.clear()

    # -- what comes

    def wait_for_call(self, timeout: float = PATIENCE) -> IncomingCall:
        """The oldest call that no wait has given yet and that was not picked up."""
        self.until(lambda: self._waiting, timeout, "no call")
        return self._waiting.popleft()

    def wait_for_dialog(self, timeout: float = PATIENCE) -> Dialog:
        """The oldest dialog that a SUBSCRIBE or REFER has opened and no wait has given yet."""
        self.until(lambda: self._opened, timeout, "no SUBSCRIBE or REFER")
        return self._opened.popleft()

    def on_request(self, received: Received) -> None:
        """Treat a request that is new; called in the pump's thread, under the lock."""
        request = received.message
        special = {"INVITE": self._on_invite, "ACK": self._on_ack, "CANCEL": self._on_cancel}
        if request.method in special:
            special[request.method](received)
        elif (dialog := self.dialog_of(request)) is not None:
            self._on_request_within(dialog, received)
        elif request.method in OPENING and not tag_of(request.header("to")):
            self._on_opening(received)
        elif request.method in WITHIN_DIALOGS and request.method not in self.answers:
            self.respond(received, 481)
        else:
            super().on_request(received)

    def respond(
        self,
        received: Received,
        status: int,
        headers: Headers | None = None,
        body: bytes = b"",
        tag: str = "phone",
    ) -> None:
        """Answer a request that is no INVITE."""
        response = make_response(
            received.message, status, reason_of(status), headers, to_tag=tag, body=body
        )
        self.answer(received.message, response, self.way_back(received))

    def _on_invite(self, received: Received) -> None:
        request = received.message
        dialog = self.dialog_of(request)
        if dialog is None and tag_of(request.header("to")):
            self.respond(received, 481)
            return
        if dialog is not None and not dialog.take(received):
            self.respond(received, 500)
            return
        call = IncomingCall(self, received, dialog)
        self._calls[transaction_of(request)] = call
        if self.record:
            self.incoming.append(call)
        self._treat(call, again=dialog is not None)

    def _treat(self, call: IncomingCall, *, again: bool) -> None:
        if "INVITE" in self.answers:
            self._answer_as_planned(call)
        elif again and self.accepts:
            call.answer(200, self.sdp)
        elif self.picks_up:
            call.ring(180)
            call.answer(200, self.sdp)
        else:
            if self.trying:
                call.send_trying()
            self._waiting.append(call)

    def _answer_as_planned(self, call: IncomingCall) -> None:
        planned = self.answers["INVITE"]
        if planned is not None:
            status, _reason, headers = planned
            finish = call.answer if status < 300 else call.reject
            finish(status, headers=headers)

    def _on_ack(self, received: Received) -> None:
        request = received.message
        dialog = self.dialog_of(request)
        if dialog is not None:
            dialog.take(received)
        call = self._calls.get(transaction_of(request))
        if call is not None and call.on_ack(received):
            del self._calls[transaction_of(request)]

    def _on_cancel(self, received: Received) -> None:
        """A CANCEL belongs to the INVITE of its branch (RFC 3261 section 9.2)."""
        request = received.message
        call = self._calls.get(transaction_of(request))
        if call is None or call.invite.message.branch != request.branch:
            self.respond(received, 481)
            return
        self.respond(received, 200, tag=call.tag)
        call.on_cancel()

    def _on_request_within(self, dialog: Dialog, received: Received) -> None:
        method = received.message.method
        if not dialog.take(received):
            self.respond(received, 500)
        elif method == "PRACK" and not self._is_due(received.message):
            self.respond(received, 481)
        elif method in self.answers:
            super().on_request(received)
        else:
            self._agree(dialog, received)
            if method == "BYE":
                self.leave(dialog)

    def _is_due(self, prack: Message) -> bool:
        rseq, number, _method = prack.header("rack").split()
        call_id, tag, _ = transaction_of(prack)
        call = self._calls.get((call_id, tag, int(number)))
        return call is not None and call.on_prack(int(rseq))

    def _agree(self, dialog: Dialog, received: Received, tag: str = "") -> None:
        """200 (202 to REFER), with a session for a session."""
        request = received.message
        headers: Headers = [("Record-Route", one) for one in request.values("record-route")]
        if request.method in {"UPDATE", "SUBSCRIBE", "REFER"}:
            headers.append(("Contact", dialog.contact or self.contact))
        if request.method == "SUBSCRIBE":
            headers.append(("Expires", request.get("expires") or str(SUBSCRIBED)))
        body = self.sdp if request.get("content-type") == "application/sdp" else b""
        headers += [("Content-Type", "application/sdp")] if body else []
        self.respond(received, OPENING.get(request.method, 200), headers, body, tag)

    def _on_opening(self, received: Received) -> None:
        if received.message.method in self.answers:
            super().on_request(received)
            return
        tag = self.new_id()
        dialog = self.enter(Dialog.called(self, received.message, tag))
        dialog.received.append(received)
        self._opened.append(dialog)
        self._agree(dialog, received, tag)


def transaction_of(request: Message) -> Transaction:
    """What an INVITE, its ACK and its CANCEL have in common."""
    header = request.header
    return header("call-id"), tag_of(header("from")), request.cseq[0]
