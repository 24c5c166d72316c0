"""Typed settings: a TOML file, and the environment above it. The only reader of configuration.

``config/pcscf.toml`` says what each key is for. A variable of the environment
overrides a key: ``PCSCF_GM__PORT=5062``; lists are JSON there.
"""

import os
import tomllib
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from pcscf.config_sections import (
    Admin,
    Core,
    Diagnosis,
    Dns,
    Emergency,
    Gm,
    Guard,
    Hooks,
    Limits,
    Liveness,
    Log,
    Media,
    Mirror,
    Proxy,
    RegEvent,
    Security,
    Stop,
    Store,
    TimerSettings,
    Visited,
)
from pcscf.core.flow import Endpoint
from pcscf.core.policy import EdgePolicy, GmAddress, Target
from pcscf.core.target import numeric_hop
from pcscf.errors import ConfigError
from pcscf.sip.limits import Limits as SipLimits
from xfrm.algorithms import Suite

_PREFIX = "PCSCF_"
_SIP_PORTS = (5060, 5061)  # TS 33.203 7.1: a protected port is neither


class Settings(BaseSettings):
    """All settings, each checked by itself; ``load`` checks them against each other too."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    gm: Gm
    core: Core
    dns: Dns = Dns()
    network: Visited
    security: Security = Security()
    proxy: Proxy = Proxy()
    emergency: Emergency = Emergency()
    media: Media = Media()
    reg_event: RegEvent = RegEvent()
    liveness: Liveness = Liveness()
    timers: TimerSettings = TimerSettings()
    limits: Limits = Limits()
    guard: Guard = Guard()
    hooks: Hooks = Hooks()
    diagnosis: Diagnosis = Diagnosis()
    store: Store = Store()
    stop: Stop = Stop()
    log: Log = Log()
    mirror: Mirror = Mirror()
    admin: Admin = Admin()

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
            next_hops=tuple(hop for hop in map(numeric_hop, self.core.next_hops) if hop),
            entry_points=self.core.next_hops,
            dns=self.dns.values_of(),
            health=self.core.health.values_of(),
            suites=suites,
            visited_network=self.network.visited_network,
            orig_ioi=self.network.orig_ioi,
            sec_agree=security.policy,
            sec_agree_by_network=tuple((n.network, n.policy) for n in security.by_network),
            selectors=gm.selectors,
            null_without_ealg=security.null_without_ealg,
            require_verify=security.require_verify,
            reg_await_auth=security.reg_await_auth,
            sa_slack=security.sa_slack,
            sa_linger=security.sa_linger,
            replace_on_clash=security.replace_on_clash,
            media=self.media.values_of(),
            next_hop_timeout=self.core.next_hop_timeout,
            max_pending=limits.max_pending,
            max_pending_per_source=limits.max_pending_per_source,
            max_registrations=limits.max_registrations,
            max_contacts_per_user=limits.max_contacts_per_user,
            max_transactions=limits.max_transactions,
            max_dialogs=limits.max_dialogs,
            route_check=self.proxy.route_check,
            timer_c=self.proxy.timer_c,
            udp_limit=self.proxy.udp_limit,
            emergency=self.emergency.policy(),
            guard=self.guard.policy(),
            reg_event=self.reg_event.policy(),
            liveness=self.liveness.policy(),
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
        problems = conflicts(settings)
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


def conflicts(settings: Settings) -> list[tuple[str, str]]:
    """List what is wrong between keys, as key and reason."""
    return list(_conflicts(settings))


def _conflicts(settings: Settings) -> Iterator[tuple[str, str]]:
    yield from _port_conflicts(settings.gm)
    yield from _route_conflicts(settings.gm)
    for name, timers in (("gm", settings.timers.gm), ("core", settings.timers.core)):
        if timers.t2 < timers.t1:
            yield f"timers.{name}.t2", "is less than t1, which it bounds (RFC 3261 17.1.2.1)"
    gm, own = settings.gm, settings.core
    shared = set(gm.addresses) & set(own.addresses)
    if shared and (own.port in (gm.port, gm.port_ps) or own.port in gm.ports_pc):
        yield "core.port", f"is a Gm port too, and {min(shared)} is on both sides"
    if settings.dns.max_ttl < settings.dns.min_ttl:
        yield "dns.max_ttl", "is less than min_ttl"
    yield from _next_hop_conflicts(own, "core.next_hops", own.next_hops)
    yield from _next_hop_conflicts(own, "emergency.e_cscf", settings.emergency.e_cscf)
    if settings.emergency.anonymous and not settings.emergency.e_cscf:
        yield "emergency.anonymous", "needs emergency.e_cscf: nobody else takes such calls"
    yield from _media_conflicts(settings.media)
    yield from _liveness_conflicts(settings.liveness)
    yield from _guard_conflicts(settings.guard)
    yield from _admin_conflicts(settings.admin)
    yield from _store_conflicts(settings.store)


def _port_conflicts(gm: Gm) -> Iterator[tuple[str, str]]:
    clear = (*_SIP_PORTS, gm.port)
    reason = "a protected port is not 5060, 5061 or gm.port (TS 33.203 7.1)"
    if gm.port_ps in clear:
        yield "gm.port_ps", reason
    if any(port in gm.ports_pc for port in clear):
        yield "gm.ports_pc", reason
    if gm.port_ps in gm.ports_pc:
        yield "gm.ports_pc", "contains gm.port_ps"


def _route_conflicts(gm: Gm) -> Iterator[tuple[str, str]]:
    for number, route in enumerate(gm.routes, 1):
        if route.to.version != ip_address(route.via).version:
            yield f"gm.routes[{number}].via", "is not of the family of `to`"


def _next_hop_conflicts(
    own: Core, name: str, targets: tuple[Target, ...]
) -> Iterator[tuple[str, str]]:
    families = {":" in address for address in own.addresses}
    for number, target in enumerate(targets, 1):
        hop = numeric_hop(target)
        if hop is None:
            continue  # a name: what it leads to is checked when it is looked up
        key = f"{name}[{number}]"
        host, port = hop.endpoint
        if (":" in host) not in families:
            yield key, "no address of its family is in core.addresses"
        if host in own.addresses and port == own.port:
            yield key, "is this P-CSCF itself"


def _media_conflicts(media: Media) -> Iterator[tuple[str, str]]:
    for number, codec in enumerate(media.keep_codecs, 1):
        if codec in media.remove_codecs:
            yield f"media.keep_codecs[{number}]", "is in media.remove_codecs too"
    if media.max_maxptime and media.max_ptime > media.max_maxptime:
        yield "media.max_ptime", "is above media.max_maxptime"


def _liveness_conflicts(liveness: Liveness) -> Iterator[tuple[str, str]]:
    if liveness.silent_after < 2 * liveness.interval:
        yield "liveness.silent_after", "is less than two intervals: one look proves no silence"
    if liveness.answer_480 and not liveness.interval:
        yield "liveness.answer_480", "needs liveness.interval: nobody is known to be silent"


def _guard_conflicts(guard: Guard) -> Iterator[tuple[str, str]]:
    if guard.block_time_max < guard.block_time:
        yield "guard.block_time_max", "is less than block_time"
    if guard.overload_lag_severe < guard.overload_lag:
        yield "guard.overload_lag_severe", "is less than overload_lag"
    if guard.retry_after_max < guard.retry_after_min:
        yield "guard.retry_after_max", "is less than retry_after_min"


def _admin_conflicts(admin: Admin) -> Iterator[tuple[str, str]]:
    if admin.http and not ip_address(admin.http.host).is_loopback and not admin.token_file:
        yield "admin.http", "is not loopback: it needs admin.token_file"
    if admin.socket and not admin.socket.startswith("/"):
        yield "admin.socket", "must be an absolute path"


def _store_conflicts(store: Store) -> Iterator[tuple[str, str]]:
    if store.used != "none" and not store.key_file:
        yield "store.key_file", "is required: the store holds keys (pcscf store new-key FILE)"
    if store.used == "sqlite" and not store.path:
        yield "store.path", 'is required with kind = "sqlite"'
    if store.takeover_device and store.used != "valkey":
        yield "store.takeover_device", 'needs kind = "valkey": no other store has leases'
    if store.takeover_core_device and not store.takeover_device:
        yield "store.takeover_core_device", "needs takeover_device"
