"""A message that a function works on: the core's own until the first change, then a copy.

So what a function has changed before it failed is thrown away with its draft, and one that
only looks costs no copy. Every change is checked before it is made.
"""

from collections.abc import Sequence

from pcscf.core.hooks import Case, Point
from pcscf.core.policy import Target
from pcscf.core.target import target_of_uri
from pcscf.errors import NotAllowedError, ParseError, SipError
from pcscf.hooks import rules
from pcscf.sip.check import check_uri
from pcscf.sip.limits import Limits
from pcscf.sip.message import Request, Response
from pcscf.sip.names import printed
from pcscf.sip.uri import SipUri

_SOS = "urn:service:sos"
_FAILURES = range(400, 700)
_MOST_TARGETS = 8
_LONGEST_REASON = 128
_LONGEST_URI = 1024


class Draft:
    """One message for one function. ``targets`` are where it wants a request to go."""

    def __init__(self, case: Case, message: Request | Response, limits: Limits) -> None:
        self.case = case
        self.message = message
        self.targets: tuple[Target, ...] = ()
        self.is_changed = False
        self._limits = limits
        self._is_over = False
        self._register = message.cseq.method == "REGISTER"

    def end(self) -> None:
        """Let no more changes be made: the function has had its time."""
        self._is_over = True

    def check_size(self) -> None:
        """Raise NotAllowedError if it has become larger than a message may be."""
        lines = sum(map(self.message.count, self.message.names()))
        size = len(self.message.to_bytes())
        if size > self._limits.max_message or lines > self._limits.max_headers:
            raise NotAllowedError(f"the message has become too large: {size} octets, {lines} lines")

    # headers

    def set(self, name: str, value: str) -> None:
        """Leave one line of that name, with this value."""
        folded = self._checked(name, value)
        self._change(printed(folded)).set(folded, value)

    def add(self, name: str, value: str) -> None:
        """Put a line below the last one of that name, or below all."""
        folded = self._checked(name, value)
        self._change(printed(folded)).append(folded, value)

    def remove(self, name: str) -> None:
        """Take out every line of that name; none is no error."""
        folded = self._checked(name)
        if folded in self.message:
            self._change(printed(folded)).remove(folded)

    def _checked(self, name: str, value: str = "") -> str:
        folded = rules.folded(name)
        rules.check_name(folded, register=self._register)
        rules.check_text(value, self._limits.max_line - len(folded) - 2, printed(folded))
        return folded

    # the rest

    def set_body(self, body: bytes) -> None:
        """Give it another body, and the length of that."""
        if not isinstance(body, bytes):
            raise NotAllowedError(f"a body is bytes, not {type(body).__name__}")
        if len(body) > self._limits.max_body:
            raise NotAllowedError(f"a body has at most {self._limits.max_body} octets")
        self._change("the body").body = body

    def set_uri(self, uri: str) -> None:
        """Give a request another Request-URI."""
        self._check_may_go_elsewhere("the Request-URI")
        if self.case.point is Point.REGISTRATION:
            raise NotAllowedError("the Request-URI of a REGISTER is in the phone's credentials")
        _check_uri(uri, sos=self.case.point is Point.EMERGENCY)
        request = self._change("the Request-URI")
        if isinstance(request, Request):
            request.uri = uri

    def set_status(self, status: int, reason: str) -> None:
        """Give a failure another status."""
        response = self.message
        if not isinstance(response, Response) or self._register:
            raise NotAllowedError("the answer to a REGISTER keeps its status")
        rules.check_status(response.status, _FAILURES)
        rules.check_status(status, _FAILURES)
        rules.check_text(reason, _LONGEST_REASON, "a reason")
        changed = self._change("the status")
        if isinstance(changed, Response):
            changed.restate(status, reason)

    # where a request goes

    def route_to(self, uris: Sequence[str]) -> None:
        """Send a request to these, the first that answers, whatever its Route says."""
        self._check_may_go_elsewhere("where it goes")
        if not 0 < len(uris) <= _MOST_TARGETS:
            raise NotAllowedError(f"between 1 and {_MOST_TARGETS} URIs can be given")
        targets = tuple(map(_target, uris))
        self._change("where it goes").remove("route")
        self.targets = targets

    def route_through(self, uri: str) -> None:
        """Put a host ahead of all others in Route, so that it passes the request on."""
        self._check_may_go_elsewhere("where it goes")
        target = _target(uri)
        loose = uri if "lr" in SipUri.parse(uri).params else f"{uri};lr"
        self._change("where it goes").prepend("route", f"<{loose}>")
        self.targets = (target,)

    def _check_may_go_elsewhere(self, what: str) -> None:
        if self.case.point is Point.PHONE:
            raise NotAllowedError(f"{what} cannot be changed on the way to a phone")
        if self.case.in_dialog:
            raise NotAllowedError(f"{what} cannot be changed within a dialog, which has a way")

    def _change(self, what: str) -> Request | Response:
        """Give the copy that this function's changes are made in."""
        if self._is_over:
            raise NotAllowedError(f"{what} cannot be changed: the message has gone on")
        if not self.is_changed:
            self.message = self.message.copy()
            self.is_changed = True
        return self.message


def _check_uri(uri: str, *, sos: bool) -> None:
    rules.check_text(uri, _LONGEST_URI, "a Request-URI")
    try:
        check_uri(uri)
    except SipError as error:
        raise NotAllowedError(f"{uri[:80]!r} is no Request-URI: {error.reason}") from None
    if _is_sos(uri) is not sos:
        raise NotAllowedError(f"no request becomes, or ceases to be, one for {_SOS}")


def _is_sos(uri: str) -> bool:
    lower = uri[: len(_SOS) + 1].lower()
    return lower in (_SOS, f"{_SOS}.")


def _target(uri: str) -> Target:
    rules.check_text(uri, _LONGEST_URI, "a URI")
    try:
        target = target_of_uri(SipUri.parse(uri))
    except ParseError:
        target = None
    if target is None:
        raise NotAllowedError(f"{uri[:80]!r} is not sip:HOST, with ;transport=udp or tcp at most")
    return target
