"""ESP packets opened, and what came of them counted in their SAs (RFC 4303 3.4)."""

import struct
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from pcscf.decode.keys.backlog import PATIENCE
from pcscf.decode.keys.null import (
    IPIP,
    IPV6,
    TCP,
    UDP,
    NullLayout,
    null_opener,
    proves_itself,
    recognise,
)
from pcscf.decode.keys.sas import SaTable
from pcscf.decode.keys.wildcards import Wildcards, codec_of
from pcscf.decode.model import Candidate, Fault, Packet, Sa
from xfrm.algorithms import Suite
from xfrm.errors import EspError, EspIntegrityError
from xfrm.esp import EspPayload
from xfrm.model import REPLAY_WINDOW

NULL_ORIGIN: Final = "NULL, ICV unchecked"

_HEADER_SIZE: Final = 8
_SPI: Final = struct.Struct("!I").unpack_from
_SEQUENCE: Final = struct.Struct("!4xI").unpack_from
_PORTS: Final = struct.Struct("!HH").unpack_from
_GMAC: Final = Suite("aes-gmac", "null")
_TRANSPORTS: Final = frozenset((UDP, TCP))
_TUNNELS: Final = frozenset((IPIP, IPV6))
_PORTS_SIZE: Final = 4
_DUMMY: Final = 59  # RFC 4303 2.6: no next header, to be dropped
# Numbers remembered behind the highest: more than a receiver's window, as a capture of
# several interfaces may be out of order.
_MEMORY: Final = 1024
_MASK: Final = (1 << _MEMORY) - 1
_FIRST_ATTEMPTS: Final = 4  # packets of an SA on which all keys are tried; then fewer and fewer
_IPV4_SIZE: Final = 20
_IPV6_SIZE: Final = 40
_MAX_CODECS: Final = 4096  # of SAs; each takes some kilobytes, and can be made again
_MAX_TOLD: Final = 3  # origins of keys that were tried in vain

Open = Callable[[bytes], EspPayload]


class Opened(NamedTuple):
    """What came of an ESP packet.

    ``sa`` is None only if there was no SPI. ``packet`` is what was inside, in tunnel mode an
    IP packet as the payload of protocol 4 or 41; None if it could not be read, or must not be
    because it is a repetition. ``fault`` may stand beside a packet: SELECTOR, LATE.
    """

    sa: Sa | None
    packet: Packet | None
    fault: Fault | None


WAITS: Final = Opened(None, None, None)  # and is not counted yet: keys may come


class _State:
    """What an SA's packets are opened with, and which numbers were seen."""

    __slots__ = (
        "attempts",
        "fault",
        "is_proven",
        "null",
        "open",
        "seen",
        "top",
        "unread",
        "version",
        "waits_until",
    )

    def __init__(self) -> None:
        self.open: Open | None = None
        self.null: Open | None = None  # opens it as NULL, as long as there are no keys
        self.is_proven = False  # a packet was good: algorithm and keys are right
        self.top = 0  # the highest number
        self.seen = 0  # bit n: top - n was seen
        self.unread = 0  # packets behind top that were there, if not readable
        self.attempts = 0
        self.waits_until: int | None = None  # by the capture's clock: then no keys are expected
        self.version = -1  # of the wildcards at the last attempt
        self.fault = Fault.UNKNOWN_SPI  # what the last attempt ended with


