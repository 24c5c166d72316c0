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

    def __str__(self) -> str:
        """Print it as the settings write it."""
        return f"{self.transport.lower()}:{self.endpoint}"


@dataclass(frozen=True, slots=True)
class Target:
    """A host to reach; what is None is found by RFC 3263 (``pcscf.core.target``).

    ``host`` is a numeric address as the kernel prints it, without brackets, or a name in
    lower case without its final dot.
    """

    host: str
    port: int | None = None
    transport: Transport | None = None


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


class RegEventRoute(StrEnum):
    """Which way our SUBSCRIBE to a user's registration state goes."""

    ENTRY_POINT = "entry-point"  # as REGISTER goes
    SERVICE_ROUTE = "service-route"  # as the user's own requests go


@dataclass(frozen=True, slots=True)
class RegEventPolicy:
    """The subscription to registration state (TS 24.229 5.2.3, RFC 3680); times in seconds."""

    enabled: bool = True
    expires_margin: float = 3600.0  # what it is to outlive the registration by
    route: RegEventRoute = RegEventRoute.ENTRY_POINT
    grace: float = 5.0  # SAs of a phone that the core deregistered wait for its own NOTIFY


CORE_TIMERS = Timers(t1=0.5, t2=4.0, t4=5.0)  # RFC 3261
GM_TIMERS = Timers(t1=2.0, t2=16.0, t4=17.0)  # TS 24.229 7.7


@dataclass(frozen=True, slots=True)
class DnsPolicy:
    """How long answers of the DNS are waited for and kept, in seconds."""

    # Three questions follow one another at most (NAPTR, SRV, address), two seconds each.
    timeout: float = 7.0
    min_ttl: float = 5.0
    max_ttl: float = 3600.0
    negative_ttl: float = 30.0  # no such name; after a failure, until it is asked again
    stale: float = 3600.0  # an answer that ran out serves on while nobody renews it
    cache_size: int = 4096  # answers
    max_waiting: int = 1000  # requests that wait for an answer


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """When a next hop is left out, and when it comes back. Times in seconds."""

    interval: float = 30.0  # between two OPTIONS to a hop; 0: none
    timeout: float = 4.0  # until an OPTIONS counts as unanswered
    failures: int = 3  # in a row, until a hop is inactive
    successes: int = 2  # in a row, until it is active again
    hold: float = 60.0  # how long a hop that gets no OPTIONS stays inactive
    max_retry_after: float = 300.0  # what a 503 may ask for at most


@dataclass(frozen=True, slots=True)
class LivenessPolicy:
    """When a phone counts as silent. Times in seconds."""

    interval: float = 0.0  # between two looks at what the kernel has counted; 0: none
    silent_after: float = 3600.0  # without a packet; at least two looks
    answer_480: bool = False  # to requests for a silent phone, which is not asked


class WithoutECscf(StrEnum):
    """What a registered phone's emergency request meets where no E-CSCF is configured."""

    ALTERNATIVE = "alternative"  # 380: the phone tries another access or domain
    S_CSCF = "s-cscf"  # as any other request


@dataclass(frozen=True, slots=True)
class EmergencyPolicy:
    """Emergency requests (TS 24.229 5.2.10)."""

    e_cscf: tuple[Target, ...] = ()  # in the operator's order
    numbers: frozenset[str] = frozenset()  # dialled ones that mean the same as urn:service:sos
    anonymous: bool = False  # whether phones that are not registered may call
    max_anonymous: int = 1000  # of them at a time
    without_e_cscf: WithoutECscf = WithoutECscf.ALTERNATIVE
    notify: tuple[str, ...] = ()  # SIP URIs that are sent a MESSAGE when a call starts


@dataclass(frozen=True, slots=True)
class EdgePolicy:
    """Everything the core's decisions depend on besides events, time and ids."""

    gm: tuple[GmAddress, ...]
    core: tuple[Endpoint, ...]  # own core-side addresses; the first of a next hop's family is used
    next_hops: tuple[NextHop, ...]  # those of the entry points that need no DNS
    suites: tuple[Suite, ...]  # in the operator's order; what the kernel lacks is left out already
    visited_network: str  # P-Visited-Network-ID
    orig_ioi: str = ""  # P-Charging-Vector; the visited network's name if empty
    sec_agree: SecAgree = SecAgree.REQUIRE
    sec_agree_by_network: tuple[tuple[IPv4Network | IPv6Network, SecAgree], ...] = ()
    selectors: SelectorMode = SelectorMode.STRICT
    require_verify: bool = False  # whether requests other than SM7 need Security-Verify too
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
    reg_event: RegEventPolicy = RegEventPolicy()
    limits: Limits = DEFAULT
    gm_timers: Timers = field(default=GM_TIMERS)
    core_timers: Timers = field(default=CORE_TIMERS)
    timer_c: float = 190.0  # RFC 3261 16.6 step 11: an INVITE rings no longer without a new 1xx
    udp_limit: int = 1300  # octets; a larger request goes over TCP (RFC 3261 18.1.1)
    route_check: RouteCheck = RouteCheck.REPAIR
    max_dialogs: int = 64  # of one phone; the oldest is forgotten for a new one
    dns: DnsPolicy = field(default=DnsPolicy())
    health: HealthPolicy = field(default=HealthPolicy())
    liveness: LivenessPolicy = field(default=LivenessPolicy())
    emergency: EmergencyPolicy = field(default=EmergencyPolicy())
    entry_points: tuple[Target, ...] = ()  # in the operator's order; empty: ``next_hops``

    def timers_of(self, side: Side) -> Timers:
        """Give the transaction timers of one side."""
        return self.core_timers if side is Side.CORE else self.gm_timers
