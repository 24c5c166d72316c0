"""What the operator decided about floods and scanners. Part of ``EdgePolicy``."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

_Networks = tuple[IPv4Network | IPv6Network, ...]

# What the scanners that knock at every open SIP port call themselves.
SCANNERS = (
    "friendly-scanner",
    "sipvicious",
    "sipcli",
    "sip-scan",
    "sipsak",
    "sundayddr",
    "iWar",
    "VaxSIPUserAgent",
    "pplsip",
)


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """Rates are a second, times in seconds; a rate of 0 limits nothing."""

    source_rate: float = 500.0  # messages of one source on the unprotected port
    source_burst: float = 2000.0  # at once; above it 503, above twice of it silence
    user_rate: float = 100.0  # requests of one registered user
    user_burst: float = 1000.0
    block_points: float = 200.0  # what a source's offences may add up to
    points_fade: float = 4.0  # points that are forgiven a second
    block_time: float = 60.0  # of the first block; each one that follows takes twice as long
    block_time_max: float = 3600.0  # and so long is a block remembered
    max_sources: int = 50_000
    max_blocked: int = 10_000
    trusted: _Networks = ()  # never limited, never blocked
    blocked: _Networks = ()  # for good
    user_agents: tuple[str, ...] = SCANNERS  # any part of User-Agent, in any case
    overload_lag: float = 0.5  # what the event loop is late by
    overload_lag_severe: float = 2.0
    retry_after_min: int = 5
    retry_after_max: int = 30


DEFAULT = GuardPolicy()
