"""Who counts as one peer where nothing but the address tells peers apart."""

from functools import lru_cache

_PREFIX_GROUPS = 4  # of 16 bits: a /64
_GROUPS = 8
_REMEMBERED = 8192


def source(host: str) -> str:
    """Name the peer that a numeric address belongs to: ``192.0.2.1``, ``2001:db8:0:1::/64``.

    An IPv6 phone has a /64 of its own (TS 23.401 5.3.1.2) and may take any address in it.
    The name of a source is its own source.
    """
    return _prefix(host) if ":" in host else host


@lru_cache(_REMEMBERED)
def _prefix(host: str) -> str:
    """Read the prefix off the text: a third of what ``ipaddress`` takes, and floods have time."""
    head, _, tail = host.partition("::")
    groups = head.split(":") if head else []
    if len(groups) < _PREFIX_GROUPS:
        rest = tail.split(":") if tail else []
        groups += ["0"] * (_GROUPS - len(groups) - len(rest)) + rest
    return ":".join(groups[:_PREFIX_GROUPS]) + "::/64"
