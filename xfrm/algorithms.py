"""The one table of algorithms (placeholder of the interface; see the module's owner)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Suite:
    """A pair of ``alg`` and ``ealg`` as Security-Client spells them."""

    alg: str
    ealg: str
