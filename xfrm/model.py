"""Values: security associations, selectors, policies, and the set of four that one phone has.

Ports and SPIs are named from the receiver's side: ``spi_ps`` is the SPI of the
SA that ends at the P-CSCF's server port (TS 33.203 section 7.1).
"""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import NamedTuple

from xfrm.algorithms import EspKeys, Suite

KEY_SIZE = 16  # of CK and IK, in octets (TS 33.102: 128 bit each)
REPLAY_WINDOW = 64  # RFC 4303 3.4.3: at least 32, 64 preferred
ANY_PORT = 0
EXACT = 0xFFFF  # a port mask that lets one port through
PRIORITY = 2080  # of our policies; what is meant to come first has a lower number


class SaId(NamedTuple):
    """What names an SA in the kernel: destination address and SPI (protocol is always ESP)."""

    destination: str
    spi: int


class SelectorMode(StrEnum):
    """How narrow the selectors of the inbound SAs are."""

    STRICT = "strict"  # exactly the four port pairs of TS 33.203 section 7.1
    TOLERANT = "tolerant"  # either port of the phone to either of ours, and see SaSet.associations


class Direction(IntEnum):
    """Of a policy, with the kernel's numbers (XFRM_POLICY_IN, XFRM_POLICY_OUT)."""

    IN = 0
    OUT = 1


class Ports(NamedTuple):
    """One port under a mask: ``port`` matches if it equals this one in the mask's bits."""

    port: int
    mask: int = EXACT

    @classmethod
    def covering(cls, one: int, other: int) -> "Ports":
        """Make the narrowest port and mask that let both through."""
        mask = EXACT ^ one ^ other
        return cls(one & mask, mask)

    @classmethod
    def block(cls, ports: range) -> "Ports":
        """All ports of a block, and no other; ValueError unless one mask can say so."""
        size = len(ports)
        if size == 0 or ports.step != 1 or size & (size - 1) or ports.start % size:
            raise ValueError(
                f"ports {ports.start}-{ports.stop - 1}: not a power of two, or not aligned to it"
            )
        return cls(ports.start, EXACT ^ (size - 1))


ALL_PORTS = Ports(ANY_PORT, 0)


class Selector(NamedTuple):
    """What traffic an SA or a policy is for. Any transport: one SA carries UDP and TCP.

    ``prefix_*`` are prefix lengths; 32 or 128, as the family has it, is one address.
    """

    source: str
    destination: str
    prefix_source: int
    prefix_destination: int
    source_ports: Ports
    destination_ports: Ports


def host_prefix(address: str) -> int:
    """Prefix length that leaves one address of this one's family."""
    return 128 if ":" in address else 32


def exact_addresses(source: str, destination: str, from_: Ports, to: Ports) -> Selector:
    """Make a selector between two hosts."""
    one = host_prefix(destination)
    return Selector(source, destination, one, one, from_, to)


class UdpEncapsulation(NamedTuple):
    """ESP in UDP through a NAT (RFC 3948, TS 33.203 annex M): the outer ports."""

    source_port: int
    destination_port: int


@dataclass(frozen=True, slots=True)
class SecurityAssociation:
    """One SA as the kernel takes it.

    ``lifetime`` is the hard lifetime in seconds, counted by the kernel from the
    SA's creation; 0 is for ever. ``replay_window`` is 0 on outbound SAs. With
    ``udp`` the SA is in tunnel mode (TS 33.203 annex M), else in transport mode.
    """

    id: SaId
    source: str
    selector: Selector
    suite: Suite
    keys: EspKeys = field(repr=False)
    reqid: int
    lifetime: int = 0
    replay_window: int = 0
    udp: UdpEncapsulation | None = None


class InstalledSa(NamedTuple):
    """What the kernel tells of an SA, without its keys.

    ``suite`` is None for algorithms that are not in our table. Times are seconds
    since the epoch, 0 is never; ``lifetime`` is in seconds from ``added``, 0 is for
    ever. ``sequence`` is the last number sent, or the highest received. Packets that were
    dropped: ``outside_window`` came later than the window is wide, ``replayed`` twice,
    ``integrity_failed`` had a wrong ICV; ``packets`` and ``octets`` do not count them.
    """

    id: SaId
    source: str
    selector: Selector
    suite: Suite | None
    reqid: int
    lifetime: int
    added: int
    used: int
    packets: int
    octets: int
    replay_window: int
    sequence: int
    outside_window: int
    replayed: int
    integrity_failed: int


