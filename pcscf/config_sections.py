"""The tables of the settings file. ``config/pcscf.toml`` says what each key is for."""

from typing import Annotated, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
)

from pcscf.config_values import (
    Address,
    Addresses,
    AddressRange,
    Codecs,
    CollectorOrNone,
    DeviceName,
    FileMode,
    HostName,
    InstanceName,
    Listener,
    NameServers,
    NetworkName,
    NextHops,
    Numbers,
    Port,
    PortBlock,
    SipUris,
    StorePrefix,
    StoreUrl,
    Suites,
    Targets,
)
from pcscf.core.flow import Endpoint
from pcscf.core.guard_policy import DEFAULT as GUARD
from pcscf.core.guard_policy import GuardPolicy
from pcscf.core.media_policy import MediaPolicy
from pcscf.core.policy import (
    CORE_TIMERS,
    GM_TIMERS,
    DnsPolicy,
    EmergencyPolicy,
    HealthPolicy,
    LivenessPolicy,
    RegEventPolicy,
    RegEventRoute,
    RouteCheck,
    SecAgree,
    Timers,
    WithoutECscf,
)
from pcscf.hooks.policy import HookPolicy, OnFailure
from pcscf.sip.limits import Limits as SipLimits
from xfrm.algorithms import SUITES
from xfrm.model import SelectorMode

_SIP = SipLimits()
_REG_EVENT = RegEventPolicy()
_DNS = DnsPolicy()
_HEALTH = HealthPolicy()
_LIVENESS = LivenessPolicy()
_HOOKS = HookPolicy()


class Section(BaseModel):
    """A table of the file. A key that it does not have is an error, not a silent no-op.

    ``live`` says whether its keys change while the P-CSCF runs, when the file is read anew
    (``pcscf.net.reload``); ``fixed`` are those that do not even so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    live: ClassVar[bool] = False
    fixed: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def is_live(cls, key: str) -> bool:
        """Whether a key of this table changes while the P-CSCF runs."""
        return cls.live and key not in cls.fixed


class Route(Section):
    """A way to phones: their addresses, and the router to them."""

    to: AddressRange
    via: Address


class Gm(Section):
    """The side of the phones."""

    addresses: Addresses
    port: Port = 5060
    port_ps: Port = 6100
    ports_pc: PortBlock = range(6112, 6128)
    selectors: SelectorMode = SelectorMode.STRICT
    routes: tuple[Route, ...] = ()


class Health(Section):
    """When a next hop is left out, and when it comes back; seconds."""

    live = True

    interval: NonNegativeFloat = _HEALTH.interval
    timeout: PositiveFloat = _HEALTH.timeout
    failures: PositiveInt = _HEALTH.failures
    successes: PositiveInt = _HEALTH.successes
    hold: PositiveFloat = _HEALTH.hold
    max_retry_after: PositiveFloat = _HEALTH.max_retry_after

    def values_of(self) -> HealthPolicy:
        """Give the core's view of them."""
        return HealthPolicy(**self.model_dump())


class Core(Section):
    """The side of the S-CSCF."""

    live = True
    fixed = frozenset({"addresses", "port"})

    addresses: Addresses
    port: Port = 5080
    next_hops: NextHops
    next_hop_timeout: PositiveFloat = 4.0
    health: Health = Health()


class Dns(Section):
    """Who is asked for names, for how long, and how long answers are kept; seconds."""

    live = True

    servers: NameServers = ()
    query_timeout: PositiveFloat = 2.0
    max_queries: PositiveInt = 64
    timeout: PositiveFloat = _DNS.timeout
    min_ttl: PositiveFloat = _DNS.min_ttl
    max_ttl: PositiveFloat = _DNS.max_ttl
    negative_ttl: PositiveFloat = _DNS.negative_ttl
    stale: NonNegativeFloat = _DNS.stale
    cache_size: PositiveInt = _DNS.cache_size
    max_waiting: PositiveInt = _DNS.max_waiting

    def values_of(self) -> DnsPolicy:
        """Give the core's view of them."""
        return DnsPolicy(**self.model_dump(exclude={"servers", "query_timeout", "max_queries"}))


class Visited(Section):
    """What this network calls itself."""

    live = True

    visited_network: NetworkName
    orig_ioi: NetworkName | Literal[""] = ""


class NetworkPolicy(Section):
    """A policy for the phones of one address range."""

    network: AddressRange
    policy: SecAgree


