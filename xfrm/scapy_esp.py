"""The oracle beside ``xfrm.esp``: the same packets through scapy.

For tests and for the decoding of captures; the running P-CSCF does not import scapy.
"""

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP, IPSecIntegrityError, SecurityAssociation

from xfrm.algorithms import EspKeys, Suite
from xfrm.errors import EspIntegrityError


class ScapyEsp:
    """One SA of scapy's. Packets are whole IP packets, as on the wire."""

    def __init__(self, suite: Suite, keys: EspKeys, spi: int) -> None:
        crypt, auth = suite.scapy
        self._sa = SecurityAssociation(
            ESP,
            spi=spi,
            crypt_algo=crypt,
            crypt_key=keys.crypt or None,
            auth_algo=auth,
            auth_key=keys.auth or None,
        )

    def seal(self, packet: bytes, sequence: int, iv: bytes | None = None) -> bytes:
        """Protect an IP packet; scapy draws the IV at random unless it is given."""
        return bytes(self._sa.encrypt(_parsed(packet), seq_num=sequence, iv=iv or None))

    def open(self, packet: bytes) -> bytes:
        """Take the protection off an IP packet with ESP.

        Raises EspIntegrityError, or TypeError for an SPI that is not the SA's.
        """
        try:
            return bytes(self._sa.decrypt(_parsed(packet)))
        except IPSecIntegrityError:
            raise EspIntegrityError("the ICV is wrong") from None


def _parsed(packet: bytes) -> IP | IPv6:
    return IP(packet) if packet[0] >> 4 == 4 else IPv6(packet)
