"""Whose messages a trace shows.

A message is the phone's if it comes from its address or goes there, if its Call-ID is that of
one before, or if it names the phone: so a call is there from its first message on the core's
side on. All of it is told by octets; no message is parsed.
"""

from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Final

from pcscf.core.flow import Flow
from pcscf.core.granted import identity_key
from pcscf.core.views import Look, UeView, Views
from pcscf.decode.output import glance
from pcscf.mirror.names import Names, public

_CALLS: Final = 1000  # Call-IDs remembered, those used last
_USERS: Final = 100  # IMPIs, the first ones
_CHANGING: Final = {"REGISTER", "NOTIFY"}  # what gives a phone other identities, or takes them


class Watched:
    """One phone, or all phones of one user. ``who`` is an address, an IMPU or an IMPI.

    ``clock`` is that of the core, in seconds. Who is registered already is found by ``looking``;
    until then, and before a phone registers, ``who`` alone is known. From then on what goes with
    it is kept up to date.
    """

    def __init__(self, who: str, views: Views, clock: Callable[[], float]) -> None:
        self._who = who
        self._address = _address_of(who)
        self._key = identity_key(public(who))
        self._views = views
        self._clock = clock
        self._calls: dict[str, None] = {}  # the one used last stands last
        self._users: dict[str, None] = {}  # IMPIs
        self._hosts, self._names = self._known([])

    def looking(self) -> Look[None]:
        """Look at all phones, in steps."""
        found = yield from self._views.finding(self._who, self._clock())
        if not found and ":" not in self._who:
            found = yield from self._views.finding(f"sip:{self._who}", self._clock())
        self._learn(ue.impi for ue in found)

    def has(self, flow: Flow, data: bytes, *, sent: bool) -> bool:
        """Whether a message on a flow is the phone's."""
        call_id = glance.call_id(data)
        host = flow.remote.host
        if not (host in self._hosts or call_id in self._calls or self._names.are_in(data)):
            return False
        if call_id is not None:
            self._remember(call_id)
        if sent and data.startswith(b"SIP/2.0 2") and glance.method(data) in _CHANGING:
            # An answer leaves when the core has done what was asked.
            user = self._views.user(flow)
            self._learn([] if user is None else [user])
        return True

    def _remember(self, call_id: str) -> None:
        self._calls.pop(call_id, None)
        self._calls[call_id] = None
        if len(self._calls) > _CALLS:
            del self._calls[next(iter(self._calls))]

    def _learn(self, users: Iterable[str]) -> None:
        """Take these for users of who is watched, and see what goes with all of them now."""
        for impi in users:
            if len(self._users) < _USERS:
                self._users[impi] = None
        now = self._clock()
        ues = [ue for impi in self._users for ue in self._views.of_user(impi, now)]
        self._hosts, self._names = self._known(ues)

    def _known(self, ues: list[UeView]) -> tuple[set[str], Names]:
        """Give the addresses and names of phones, those of ``who`` with them."""
        if self._address is not None:
            return {self._address}, Names([], [ue for ue in ues if ue.ue == self._address])
        ues = [ue for ue in ues if self._is_who(ue)]
        return {ue.ue for ue in ues}, Names([self._who], ues)

    def _is_who(self, ue: UeView) -> bool:
        """Whether a phone has the identity that is watched; it may have lost it."""
        registered = (*ue.identities, *(f"<{binding.impu}>" for binding in ue.bindings))
        return ue.impi == self._who or self._key in map(identity_key, registered)


def _address_of(who: str) -> str | None:
    """Give a numeric address as the kernel prints it; None for an identity."""
    try:
        return str(ip_address(who.strip("[]")))
    except ValueError:
        return None