class Security(Section):
    """The security agreement and its SAs."""

    live = True
    fixed = frozenset({"reqid"})

    policy: SecAgree = SecAgree.REQUIRE
    by_network: tuple[NetworkPolicy, ...] = ()
    algorithms: Suites = tuple(suite for suite in SUITES if not suite.legacy)
    null_without_ealg: bool = True
    require_verify: bool = False
    # 0 in a policy's template would take any SA on input.
    reqid: Annotated[int, Field(ge=1, le=2**32 - 1)] = 5060
    reg_await_auth: PositiveFloat = 240.0
    sa_slack: PositiveFloat = 30.0
    sa_linger: PositiveFloat = 32.0
    replace_on_clash: bool = False


class Media(Section):
    """What SDP may name; see ``pcscf.core.media_policy``."""

    live = True

    remove_codecs: Codecs = ()
    keep_codecs: Codecs = ()
    max_ptime: NonNegativeInt = 0
    max_maxptime: NonNegativeInt = 0

    def values_of(self) -> MediaPolicy:
        """Give the core's view of them."""
        remove, keep = frozenset(self.remove_codecs), frozenset(self.keep_codecs)
        return MediaPolicy(remove, keep, self.max_ptime, self.max_maxptime)


class Proxy(Section):
    """How requests other than REGISTER are passed on."""

    live = True

    route_check: RouteCheck = RouteCheck.REPAIR
    timer_c: Annotated[float, Field(gt=180)] = 190.0
    # Below it nothing real fits; above it no datagram goes.
    udp_limit: Annotated[int, Field(ge=500, le=65535)] = 1300


class RegEvent(Section):
    """Our own subscriptions to registration state."""

    live = True

    enabled: bool = _REG_EVENT.enabled
    expires_margin: PositiveFloat = _REG_EVENT.expires_margin
    route: RegEventRoute = _REG_EVENT.route
    grace: PositiveFloat = _REG_EVENT.grace

    def policy(self) -> RegEventPolicy:
        """Give the core's view of it."""
        return RegEventPolicy(self.enabled, self.expires_margin, self.route, self.grace)


class Liveness(Section):
    """When a phone counts as silent; seconds."""

    live = True

    interval: NonNegativeFloat = _LIVENESS.interval
    silent_after: PositiveFloat = _LIVENESS.silent_after
    answer_480: bool = _LIVENESS.answer_480

    def policy(self) -> LivenessPolicy:
        """Give the core's view of it."""
        return LivenessPolicy(self.interval, self.silent_after, self.answer_480)


class Emergency(Section):
    """Emergency requests."""

    live = True

    e_cscf: Targets = ()
    numbers: Numbers = frozenset()
    anonymous: bool = False
    max_anonymous: PositiveInt = 1000
    without_e_cscf: WithoutECscf = WithoutECscf.ALTERNATIVE
    notify: SipUris = ()

    def policy(self) -> EmergencyPolicy:
        """Give the core's view of it."""
        return EmergencyPolicy(
            e_cscf=self.e_cscf,
            numbers=self.numbers,
            anonymous=self.anonymous,
            max_anonymous=self.max_anonymous,
            without_e_cscf=self.without_e_cscf,
            notify=self.notify,
        )


class _Timers(Section):
    live = True

    t1: PositiveFloat
    t2: PositiveFloat
    t4: PositiveFloat

    def values_of(self) -> Timers:
        """Give the core's view of them."""
        return Timers(self.t1, self.t2, self.t4)


class GmTimers(_Timers):
    """TS 24.229 7.7: slower towards a phone."""

    t1: PositiveFloat = GM_TIMERS.t1
    t2: PositiveFloat = GM_TIMERS.t2
    t4: PositiveFloat = GM_TIMERS.t4


class CoreTimers(_Timers):
    """RFC 3261 17.1.1.1."""

    t1: PositiveFloat = CORE_TIMERS.t1
    t2: PositiveFloat = CORE_TIMERS.t2
    t4: PositiveFloat = CORE_TIMERS.t4


class TimerSettings(Section):
    """Transaction timers of both sides, in seconds."""

    gm: GmTimers = GmTimers()
    core: CoreTimers = CoreTimers()


class Limits(Section):
    """What one peer, and all of them, may take; octets and seconds."""

    live = True

    max_message: Annotated[int, Field(ge=1300, le=65535)] = _SIP.max_message
    max_body: PositiveInt = _SIP.max_body
    max_head: PositiveInt = _SIP.max_head
    max_headers: PositiveInt = _SIP.max_headers
    max_line: PositiveInt = _SIP.max_line
    max_connections: PositiveInt = 20_000
    max_connections_per_source: PositiveInt = 16
    connect_timeout: PositiveFloat = 8.0
    message_timeout: PositiveFloat = 10.0
    idle_timeout: PositiveFloat = 1800.0
    send_buffer: Annotated[int, Field(ge=65536)] = 262_144
    max_pending: PositiveInt = 20_000
    max_pending_per_source: PositiveInt = 32
    max_registrations: PositiveInt = 200_000
    max_contacts_per_user: PositiveInt = 8
    max_transactions: PositiveInt = 100_000
    max_dialogs: PositiveInt = 64


