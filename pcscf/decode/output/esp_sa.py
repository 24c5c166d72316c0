"""Wireshark's table of SAs, its file ``esp_sa``: the keys are the point of it.

A line has protocol, addresses, SPI, and algorithm and key twice. Put the file into Wireshark's
configuration directory and switch on the ESP preference to decrypt.
"""

from typing import Final

from pcscf.decode.model import Sa, SipMessage
from pcscf.decode.output.output import Sink
from pcscf.decode.output.plain import plain
from pcscf.decode.output.summary import Summary

_UNCHECKED: Final = "ANY {} bit authentication [no checking]"


class EspSa:
    """Writes lines, one for each SA that Wireshark can open."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def begin(self) -> None:
        """Write which program reads it."""
        self._line("# Security associations for Wireshark; they hold keys")

    def message(self, message: SipMessage) -> None:
        """Messages are not written."""

    def hidden(self, message: SipMessage) -> None:
        """Nothing."""

    def sa(self, sa: Sa, reason: str) -> None:  # noqa: ARG002 - the table has no place for it
        """Write a line; a comment where that cannot be."""
        row = _row(sa)
        self._line(row or f"# 0x{sa.spi:08x} {sa.src} to {sa.dst}: {_obstacle(sa)}")

    def end(self, summary: Summary) -> None:
        """Nothing stands at the end."""

    def _line(self, text: str) -> None:
        self._sink.write(f"{text}\n".encode())


def _row(sa: Sa) -> str | None:
    algorithms = _algorithms(sa)
    if algorithms is None:
        return None
    protocol = "IPv6" if ":" in sa.dst else "IPv4"
    fields = (protocol, sa.src, sa.dst, f"0x{sa.spi:08x}", *algorithms)
    return ",".join(f'"{field}"' for field in fields)


def _algorithms(sa: Sa) -> tuple[str, str, str, str] | None:
    """Give the cipher and its key, the authentication and its key."""
    if sa.suite is None and sa.icv_size is not None:
        return "NULL", "", _UNCHECKED.format(sa.icv_size * 8), ""
    names = sa.suite.wireshark if sa.suite else None
    if sa.suite is None or names is None:
        return None
    cipher, authentication = names
    if sa.checked:
        if sa.keys is None:
            return None
        return cipher, _key(sa.keys.crypt), authentication, _key(sa.keys.auth)
    if sa.keys is None and cipher != "NULL":
        return None
    crypt = sa.keys.crypt if sa.keys else b""
    return cipher, _key(crypt), _UNCHECKED.format(sa.suite.icv_size * 8), ""


def _obstacle(sa: Sa) -> str:
    if sa.suite and sa.suite.wireshark is None:
        return f"Wireshark has no {plain(sa.suite.name)}"
    return "no keys"


def _key(key: bytes) -> str:
    return f"0x{key.hex()}" if key else ""
