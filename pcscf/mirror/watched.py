"""Whose messages a trace shows.

A message is the phone's if it comes from its address or goes there, if its Call-ID is that of
one before, or if it names the phone: so a call is there from its first message on the core's
side on. All of it is told by octets; no message is parsed.
"""

from collections.abc import Callable
from ipaddress import ip_address
from math import inf
from typing import Final

from pcscf.core.views import UeView, Views
from pcscf.decode.output import glance
from pcscf.mirror.names import Names

_CALLS: Final = 1000  # Call-IDs remembered, those used last
_PAUSE: Final = 1.0  # seconds between two looks at all phones, which take a while each
_CHANGING: Final = {"REGISTER", "NOTIFY"}  # what gives a phone other identities, or takes them


class Watched:
    """One phone, or all phones of one user. ``who`` is an address, an IMPU or an IMPI.

    ``clock`` is that of the core, in seconds. What goes with ``who`` is looked up at once, and
    again when it changes; a phone that is not registered yet is known by ``who`` alone.
    """

    def __init__(self, who: str, views: Views, clock: Callable[[], float]) -> None:
        self._who = who
        self._address = _address_of(who)
        self._views = views
        self._clock = clock
        self._calls: dict[str, None] = {}  # the one used last stands last
        self._is_stale = False
        self._looked_up = -inf
        self._hosts, self._names = self._look_up()

    def has(self, host: str, data: bytes, *, sent: bool) -> bool:
        """Whether a message is the phone's; ``host`` is where it came from, or goes to if sent."""
        if self._is_stale and self._clock() >= self._looked_up + _PAUSE:
            self._hosts, self._names = self._look_up()
            self._looked_up, self._is_stale = self._clock(), False
        call_id = glance.call_id(data)
        if not (host in self._hosts or call_id in self._calls or self._names.are_in(data)):
            return False
        if call_id is not None:
            self._remember(call_id)
        if sent and data.startswith(b"SIP/2.0 2") and glance.method(data) in _CHANGING:
            self._is_stale = True  # an answer leaves when the core has done what was asked
        return True

    def _remember(self, call_id: str) -> None:
        self._calls.pop(call_id, None)
        self._calls[call_id] = None
        if len(self._calls) > _CALLS:
            del self._calls[next(iter(self._calls))]

    def _look_up(self) -> tuple[set[str], Names]:
        """Find the addresses and names that go with who is watched."""
        ues = self._ues()
        hosts = {ue.ue for ue in ues}
        if self._address is None:
            return hosts, Names([self._who], ues)
        return hosts | {self._address}, Names([], ues)

    def _ues(self) -> list[UeView]:
        views, now = self._views, self._clock()
        if self._address is not None:
            return views.ues_at(self._address, now)
        return views.ues_of(self._who, now) or views.ues_of(f"sip:{self._who}", now)


def _address_of(who: str) -> str | None:
    """Give a numeric address as the kernel prints it; None for an identity."""
    try:
        return str(ip_address(who.strip("[]")))
    except ValueError:
        return None