class Store(Section):
    """Where registrations survive the process, and the machine."""

    live = True
    fixed = frozenset({
        "kind", "path", "url", "prefix", "interval", "timeout", "instance", "lease",
        "takeover_device", "takeover_core_device", "sequence_interval",
    })  # fmt: skip

    kind: Literal["auto", "none", "sqlite", "valkey"] = "auto"
    path: str = "/var/lib/pcscf/store.sqlite"
    url: Annotated[StoreUrl, Field(repr=False)] = "valkey://127.0.0.1:6379/0"
    prefix: StorePrefix = "pcscf:"
    key_file: str = ""
    interval: Annotated[float, Field(ge=0.01, le=5)] = 0.1
    timeout: PositiveFloat = 2.0
    instance: InstanceName | Literal[""] = ""
    lease: Annotated[float, Field(ge=1)] = 3.0
    takeover_device: DeviceName = ""
    takeover_core_device: DeviceName = ""
    sequence_interval: PositiveFloat = 10.0

    @property
    def used(self) -> Literal["none", "sqlite", "valkey"]:
        """The kind that there is: a file as soon as there is a key for it."""
        if self.kind != "auto":
            return self.kind
        return "sqlite" if self.key_file else "none"


class Stop(Section):
    """How the process ends."""

    live = True

    timeout: NonNegativeFloat = 5.0
    keep_sas: bool = True


_AgentWord = Annotated[str, StringConstraints(min_length=3, max_length=64)]


class Guard(Section):
    """Floods, scanners, overload."""

    live = True

    source_rate: NonNegativeFloat = GUARD.source_rate
    source_burst: PositiveFloat = GUARD.source_burst
    user_rate: NonNegativeFloat = GUARD.user_rate
    user_burst: PositiveFloat = GUARD.user_burst
    block_points: PositiveFloat = GUARD.block_points
    points_fade: PositiveFloat = GUARD.points_fade
    block_time: PositiveFloat = GUARD.block_time
    block_time_max: PositiveFloat = GUARD.block_time_max
    max_sources: PositiveInt = GUARD.max_sources
    max_blocked: PositiveInt = GUARD.max_blocked
    trusted: tuple[AddressRange, ...] = GUARD.trusted
    blocked: tuple[AddressRange, ...] = GUARD.blocked
    user_agents: tuple[_AgentWord, ...] = GUARD.user_agents
    overload_lag: PositiveFloat = GUARD.overload_lag
    overload_lag_severe: PositiveFloat = GUARD.overload_lag_severe
    retry_after_min: PositiveInt = GUARD.retry_after_min
    retry_after_max: PositiveInt = GUARD.retry_after_max

    def policy(self) -> GuardPolicy:
        """Give the core's view of them."""
        return GuardPolicy(**dict(self))


class Hooks(Section):
    """An operator's own functions; times in seconds."""

    live = True

    file: str = _HOOKS.file
    # Below a millisecond the timer's own jitter would decide.
    time_limit: Annotated[float, Field(ge=0.001)] = _HOOKS.time_limit
    async_time_limit: PositiveFloat = _HOOKS.async_time_limit
    slow: PositiveFloat = _HOOKS.slow
    max_waiting: PositiveInt = _HOOKS.max_waiting
    on_failure: OnFailure = _HOOKS.on_failure

    def policy(self) -> HookPolicy:
        """Give the view of who calls them."""
        return HookPolicy(**dict(self))


class Diagnosis(Section):
    """What is looked at and remembered to tell why a phone is not registered; seconds."""

    interval: NonNegativeFloat = 2.0
    listen: NonNegativeFloat = 30.0
    max_phones: PositiveInt = 10_000
    max_age: PositiveFloat = 86_400.0


class Log(Section):
    """How much of what happens is told on stderr, and whether keys are kept for captures."""

    live = True
    fixed = frozenset({"key_file"})

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"
    key_file: str = ""


class Mirror(Section):
    """Where decrypted SIP is copied to."""

    hep: CollectorOrNone = None
    hep_capture_id: Annotated[int, Field(ge=0, le=2**32 - 1)] = 2001
    hep_password: Annotated[str, Field(repr=False, max_length=255)] = ""
    hep_node_name: Annotated[str, Field(max_length=255)] = ""


class Admin(Section):
    """Where commands, the console and Prometheus ask."""

    socket: str = "/run/pcscf/admin.sock"
    socket_mode: FileMode = "0600"
    socket_group: str = ""
    http: Listener = Endpoint("127.0.0.1", 8060)
    token_file: str = ""
    hosts: tuple[HostName, ...] = ()