class Opener:
    """Opens packets with the SAs of a table; for others it tries keys, and then none at all.

    ``without_spi`` counts packets too short for an SPI.
    """

    def __init__(self, table: SaTable, wildcards: Wildcards | None = None) -> None:
        self.without_spi = 0
        self._table = table
        self._wildcards = wildcards or Wildcards()
        self._states: dict[Sa, _State] = {}  # of SAs in the table
        self._table.on_drop = self._forget
        self._with_codec: deque[_State] = deque()

    def open(self, packet: Packet, *, wait: bool = False) -> Opened:
        """Open one packet, from the SPI on. What came of it is counted in its SA.

        With ``wait`` the answer for one without keys is WAITS, if its SA is young. Who asks for
        that has to come back with it.
        """
        payload = packet.payload
        if len(payload) < _HEADER_SIZE:
            self.without_spi += 1
            return Opened(None, None, Fault.CUT if packet.missing else Fault.MALFORMED)
        (spi,) = _SPI(payload)
        sa = self._table.find(packet.dst, spi, packet.time)
        if sa is None:
            sa = self._table.add_unknown(Sa(spi, packet.src, packet.dst))
        state = self._states.get(sa) or self._begin(sa)
        if packet.missing:
            return _unread(sa, state, packet, Fault.CUT)
        if state.open is None:
            return self._guess(sa, state, packet, wait)
        try:
            inside = state.open(payload)
        except EspIntegrityError:
            fault = Fault.BAD_ICV if state.is_proven else Fault.WRONG_KEY
            return self._try_others(sa, state, packet, fault)
        except EspError:
            return self._try_others(sa, state, packet, Fault.MALFORMED)
        return _read(sa, state, packet, inside)

    def _begin(self, sa: Sa) -> _State:
        state = self._states[sa] = _State()
        self._equip(sa, state)
        return state

    def _forget(self, sa: Sa) -> None:
        self._states.pop(sa, None)

    def _equip(self, sa: Sa, state: _State) -> None:
        """Make what opens the packets of an SA, if its keys are known."""
        if sa.suite is not None and sa.keys is not None:
            candidate = Candidate(sa.suite, sa.keys, sa.origin, sa.checked)
            self._give_codec(state, codec_of(candidate).open)

    def _give_codec(self, state: _State, open_: Open) -> None:
        state.open = open_
        self._with_codec.append(state)
        if len(self._with_codec) > _MAX_CODECS:
            self._with_codec.popleft().open = None

    # -- packets that the keys at hand do not open -----------------------------------------------

    def _try_others(self, sa: Sa, state: _State, packet: Packet, fault: Fault) -> Opened:
        """Try what else may be behind the SPI: another algorithm, the SA of another time."""
        if not state.is_proven and self._may_try(state):
            for candidate in sa.candidates:
                open_ = codec_of(candidate).open
                if inside := _attempted(candidate, open_, packet):
                    self._decide(sa, state, candidate, open_)
                    return _read(sa, state, packet, inside)
        for other in self._table.others(sa):
            its_state = self._states.get(other) or self._begin(other)
            if its_state.open is None:
                self._equip(other, its_state)
            if inside := _opened(its_state.open, packet):
                return _read(other, its_state, packet, inside)
        return _unread(sa, state, packet, fault)

    def _guess(self, sa: Sa, state: _State, packet: Packet, wait: bool) -> Opened:
        """Read a packet of an SA without keys, if that can be done."""
        if sa.keys is not None:  # they have become known since, or its codec was let go of
            self._equip(sa, state)
            return self.open(packet)
        if self._may_try(state):
            if inside := self._try_keys(sa, state, packet):
                return _read(sa, state, packet, inside)
            if state.null is None and (layout := recognise(packet)):
                state.null = null_opener(layout)
                _take_for_null(sa, layout)
                self._table.promote(sa)
        if state.null is None:
            if wait and _is_young(state, packet.time):
                return WAITS
            return _unread(sa, state, packet, state.fault)
        if inside := _opened(state.null, packet):
            return _read(sa, state, packet, inside)
        return _unread(sa, state, packet, Fault.MALFORMED)

    def _try_keys(self, sa: Sa, state: _State, packet: Packet) -> EspPayload | None:
        meant = list[str]()
        for candidate, open_, is_meant in self._keys_for(sa):
            if inside := _attempted(candidate, open_, packet):
                self._decide(sa, state, candidate, open_)
                self._table.promote(sa)
                return inside
            if is_meant and candidate.origin not in meant:
                meant.append(candidate.origin)
        state.fault = Fault.WRONG_KEY if meant else Fault.UNKNOWN_SPI
        sa.tried = ", ".join(meant[:_MAX_TOLD])
        return None

    def _decide(self, sa: Sa, state: _State, candidate: Candidate, open_: Open) -> None:
        """Let the SA have the keys that have opened a packet."""
        sa.suite, sa.keys, sa.origin, sa.checked = candidate
        sa.candidates = ()
        sa.icv_size, sa.tried = None, ""
        self._give_codec(state, open_)

    def _keys_for(self, sa: Sa) -> Iterator[tuple[Candidate, Open, bool]]:
        """Give all keys that the SA may have, and whether somebody said that it has them.

        Those of another time of its SPI, and of a 401 that belongs to no SA, are only tried.
        """
        for other in self._table.others(sa):
            if other.suite and other.keys:
                candidate = Candidate(other.suite, other.keys, other.origin, other.checked)
                yield candidate, codec_of(candidate).open, other.since is None
        for candidate in sa.candidates:
            yield candidate, codec_of(candidate).open, True
        for wildcard, is_given in self._wildcards.fitting(sa.src, sa.dst, sa.spi):
            yield wildcard.candidate, wildcard.open, is_given

    def _may_try(self, state: _State) -> bool:
        """Try the first packets, then those at powers of two, and anew when keys were added."""
        if state.version != self._wildcards.version:
            state.version, state.attempts = self._wildcards.version, 0
        state.attempts += 1
        attempts = state.attempts
        return attempts <= _FIRST_ATTEMPTS or attempts & (attempts - 1) == 0


def _is_young(state: _State, now: int) -> bool:
    """Whether the keys of an SA may yet come: not long after its first packet."""
    if state.waits_until is None:
        state.waits_until = now + PATIENCE
    return now <= state.waits_until


def _opened(open_: Open | None, packet: Packet) -> EspPayload | None:
    try:
        return open_(packet.payload) if open_ else None
    except EspError:
        return None


def _attempted(candidate: Candidate, open_: Open, packet: Packet) -> EspPayload | None:
    """Open a packet under keys that may be others: without a checked ICV, padding proves little."""
    inside = _opened(open_, packet)
    return inside if inside and (candidate.checked or proves_itself(packet, inside)) else None


