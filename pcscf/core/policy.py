"""What the operator decided, as the core needs it. ``pcscf.config`` makes it."""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from pcscf.core.flow import Endpoint, Side, Transport
from pcscf.core.guard_policy import DEFAULT as DEFAULT_GUARD
from pcscf.core.guard_policy import GuardPolicy
from pcscf.core.media_policy import OFF, MediaPolicy
from pcscf.sip.limits import DEFAULT, Limits
from xfrm.algorithms import Suite
from xfrm.model import SelectorMode


class SecAgree(StrEnum):
    """What a REGISTER without a usable security offer meets (TS 33.203 Annex P, RFC 3329 2.3.2)."""

    REQUIRE = "require"  # 421 without an offer
    PREFER = "prefer"  # IPsec if offered, else passed on in clear
    OFF = "off"  # always passed on in clear, an offer is ignored


class RouteCheck(StrEnum):
    """What a Route meets that is not the way the phone was given (TS 24.229 5.2.6.3.7)."""

    REPAIR = "repair"  # replaced by the right one
    ENFORCE = "enforce"  # 400


@dataclass(frozen=True, slots=True)
class GmAddress:
    """One address of ours on Gm. ``ports_pc`` is a power-of-two block, aligned to its size."""

    host: str
    port: int  # unprotected
    port_ps: int
    ports_pc: range


@dataclass(frozen=True, slots=True)
class NextHop:
    """Where requests towards the core go, in the operator's order."""

    transport: Transport
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Timers:
    """RFC 3261 17.1.1.1, in seconds."""

    t1: float
    t2: float
    t4: float

    @property
    def transaction(self) -> float:
        """Timers B, F, H, J: 64 times T1."""
        return 64 * self.t1


CORE_TIMERS = Timers(t1=0.5, t2=4.0, t4=5.0)  # RFC 3261
GM_TIMERS = Timers(t1=2.0, t2=16.0, t4=17.0)  # TS 24.229 7.7


@dataclass(frozen=True, slots=True)
class EdgePolicy:
    """Everything the core's decisions depend on besides events, time and ids."""

    gm: tuple[GmAddress, ...]
    core: tuple[Endpoint, ...]  # own core-side addresses; the first of a next hop's family is used
    next_hops: tuple[NextHop, ...]
    suites: tuple[Suite, ...]  # in the operator's order; what the kernel lacks is left out already
    visited_network: str  # P-Visited-Network-ID
    orig_ioi: str = ""  # P-Charging-Vector; the visited network's name if empty
    sec_agree: SecAgree = SecAgree.REQUIRE
    sec_agree_by_network: tuple[tuple[IPv4Network | IPv6Network, SecAgree], ...] = ()
    selectors: SelectorMode = SelectorMode.STRICT
    null_without_ealg: bool = True  # TS 33.203 7.2: a phone that offers no ealg: NULL, or refuse
    reg_await_auth: float = 240.0  # TS 24.229 7.8: a temporary set of SAs
    sa_slack: float = 30.0  # TS 33.203 7.4: SAs live longer than the registration by this
    sa_linger: float = (
        32.0  # a set that is done with: answers under way, retransmissions of the last request
    )
    replace_on_clash: bool = (
        False  # a phone names a port or SPI of its own live set: replace that set, or refuse
    )
    media: MediaPolicy = OFF
    next_hop_timeout: float = 4.0  # no answer at all: the next one is tried
    max_pending: int = 20_000  # registrations in progress, over all sources
    max_pending_per_source: int = 32
    max_registrations: int = 200_000
    max_contacts_per_user: int = 8
    max_transactions: int = 100_000
    guard: GuardPolicy = DEFAULT_GUARD
    limits: Limits = DEFAULT
    gm_timers: Timers = field(default=GM_TIMERS)
    core_timers: Timers = field(default=CORE_TIMERS)
    timer_c: float = 190.0  # RFC 3261 16.6 step 11: an INVITE rings no longer without a new 1xx
    udp_limit: int = 1300  # octets; a larger request goes over TCP (RFC 3261 18.1.1)
    route_check: RouteCheck = RouteCheck.REPAIR
    max_dialogs: int = 64  # of one phone; the oldest is forgotten for a new one

    def timers_of(self, side: Side) -> Timers:
        """Give the transaction timers of one side."""
        return self.core_timers if side is Side.CORE else self.gm_timers
