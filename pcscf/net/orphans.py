"""TCP connections that are closed here, and that the other end has not acknowledged yet.

The kernel sends what is missing again, for minutes, and asks SAs and policies each time. No
descriptor leads to such a connection any more, so it is looked for in the kernel's table (proc(5)).
"""

from collections.abc import Container, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_NET: Final = Path("/proc/self/net")
_SENDING: Final = ("04", "09", "0B")  # FIN_WAIT1, LAST_ACK, CLOSING


def unacknowledged(ports: Container[int], net: Path = _NET) -> int:
    """Count connections from these local ports of which something may be sent again."""
    return sum(state in _SENDING and port in ports for port, state in _connections(net))


def _connections(net: Path) -> Iterator[tuple[int, str]]:
    """Give local port and state of each."""
    for table in ("tcp", "tcp6"):
        with suppress(OSError), (net / table).open() as lines:  # there may be no IPv6
            next(lines, None)  # names of the columns
            for line in lines:
                _, local, _, state, _ = line.split(maxsplit=4)
                yield int(local.rpartition(":")[2], 16), state
