"""Address ranges of the operator's, asked for every message of a source."""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address

_REMEMBERED = 8192


class Networks:
    """Says whether an address is in one of some ranges; the latest answers are remembered."""

    def __init__(self, ranges: tuple[IPv4Network | IPv6Network, ...]) -> None:
        self._ranges = ranges
        self._recall = lru_cache(_REMEMBERED)(self._hold)

    def __contains__(self, host: str) -> bool:
        """Take a numeric address."""
        return bool(self._ranges) and self._recall(host)

    def _hold(self, host: str) -> bool:
        address = ip_address(host)
        return any(address in network for network in self._ranges)