class SaUsage(NamedTuple):
    """What was sent or received under an SA since it was made.

    ``used`` is when the first packet was, in seconds since the epoch; 0 is never. Linux
    does not say of every SA when the last one was: a count that has changed does.
    """

    id: SaId
    packets: int
    octets: int
    used: int


class Expiration(NamedTuple):
    """An SA's lifetime ran out; ``hard``: the kernel has dropped it."""

    id: SaId
    reqid: int
    hard: bool


FourSas = tuple[SecurityAssociation, SecurityAssociation, SecurityAssociation, SecurityAssociation]


@dataclass(frozen=True, slots=True)
class Policy:
    """Traffic of ``selector`` must have ESP in transport mode under an SA of ``reqid``."""

    direction: Direction
    selector: Selector
    reqid: int
    priority: int = PRIORITY


def port_wide_policies(
    address: str, port_ps: int, ports_pc: range, reqid: int
) -> tuple[Policy, Policy, Policy, Policy]:
    """Make the policies of one address of ours: nothing passes its protected ports in clear.

    In and out for ``port_ps``, in and out for the block ``ports_pc``, whoever the
    peer is. A packet in clear to such a port is dropped, and so is one from such a
    port to a phone that has no SA. Raises ValueError if the block does not fit one
    mask. The kernel asks no policy on loopback: a program on this very host can
    reach the ports in clear there.
    """
    ps_in, ps_out = _both_ways(address, Ports(port_ps), reqid)
    pc_in, pc_out = _both_ways(address, Ports.block(ports_pc), reqid)
    return ps_in, ps_out, pc_in, pc_out


def _both_ways(address: str, ports: Ports, reqid: int) -> tuple[Policy, Policy]:
    anyone, one = "::" if ":" in address else "0.0.0.0", host_prefix(address)  # noqa: S104 - a selector, no bind
    to_us = Selector(anyone, address, 0, one, ALL_PORTS, ports)
    from_us = Selector(address, anyone, one, 0, ports, ALL_PORTS)
    return Policy(Direction.IN, to_us, reqid), Policy(Direction.OUT, from_us, reqid)


@dataclass(frozen=True, slots=True)
class AkaKeys:
    """CK and IK of one AKA run, 16 octets each. Never printed."""

    ck: bytes = field(repr=False)
    ik: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Check the sizes."""
        if len(self.ck) != KEY_SIZE or len(self.ik) != KEY_SIZE:
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

    def associations(self, keys: AkaKeys, reqid: int, mode: SelectorMode, lifetime: int) -> FourSas:
        """Make the four SAs, in the order of the table above, all with the same keys.

        Addresses are exact in both modes, and so are the ports of the outbound two:
        the kernel finds the SA to send under by them. In tolerant mode the inbound
        two carry any pair of the phone's ports and ours; a selector holds one port
        and one mask, so it takes the narrowest mask over both, and that may let some
        more ports through. Which port a message came from and to is the core's to check.
        """
        uc, us = Ports(self.port_uc), Ports(self.port_us)
        pc, ps = Ports(self.port_pc), Ports(self.port_ps)
        from_c, from_s, to_c, to_s = uc, us, pc, ps
        if mode is SelectorMode.TOLERANT:
            from_c = from_s = Ports.covering(self.port_uc, self.port_us)
            to_c = to_s = Ports.covering(self.port_pc, self.port_ps)
        esp, ue, pcscf = self.suite.keys(keys), self.ue, self.pcscf

        def one(
            source: str, destination: str, spi: int, ports: tuple[Ports, Ports], window: int
        ) -> SecurityAssociation:
            return SecurityAssociation(
                SaId(destination, spi),
                source,
                exact_addresses(source, destination, *ports),
                self.suite,
                esp,
                reqid,
                lifetime,
                window,
            )

        return (
            one(ue, pcscf, self.spi_ps, (from_c, to_s), REPLAY_WINDOW),
            one(pcscf, ue, self.spi_uc, (ps, uc), 0),
            one(pcscf, ue, self.spi_us, (pc, us), 0),
            one(ue, pcscf, self.spi_pc, (from_s, to_c), REPLAY_WINDOW),
        )
