"""What the tests of sockets share: a loop with a deadline, waiting, settings on loopback."""

import asyncio
import functools
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from pcscf.config import Settings
from pcscf.core.flow import Endpoint

HOST = "127.0.0.1"
PATIENCE = 10.0  # seconds; a test that waits longer has failed


def looped(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test in a loop of its own."""

    @functools.wraps(test)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(PATIENCE):
                await test(*args, **kwargs)

        asyncio.run(bounded())

    return wrapper


async def until(condition: Callable[[], object]) -> None:
    """Let the loop turn until the condition holds."""
    while not condition():  # noqa: ASYNC110 - the condition is anything, sockets too
        await asyncio.sleep(0.001)


async def silence(seconds: float = 0.05) -> None:
    """Give what should not happen the time to happen."""
    await asyncio.sleep(seconds)


def free_port(kind: int = socket.SOCK_STREAM, host: str = HOST) -> int:
    """A port that nobody has right now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


def free_block(size: int) -> range:
    """An aligned block of ports that nobody has right now, below the kernel's own choices."""
    for first in range(20_000, 32_000, size):
        try:
            for port in range(first, first + size):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    with socket.socket(socket.AF_INET, kind) as sock:
                        sock.bind((HOST, port))
        except OSError:
            continue
        return range(first, first + size)
    raise RuntimeError("no free block of ports")


def udp_peer(host: str = HOST, port: int = 0) -> tuple[socket.socket, Endpoint]:
    """A peer's blocking UDP socket and its endpoint."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, port))
    sock.settimeout(PATIENCE)
    return sock, Endpoint(*sock.getsockname()[:2])


def settings(**sections: dict[str, object]) -> Settings:
    """Settings on loopback and free ports; sections add keys or replace them."""
    block = free_block(8)
    base: dict[str, dict[str, object]] = {
        "gm": {
            "addresses": [HOST],
            "port": block[0],
            "port_ps": block[1],
            "ports_pc": f"{block[4]}-{block[7]}",
        },
        "core": {
            "addresses": [HOST],
            "port": block[2],
            "next_hops": [f"udp:{HOST}:9"],
            "health": {"interval": 0},
        },
        "network": {"visited_network": "ims.example"},
    }
    for name, keys in sections.items():
        base[name] = base.get(name, {}) | keys
    return Settings.model_validate(base)
