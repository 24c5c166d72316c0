"""How many connections all peers, and one of them, may have."""

from ipaddress import IPv6Address

_PREFIX_OCTETS = 8


def source(host: str) -> str | bytes:
    """Name the peer that an address belongs to.

    An IPv6 phone has a /64 of its own (TS 23.401 5.3.1.2) and may take any address in it.
    """
    return IPv6Address(host).packed[:_PREFIX_OCTETS] if ":" in host else host


class Admission:
    """Counts the connections of one side. A peer that has none takes no memory."""

    def __init__(self, total: int, per_source: int) -> None:
        self._total = total
        self._per_source = per_source
        self._count = 0
        self._sources: dict[str | bytes, int] = {}
        self.refused = 0

    def admit(self, host: str) -> bool:
        """Count one more of ``host``, unless there are too many already."""
        name = source(host)
        own = self._sources.get(name, 0)
        if self._count >= self._total or own >= self._per_source:
            self.refused += 1
            return False
        self._sources[name] = own + 1
        self._count += 1
        return True

    def release(self, host: str) -> None:
        """Forget one that was admitted."""
        name = source(host)
        self._count -= 1
        self._sources[name] -= 1
        if not self._sources[name]:
            del self._sources[name]
