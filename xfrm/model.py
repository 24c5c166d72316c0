"""Values: security associations, selectors, policies, and the set of four that one phone has.

Ports and SPIs are named from the receiver's side: ``spi_ps`` is the SPI of the
SA that ends at the P-CSCF's server port (TS 33.203 section 7.1).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from xfrm.algorithms import Suite


class SaId(NamedTuple):
    """What names an SA in the kernel: destination address and SPI (protocol is always ESP)."""

    destination: str
    spi: int


class SelectorMode(StrEnum):
    """How narrow the selectors of the inbound SAs are."""

    STRICT = "strict"  # exactly the four port pairs of TS 33.203 section 7.1
    TOLERANT = "tolerant"  # either port of the phone to either of ours


@dataclass(frozen=True, slots=True)
class AkaKeys:
    """CK and IK of one AKA run, 16 octets each. Never printed."""

    ck: bytes = field(repr=False)
    ik: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Check the sizes (TS 33.102: 128 bit each)."""
        if len(self.ck) != 16 or len(self.ik) != 16:
            raise ValueError("CK and IK are 16 octets each")


@dataclass(frozen=True, slots=True)
class SaSet:
    """One security agreement, four SAs (TS 33.203 section 7.1).

    ======== ============== ========== ==================================
    SA       source         dest.      SPI
    ======== ============== ========== ==================================
    1 in     UE, port_uc    port_ps    spi_ps
    2 out    port_ps        UE, uc     spi_uc
    3 out    port_pc        UE, us     spi_us
    4 in     UE, port_us    port_pc    spi_pc
    ======== ============== ========== ==================================

    ``ue`` and ``pcscf`` are numeric addresses of one family, as the kernel prints them.
    The keys are not part of it: they go to the kernel once and are not kept.
    """

    ue: str
    pcscf: str
    suite: Suite
    spi_uc: int
    spi_us: int
    spi_pc: int
    spi_ps: int
    port_uc: int
    port_us: int
    port_pc: int
    port_ps: int

    @property
    def ids(self) -> tuple[SaId, SaId, SaId, SaId]:
        """The four SAs' names, in the order of the table above."""
        return (
            SaId(self.pcscf, self.spi_ps),
            SaId(self.ue, self.spi_uc),
            SaId(self.ue, self.spi_us),
            SaId(self.pcscf, self.spi_pc),
        )
