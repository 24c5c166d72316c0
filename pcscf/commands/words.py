"""Values as people read them."""

from typing import Any, Final

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_DASH: Final = "-"


def plain(text: object) -> str:
    """Give a text on one line; what could steer a terminal as its escape."""
    given = str(text)
    if given.isprintable():
        return given
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in given)


def span(seconds: float | None) -> str:
    """Say how long: ``45s``, ``9m 58s``, ``2h 05m``, ``3d 4h``; a dash for nothing."""
    if seconds is None:
        return _DASH
    left = max(0, round(seconds))
    if left < _MINUTE:
        return f"{left}s"
    if left < _HOUR:
        return f"{left // _MINUTE}m {left % _MINUTE:02}s"
    if left < _DAY:
        return f"{left // _HOUR}h {left % _HOUR // _MINUTE:02}m"
    return f"{left // _DAY}d {left % _DAY // _HOUR}h"


def spi(number: int) -> str:
    """Print an SPI as ``ip xfrm`` does."""
    return f"0x{number:08x}"


def endpoint(host: str, port: int) -> str:
    """Print an address and port."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def number(value: int | None) -> str:
    """Print a count; a dash for one that is not known."""
    return _DASH if value is None else str(value)


def count(amount: int, one: str, many: str) -> str:
    """Count things."""
    return f"{amount} {one if amount == 1 else many}"


def identity(ue: dict[str, Any]) -> str:
    """Name a phone: by its default public identity, or by its private one."""
    return bare(ue["identities"][0]) if ue["identities"] else str(ue["impi"])


def bare(uri: str) -> str:
    """Take the brackets off a URI, and what follows them."""
    inside = uri.partition("<")[2].partition(">")[0]
    return inside or uri
