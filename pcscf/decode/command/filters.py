"""Which messages the user wants to see.

What is not shown is decoded all the same: keys and counts are those of the whole capture.
"""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from pcscf.decode.model import SipMessage
from pcscf.decode.output import glance

_SECOND: Final = 1_000_000_000
_HOSTS: Final = 4096  # addresses remembered

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Where a user's identities are: public ones, and the private one.
_USER_HEADERS: Final = (
    "from", "to", "contact", "p-asserted-identity", "p-preferred-identity", "p-called-party-id",
    "p-associated-uri", "authorization",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time, in nanoseconds since 1970, or else since the capture's first message."""

    offset: int
    relative: bool

    def at(self, start: int) -> int:
        """Give it in nanoseconds since 1970."""
        return start + self.offset if self.relative else self.offset


def read_moment(text: str) -> Moment:
    """Read seconds since the start, or a time by ISO 8601, which is in UTC if it does not say.

    Raises ValueError for anything else.
    """
    try:
        return Moment(round(float(text) * _SECOND), relative=True)
    except (ValueError, OverflowError):
        pass
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return Moment(
        (since.days * 86_400 + since.seconds) * _SECOND + since.microseconds * 1000, relative=False
    )


def read_network(text: str) -> Network:
    """Read an address or a network (192.0.2.0/24). Raises ValueError."""
    return ipaddress.ip_network(text, strict=False)


def read_spi(text: str) -> int:
    """Read an SPI as Wireshark prints it (0x000012ab) or as SIP does (4779). Raises ValueError."""
    spi = int(text, 16) if text[:2].lower() == "0x" else int(text)
    if not 0 <= spi < 1 << 32:
        raise ValueError("an SPI has 32 bits")
    return spi


@dataclass(slots=True)
class Filters:
    """What was asked for. Several values of one kind are alternatives; all kinds must fit.

    ``users`` are looked for as parts of the identities in a message, in any case. A filter by
    method lets responses to it through.
    """

    call_ids: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset()
    users: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    spis: frozenset[int] = frozenset()
    after: Moment | None = None
    before: Moment | None = None
    _take_all: bool = field(default=False, init=False)  # nothing was asked for
    _start: int | None = field(default=None, init=False)
    _hosts: dict[str, bool] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.methods = frozenset(method.upper() for method in self.methods)
        self.users = tuple(user.lower() for user in self.users)
        lists = (self.call_ids, self.methods, self.users, self.networks, self.spis)
        self._take_all = not any(lists) and self.after is self.before is None

    def begin(self, start: int) -> None:
        """Take the time of a message: seconds count from the first one that was given."""
        if self._start is None:
            self._start = start

    def passes(self, message: SipMessage) -> bool:
        """Whether the message is wanted."""
        return self._take_all or (
            self._in_time(message.time)
            and (not self.spis or (message.sa is not None and message.sa.spi in self.spis))
            and (not self.networks or self._has_host(message))
            and (not self.methods or glance.method(message.data).upper() in self.methods)
            and (not self.call_ids or glance.call_id(message.data) in self.call_ids)
            and (not self.users or self._has_user(message))
        )

    def _in_time(self, time: int) -> bool:
        start = self._start or 0
        if self.after is not None and time < self.after.at(start):
            return False
        return self.before is None or time <= self.before.at(start)

    def _has_host(self, message: SipMessage) -> bool:
        return self._wanted(message.src.host) or self._wanted(message.dst.host)

    def _wanted(self, host: str) -> bool:
        wanted = self._hosts.get(host)
        if wanted is None:
            address = ipaddress.ip_address(host)
            wanted = any(address in network for network in self.networks)
            if len(self._hosts) < _HOSTS:
                self._hosts[host] = wanted
        return wanted

    def _has_user(self, message: SipMessage) -> bool:
        return any(user in text for text in _identities(message) for user in self.users)


def _identities(message: SipMessage) -> Iterator[str]:
    """Give texts in lower case that hold identities."""
    if message.sa is not None:
        yield message.sa.user.lower()
    yield message.start_line.lower()
    parsed = message.parsed
    if parsed is None:
        return
    for name in _USER_HEADERS:
        for value in parsed.values(name):
            yield value.lower()
