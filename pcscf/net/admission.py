"""How many connections all peers, and one of them, may have."""

from pcscf.core.source import source


class Admission:
    """Counts the connections of one side. A peer that has none takes no memory."""

    def __init__(self, total: int, per_source: int) -> None:
        self._total = total
        self._per_source = per_source
        self._count = 0
        self._sources: dict[str, int] = {}
        self.refused = 0

    def change(self, total: int, per_source: int) -> None:
        """Allow more or fewer from now on; those that are there stay."""
        self._total = total
        self._per_source = per_source

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
