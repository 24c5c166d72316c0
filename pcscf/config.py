"""Typed settings: a TOML file, and the environment above it. The only reader of configuration.

``config/pcscf.toml`` says what each key is for. A variable of the environment
overrides a key: ``PCSCF_GM__PORT=5062``; lists are JSON there.
"""

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from pcscf.config_values import (
    Addresses,
    AddressRange,
    NetworkName,
    NextHops,
    Port,
    PortBlock,
    Suites,
)
from pcscf.core.flow import Endpoint
from pcscf.core.policy import (
    CORE_TIMERS,
    GM_TIMERS,
    EdgePolicy,
    GmAddress,
    SecAgree,
    Timers,
)
from pcscf.errors import ConfigError
from pcscf.sip.limits import Limits as SipLimits
from xfrm.algorithms import SUITES, Suite
from xfrm.model import SelectorMode

_PREFIX = "PCSCF_"
_SIP = SipLimits()
_SIP_PORTS = (5060, 5061)  # TS 33.203 7.1: a protected port is neither


# Sections


class _Section(BaseModel):
    """A table of the file. A key that it does not have is an error, not a silent no-op."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Gm(_Section):
    """The side of the phones."""

    addresses: Addresses
    port: Port = 5060
    port_ps: Port = 6100
    ports_pc: PortBlock = range(6112, 6128)
    selectors: SelectorMode = SelectorMode.STRICT


class Core(_Section):
    """The side of the S-CSCF."""

    addresses: Addresses
    port: Port = 5080
    next_hops: NextHops
    next_hop_timeout: PositiveFloat = 4.0


class Visited(_Section):
    """What this network calls itself."""

    visited_network: NetworkName
    orig_ioi: NetworkName | Literal[""] = ""


class NetworkPolicy(_Section):
    """A policy for the phones of one address range."""

    network: AddressRange
    policy: SecAgree


class Security(_Section):
    """The security agreement and its SAs."""

    policy: SecAgree = SecAgree.REQUIRE
    by_network: tuple[NetworkPolicy, ...] = ()
    algorithms: Suites = tuple(suite for suite in SUITES if not suite.legacy)
    null_without_ealg: bool = True
    # 0 in a policy's template would take any SA on input.
    reqid: Annotated[int, Field(ge=1, le=2**32 - 1)] = 5060
    reg_await_auth: PositiveFloat = 240.0
    sa_slack: PositiveFloat = 30.0
    sa_linger: PositiveFloat = 32.0
    replace_on_clash: bool = False


class _Timers(_Section):
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


class TimerSettings(_Section):
    """Transaction timers of both sides, in seconds."""

    gm: GmTimers = GmTimers()
    core: CoreTimers = CoreTimers()


class Limits(_Section):
    """What one peer, and all of them, may take; octets and seconds."""

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


class Log(_Section):
    """Where to and how much: always stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Settings(BaseSettings):
    """All settings, each checked by itself; ``load`` checks them against each other too."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    gm: Gm
    core: Core
    network: Visited
    security: Security = Security()
    timers: TimerSettings = TimerSettings()
    limits: Limits = Limits()
    log: Log = Log()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - its caller passes it
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over what the file says."""
        return env_settings, init_settings

    def policy(self, suites: tuple[Suite, ...]) -> EdgePolicy:
        """Give the core's view; ``suites`` are those of the configured ones that the kernel has."""
        gm, security, limits = self.gm, self.security, self.limits
        return EdgePolicy(
            gm=tuple(GmAddress(a, gm.port, gm.port_ps, gm.ports_pc) for a in gm.addresses),
            core=tuple(Endpoint(address, self.core.port) for address in self.core.addresses),
            next_hops=self.core.next_hops,
            suites=suites,
            visited_network=self.network.visited_network,
            orig_ioi=self.network.orig_ioi,
            sec_agree=security.policy,
            sec_agree_by_network=tuple((n.network, n.policy) for n in security.by_network),
            selectors=gm.selectors,
            null_without_ealg=security.null_without_ealg,
            reg_await_auth=security.reg_await_auth,
            sa_slack=security.sa_slack,
            sa_linger=security.sa_linger,
            replace_on_clash=security.replace_on_clash,
            next_hop_timeout=self.core.next_hop_timeout,
            max_pending=limits.max_pending,
            max_pending_per_source=limits.max_pending_per_source,
            max_registrations=limits.max_registrations,
            max_contacts_per_user=limits.max_contacts_per_user,
            max_transactions=limits.max_transactions,
            limits=self.sip_limits(),
            gm_timers=self.timers.gm.values_of(),
            core_timers=self.timers.core.values_of(),
        )

    def sip_limits(self) -> SipLimits:
        """Give the parser's and the framer's view."""
        limits = self.limits
        return SipLimits(
            max_message=limits.max_message,
            max_body=limits.max_body,
            max_head=limits.max_head,
            max_headers=limits.max_headers,
            max_line=limits.max_line,
        )