def _take_for_null(sa: Sa, layout: NullLayout) -> None:
    sa.origin, sa.checked, sa.icv_size = NULL_ORIGIN, False, layout.icv_size
    if layout.is_gmac:
        sa.suite = _GMAC
    elif sa.suite and sa.suite.crypt.key_size:
        sa.suite = None  # agreed was something else


# -- counting ------------------------------------------------------------------------------------


def _count(sa: Sa, packet: Packet) -> None:
    if not sa.packets:
        sa.first_time = packet.time
    sa.packets += 1
    sa.octets += len(packet.payload) + packet.missing
    sa.last_time = packet.time


def _unread(sa: Sa, state: _State, packet: Packet, fault: Fault) -> Opened:
    """Count a packet that stays closed. Among good ones its number may be forged."""
    _count(sa, packet)
    sa.faults[fault] += 1
    if state.is_proven:
        state.unread += 1
        _note_bad(sa)
    else:
        (sequence,) = _SEQUENCE(packet.payload)
        _note_number(sa, state, sequence)
    return Opened(sa, None, fault)


def _note_bad(sa: Sa) -> None:
    """Count those in a row: where no good one follows, the SPI may mean another SA by now."""
    if sa.bad_after != sa.last_sequence:
        sa.bad_after, sa.bad_run = sa.last_sequence, 0
    sa.bad_run += 1


def _read(sa: Sa, state: _State, packet: Packet, inside: EspPayload) -> Opened:
    """Count a good packet, and give what is inside unless it is a repetition."""
    _count(sa, packet)
    number, time, src, dst, _, header, _, _ = packet
    sequence, next_header, data = inside
    fault = None
    if state.is_proven and sequence == state.top + 1:  # as nearly all are
        state.top = sa.last_sequence = sequence
        state.seen = (state.seen << 1 | 1) & _MASK
        state.unread = 0
    else:
        if not state.is_proven:
            _prove(sa, state)
        if fault := _note_number(sa, state, sequence):
            sa.faults[fault] += 1
            if fault is not Fault.LATE:
                return Opened(sa, None, fault)
    if next_header == _DUMMY:
        return Opened(sa, None, fault)
    if not _is_selected(sa, src, next_header, data):
        fault = Fault.SELECTOR
        sa.faults[fault] += 1
    return Opened(sa, Packet(number, time, src, dst, next_header, header, data), fault)


def _prove(sa: Sa, state: _State) -> None:
    """Begin to count with the first good packet: those before it had the right key as well."""
    state.is_proven = True
    state.top = sa.missing = 0
    if sa.keys is not None:
        sa.candidates = ()
    if earlier := sa.faults.pop(Fault.WRONG_KEY, 0):
        sa.faults[Fault.BAD_ICV] += earlier


def _note_number(sa: Sa, state: _State, sequence: int) -> Fault | None:
    """Note a sequence number: the first, one behind a gap, a late one, a repetition."""
    if sequence == 0:
        return Fault.MALFORMED  # RFC 4303 3.3.3: the first one sent is 1
    if state.top == 0:
        state.top = sa.first_sequence = sa.last_sequence = sequence
        state.seen = 1
        return None
    ahead = sequence - state.top
    if ahead <= 0:
        return _note_behind(sa, state, sequence, -ahead)
    sa.missing += max(ahead - 1 - state.unread, 0)
    state.unread = 0
    state.seen = (state.seen << ahead | 1) & _MASK if ahead < _MEMORY else 1
    state.top = sa.last_sequence = sequence
    return None


def _note_behind(sa: Sa, state: _State, sequence: int, behind: int) -> Fault | None:
    if behind >= _MEMORY or state.seen >> behind & 1:
        return Fault.REPLAYED
    state.seen |= 1 << behind
    if sequence < sa.first_sequence:
        sa.missing += sa.first_sequence - sequence - 1
        sa.first_sequence = sequence
    elif sa.missing:
        sa.missing -= 1
    return Fault.LATE if behind >= REPLAY_WINDOW else None


# -- selectors -----------------------------------------------------------------------------------


def _is_selected(sa: Sa, src: str, next_header: int, data: bytes) -> bool:
    """Whether addresses and ports are those that were agreed, as far as they are known.

    In tunnel mode the outer source may be a NAT's: it is not looked at.
    """
    if next_header in _TRANSPORTS:
        if src != sa.src:
            return False
    elif next_header in _TUNNELS:
        data = _inner_transport(data)
    ports = sa.ports
    return ports is None or len(data) < _PORTS_SIZE or _PORTS(data) == ports


def _inner_transport(data: bytes) -> bytes:
    """Give what follows the IP header inside a tunnel; nothing where that has no ports."""
    if len(data) < _IPV4_SIZE:
        return b""
    if data[0] >> 4 == 6:
        return data[_IPV6_SIZE:] if data[6] in _TRANSPORTS else b""
    is_later_fragment = data[6] & 0x1F or data[7]
    if data[9] not in _TRANSPORTS or is_later_fragment:
        return b""
    return data[(data[0] & 15) * 4 :]
