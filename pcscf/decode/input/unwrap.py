"""From a frame to the packet inside it: link layer, fragments, and tunnels off."""

from collections import Counter
from typing import Final

from pcscf.decode.input.fragments import Fragments
from pcscf.decode.input.ip import Fragment, read_ip
from pcscf.decode.input.link import find_ip, is_known
from pcscf.decode.input.tunnels import find_esp, find_user_packet
from pcscf.decode.model import NO_IP, Frame, Packet

ESP: Final = 50
_UDP: Final = 17
_IP_IN_IP: Final = {4, 41}
_DEEPEST: Final = 8  # packets within packets; S1-U with IP in IP on both sides takes three


class Unwrapper:
    """Frames in, packets out: ESP, UDP, TCP, and whatever else is no tunnel.

    ``skipped`` counts frames that gave none, by the reason in words. Fragments that wait for
    others are not among them: see ``fragments``.
    """

    def __init__(self) -> None:
        self.fragments = Fragments()
        self.skipped: Counter[str] = Counter()

    def frame(self, frame: Frame) -> Packet | None:
        """Give the innermost packet of a frame, or None."""
        number, time, link, data, _ = frame
        place = find_ip(link, data)
        if place < 0:
            self.skipped[NO_IP if is_known(link) else "unknown link type"] += 1
            return None
        return self.ip(number, time, data, place)

    def ip(self, number: int, time: int, data: bytes, place: int = 0) -> Packet | None:
        """Give the innermost packet of the IP packet at ``place``; for ESP's tunnel mode too.

        ESP in UDP comes out as a packet of ESP: its header is that of IP, its payload begins
        with the SPI.
        """
        for _ in range(_DEEPEST):
            packet = read_ip(number, time, data, place)
            if not isinstance(packet, Packet):
                packet = self._completed(packet)
                if packet is None:
                    return None
            protocol = packet.protocol
            if protocol == ESP:
                return packet
            data, place = packet.payload, 0
            if protocol == _UDP and len(data) >= 8:
                if find_esp(data) >= 0:
                    return _without_udp(packet)
                place = find_user_packet(data)
                if place < 0:
                    return packet
            elif protocol not in _IP_IN_IP:
                return packet
        self.skipped["too many tunnels"] += 1
        return None

    def _completed(self, fragment: Fragment | None) -> Packet | None:
        """Give the packet that a fragment completes; there may be nothing but rubbish."""
        if fragment is not None:
            return self.fragments.add(fragment)
        self.skipped["malformed IP"] += 1
        return None


def _without_udp(packet: Packet) -> Packet:
    number, time, src, dst, _, header, payload, missing = packet
    return Packet(number, time, src, dst, ESP, header, payload[8:], missing)