# Reading


def load(path: Path) -> Settings:
    """Read and check the file at ``path``, with the environment above it.

    Raises ConfigError with one line for each thing that is wrong: file, key, reason.
    """
    try:
        settings = Settings(**_table(path))
    except ValidationError as error:
        problems = [(".".join(_names(e["loc"])), _reason(e)) for e in error.errors()]
    except SettingsError as error:
        raise ConfigError(f"environment: {error}") from None
    else:
        problems = list(_conflicts(settings))
    problems += ((name, "unknown section") for name in _unknown_variables())
    if problems:
        raise ConfigError("\n".join(f"{_origin(path, k)}: {k}: {why}" for k, why in problems))
    return settings


def _table(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # TOML's grammar or its encoding
        raise ConfigError(f"{path}: not TOML: {error}") from None


def _unknown_variables() -> list[str]:
    """Find variables meant for a section that there is none of.

    Others with our prefix are left alone: a service called pcscf makes some container
    managers set PCSCF_SERVICE_HOST and the like.
    """
    names = (name for name in os.environ if name.upper().startswith(_PREFIX) and "__" in name)
    sections = {section.upper() for section in Settings.model_fields}
    return [n for n in names if n.upper().removeprefix(_PREFIX).split("__")[0] not in sections]


def _names(location: tuple[int | str, ...]) -> list[str]:
    """Name a place as people write it: list items count from 1 inside brackets."""
    names: list[str] = []
    for part in location:
        if isinstance(part, int):
            names[-1] += f"[{part + 1}]"
        else:
            names.append(part)
    return names


def _reason(error: ErrorDetails) -> str:
    known = {"extra_forbidden": "unknown key", "missing": "is required"}
    return known.get(error["type"], error["msg"].removeprefix("Value error, "))


def _origin(path: Path, key: str) -> str:
    """Say where a key's value came from: the file, or the environment above it."""
    variable = _PREFIX + key.partition("[")[0].replace(".", "__").upper()
    overridden = key.startswith(_PREFIX) or variable in map(str.upper, os.environ)
    return "environment" if overridden else str(path)


def _conflicts(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield what is wrong between keys, as key and reason."""
    yield from _port_conflicts(settings.gm)
    for name, timers in (("gm", settings.timers.gm), ("core", settings.timers.core)):
        if timers.t2 < timers.t1:
            yield f"timers.{name}.t2", "is less than t1, which it bounds (RFC 3261 17.1.2.1)"
    gm, own = settings.gm, settings.core
    shared = set(gm.addresses) & set(own.addresses)
    if shared and (own.port in (gm.port, gm.port_ps) or own.port in gm.ports_pc):
        yield "core.port", f"is a Gm port too, and {min(shared)} is on both sides"
    yield from _next_hop_conflicts(own)


def _port_conflicts(gm: Gm) -> Iterator[tuple[str, str]]:
    clear = (*_SIP_PORTS, gm.port)
    reason = "a protected port is not 5060, 5061 or gm.port (TS 33.203 7.1)"
    if gm.port_ps in clear:
        yield "gm.port_ps", reason
    if any(port in gm.ports_pc for port in clear):
        yield "gm.ports_pc", reason
    if gm.port_ps in gm.ports_pc:
        yield "gm.ports_pc", "contains gm.port_ps"


def _next_hop_conflicts(own: Core) -> Iterator[tuple[str, str]]:
    families = {":" in address for address in own.addresses}
    for number, hop in enumerate(own.next_hops, 1):
        key = f"core.next_hops[{number}]"
        host, port = hop.endpoint
        if (":" in host) not in families:
            yield key, "no address of its family is in core.addresses"
        if host in own.addresses and port == own.port:
            yield key, "is this P-CSCF itself"
