"""The dialogs of a phone: what its later requests must say, and where they go (TS 24.229 5.2.6).

A dialog begins with a response to an INVITE, SUBSCRIBE or REFER, or with a NOTIFY that is
ahead of it (RFC 6665 4.1.2.4). It ends with the BYE, the last NOTIFY, a 481, or its phone's
registration.
"""

from typing import NamedTuple

from pcscf.core import record_route
from pcscf.core.context import Context
from pcscf.core.state import Dialog, DialogKey, Registration
from pcscf.errors import ParseError
from pcscf.sip.address import NameAddr
from pcscf.sip.message import Message, Request, Response

CREATING = frozenset({"INVITE", "SUBSCRIBE", "REFER", "NOTIFY"})
_REFRESHING = CREATING | {"UPDATE"}  # RFC 3261 12.2, RFC 3311 4: they carry a new remote target
_GONE = (408, 481)  # RFC 3261 12.2.1.2: of the dialog, not of the request alone


def key_of(message: Message, *, by_phone: bool) -> DialogKey:
    """Name the dialog of a request: Call-ID, the phone's tag, the other one's.

    ``by_phone``: the request, or the one that a response is to, is the phone's.
    """
    tags = message.from_.tag or "", message.to.tag or ""
    return (message.call_id, *(tags if by_phone else tags[::-1]))


class Opening(NamedTuple):
    """What the request that begins a dialog says of it; see ``state.Dialog``.

    ``route`` and ``target`` are the core's, if the request was.
    """

    method: str
    charging: str
    identity: str
    route: tuple[str, ...] = ()
    target: str = ""


class Dialogs:
    """Begins, finds and ends dialogs."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def begin(
        self, registration: Registration, opening: Opening, response: Response, *, by_phone: bool
    ) -> None:
        """Note the dialog that a response began or confirmed.

        ``by_phone``: the request was the phone's; ``response`` is as it came.
        """
        dialog = self._dialog(registration, opening, key_of(response, by_phone=by_phone))
        self._context.registry.touch(registration)
        dialog.confirmed = dialog.confirmed or response.status >= 200
        if by_phone:
            own = record_route.to_core(self._context, registration)
            dialog.route = tuple(reversed(record_route.above(response, own)))
            dialog.target = contact_of(response) or dialog.target

    def _dialog(self, registration: Registration, opening: Opening, key: DialogKey) -> Dialog:
        dialog = registration.dialogs.get(key)
        if dialog is None:
            self._make_room(registration)
            dialog = Dialog(key, opening.method)
            registration.dialogs = {**registration.dialogs, key: dialog}
            dialog.charging, dialog.identity = opening.charging, opening.identity
            dialog.route, dialog.target = opening.route, opening.target
        return dialog

    def _make_room(self, registration: Registration) -> None:
        """Forget the oldest of too many: a peer that never says BYE leaves it for ever."""
        if len(registration.dialogs) >= self._context.policy.max_dialogs:
            del registration.dialogs[next(iter(registration.dialogs))]
            self._context.count("dialogs_forgotten")

    def find(
        self, registration: Registration, request: Request, *, by_phone: bool
    ) -> Dialog | None:
        """Find the dialog of a request; None if there is none, or if it is outside of any."""
        return registration.dialogs.get(key_of(request, by_phone=by_phone))

    def on_request(self, registration: Registration, dialog: Dialog, request: Request) -> None:
        """Take the new remote target of a request from the other side."""
        if request.method in _REFRESHING:
            self._refresh(registration, dialog, request)

    def on_response(
        self, registration: Registration, dialog: Dialog, method: str, response: Response
    ) -> None:
        """Take the new remote target of the other side's 2xx to a request of the phone."""
        if method in _REFRESHING and 200 <= response.status < 300:
            self._refresh(registration, dialog, response)

    def _refresh(self, registration: Registration, dialog: Dialog, message: Message) -> None:
        target = contact_of(message)
        if target and target != dialog.target:
            dialog.target = target
            self._context.registry.touch(registration)

    def on_final(
        self, registration: Registration, dialog: Dialog, method: str, status: int, *, last: bool
    ) -> None:
        """Take the status of a request within the dialog, whoever sent the request.

        ``last``: it was a NOTIFY that said that its subscription is over.
        """
        if method == "BYE" or status in _GONE or (last and dialog.method != "INVITE"):
            registration.dialogs.pop(dialog.key, None)
            self._context.registry.touch(registration)

    def end_early(self, registration: Registration, call_id: str, tag: str) -> None:
        """End the dialogs that an INVITE began and no 2xx confirmed; ``tag`` is its sender's."""
        early = [
            key
            for key, dialog in registration.dialogs.items()
            if key[0] == call_id and tag in key[1:] and not dialog.confirmed
        ]
        for key in early:
            del registration.dialogs[key]
            self._context.registry.touch(registration)


def contact_of(message: Message) -> str:
    """Give the one Contact's URI; "" without one that can be read."""
    try:
        return next((contact.uri for contact in message.contacts), "")
    except ParseError:
        return ""


def is_last(notify: Request) -> bool:
    """Whether a NOTIFY says that its subscription is over (RFC 6665 4.1.3)."""
    state = (notify.get("subscription-state") or "").lower()
    return state.partition(";")[0].strip() == "terminated"


def route_of(elements: tuple[str, ...]) -> list[str]:
    """Give the URIs of a route, to compare it by."""
    return [NameAddr.parse(element).uri for element in elements]
