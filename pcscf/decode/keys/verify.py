"""``--verify``: every packet opened by scapy too, an implementation that shares no code with ours.

It takes about a hundred times as long.
"""

import struct
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from pcscf.decode.keys.esp import Opened
from pcscf.decode.model import Fault, Packet, Sa
from pcscf.errors import StartError
from xfrm.algorithms import EspKeys, Suite

if TYPE_CHECKING:
    from xfrm.scapy_esp import ScapyEsp

_MAX_TOLD: Final = 100
_MAX_ORACLES: Final = 4096
_ESP: Final = 50
_HOP_LIMIT: Final = 64
_IPV4_SIZE: Final = 20
_IPV6_SIZE: Final = 40
_REFUSED: Final = frozenset({Fault.BAD_ICV, Fault.WRONG_KEY, Fault.MALFORMED})


class Verifier:
    """Compares what came of packets with what scapy makes of them.

    ``compared`` counts packets, and so does ``skipped``: those without keys, cut, or whose
    ICV cannot be checked. ``different`` counts disagreements, ``differences`` tells the first
    of them, one line each. Raises StartError if scapy is not installed.
    """

    def __init__(self) -> None:
        self.compared = 0
        self.skipped = 0
        self.different = 0
        self.differences: list[str] = []
        self._oracles: dict[tuple[int, Suite, EspKeys], ScapyEsp] = {}
        self._make = _scapy()

    def compare(self, sealed: Packet, opened: Opened) -> None:
        """Open a packet once more, and note a difference."""
        sa = opened.sa
        if sa is None or not sa.checked or sa.suite is None or sa.keys is None:
            self.skipped += 1
            return
        if opened.packet is None and opened.fault in {Fault.UNKNOWN_SPI, Fault.CUT}:
            self.skipped += 1
            return
        self.compared += 1
        theirs = self._open(sa, sa.suite, sa.keys, sealed)
        if difference := _difference(opened, theirs):
            self.different += 1
            if len(self.differences) < _MAX_TOLD:
                place = f"frame {sealed.number}, SPI {sa.spi:#010x}, {sa.suite.name}"
                self.differences.append(f"{place}: {difference}")

    def _open(
        self, sa: Sa, suite: Suite, keys: EspKeys, sealed: Packet
    ) -> tuple[int, bytes] | None:
        """Give next header and what follows the IP header; None for what scapy does not open."""
        key = (sa.spi, suite, keys)
        if key not in self._oracles:
            if len(self._oracles) >= _MAX_ORACLES:
                self._oracles.clear()
            self._oracles[key] = self._make(suite, keys, sa.spi)
        try:
            packet = self._oracles[key].open(_ip_packet(sealed))
        except Exception:  # noqa: BLE001 - garbage ends in all kinds of errors there
            return None
        if packet[0] >> 4 == 4:
            return packet[9], packet[_IPV4_SIZE:]
        return packet[6], packet[_IPV6_SIZE:]


def _scapy() -> "type[ScapyEsp]":
    try:
        from xfrm.scapy_esp import ScapyEsp  # noqa: PLC0415 - not installed everywhere, and slow
    except ImportError:
        raise StartError("--verify needs scapy: pip install scapy") from None
    return ScapyEsp


def _difference(opened: Opened, theirs: tuple[int, bytes] | None) -> str | None:
    if opened.packet is None and opened.fault in _REFUSED:
        return None if theirs is None else f"scapy opens it, here it is refused: {opened.fault}"
    if theirs is None:
        return "scapy refuses it, here it opens"
    if opened.packet and theirs != (opened.packet.protocol, opened.packet.payload):
        return "scapy finds something else inside"
    return None


def _ip_packet(sealed: Packet) -> bytes:
    """Make an IP packet around ESP: what was captured may have been fragments, or in UDP."""
    ends = ip_address(sealed.src).packed + ip_address(sealed.dst).packed
    size = len(sealed.payload)
    if len(ends) == 8:
        fields = (0x45, 0, _IPV4_SIZE + size, 0, 0, _HOP_LIMIT, _ESP, 0)
        return struct.pack("!BBHHHBBH", *fields) + ends + sealed.payload
    return struct.pack("!IHBB", 6 << 28, size, _ESP, _HOP_LIMIT) + ends + sealed.payload
