"""What peers send is gone once it was dealt with, counted object by object.

A server with the real Edge on loopback, a kernel in a dict, and on each side a peer that
keeps no rule. The same against the real process is in ``tests/netns/test_hostile.py``.
"""

import asyncio
import contextlib
import functools
import gc
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

from pcscf import log
from pcscf.core.edge import Edge
from pcscf.core.ids import Ids
from pcscf.net.server import Server
from pcscf.net.sockets import reset_on_close
from tests.attacker import Attacker
from tests.garbage import no_garbage
from tests.net.server_bench import FakeMonitor
from tests.net.support import HOST, PATIENCE, looped, settings, udp_peer, until
from tests.sip import samples
from xfrm.memory import MemoryKernel

QUICK = {"t1": 0.005, "t2": 0.01, "t4": 0.01}  # seconds: a transaction is over in 0.32
ALLOWED = 20  # connections
ROUNDS = 8  # of 66 messages from each side
# Live objects after a round of rounds and after the next, per message: what a table or a
# list has by chance. A message that is kept is a hundred of them.
MAX_GROWTH = 0.5


class Site:
    """A server that is up, an attacker on each side, the one at the core in its place."""

    def __init__(self) -> None:
        (core, at), (phone, _) = udp_peer(), udp_peer()
        given = settings(
            core={"next_hops": [f"udp:{at}"]},
            timers={"gm": QUICK, "core": QUICK},
            limits={
                "message_timeout": 0.2,
                "max_pending_per_source": 1000,
                "max_connections": ALLOWED,
                "max_connections_per_source": ALLOWED,
            },
            security={"reg_await_auth": 0.2},
            # Or it blocks the attacker, or takes a busy machine for overload: nothing is tested.
            guard={"trusted": [f"{HOST}/32"], "overload_lag": 100, "overload_lag_severe": 100},
        )
        self.edge = Edge(given.policy(given.security.algorithms), Ids(os.urandom))
        self.server = Server(given, self.edge, MemoryKernel(), FakeMonitor())
        self.attackers = [
            Attacker(phone, _dial, (HOST, given.gm.port), expected=b"SIP/2.0 403 "),
            Attacker(core, _dial, (HOST, given.core.port), expected=b"SIP/2.0 200 "),
        ]

    async def suffer(self, attack: Callable[[Attacker], None], times: int = 1) -> None:
        """Let both attack, and wait until all of it is over."""
        for _ in range(times):
            for attacker in self.attackers:
                await asyncio.to_thread(attack, attacker)
        await until(self._is_idle)

    def _is_idle(self) -> bool:
        context, tcp = self.edge._context, self.server._ports._tcp
        wire = self.edge._wire
        held = len(wire.servers) + len(wire.clients)
        held += len(context.sas) + context.registry.attempts
        return not (held or tcp._connections or tcp._opening)


def _dial() -> socket.socket:
    link = socket.socket()
    link.settimeout(PATIENCE)
    return link


@pytest.fixture(autouse=True)
def _logged() -> Iterator[None]:
    """What is logged counts too, but the lines are not kept."""
    with Path(os.devnull).open("w") as nowhere:
        log.configure("debug", "console", nowhere)
        yield
        structlog.reset_defaults()


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    made = Site()
    await made.server.start()
    try:
        await made.suffer(Attacker.attack)  # what is made once is not counted
        yield made
    finally:
        await made.server.close()
        for attacker in made.attackers:
            attacker.close()


def endless(attacker: Attacker) -> None:
    attacker.stream(b"x" * 200_000)


def slow(attacker: Attacker) -> None:
    """Begin a message, and wait to be cut off."""
    with attacker.connect() as link, contextlib.suppress(ConnectionError):
        link.sendall(b"REGISTER sip:a")
        link.recv(1)


def rude(attacker: Attacker) -> None:
    """Reset the connection when the answer is due."""
    with attacker.connect() as link:
        link.sendall(samples.REGISTER)
        reset_on_close(link)


def greedy(attacker: Attacker) -> None:
    """Open more connections than one peer may have, and see the others reset."""
    with contextlib.ExitStack() as stack:
        for number in range(ALLOWED + 10):
            with contextlib.suppress(ConnectionResetError):
                link = stack.enter_context(attacker.connect())
                if number >= ALLOWED:
                    link.recv(1)


@pytest.mark.parametrize("attack", [Attacker.attack, endless, slow, rude, greedy])
@looped
async def test_nothing_waits_for_the_garbage_collector(attack):
    async with site() as s:
        with no_garbage():
            await s.suffer(attack, times=2)


@looped
async def test_no_message_is_kept():
    async with site() as s:
        counts = []
        for _ in range(3):
            await s.suffer(Attacker.attack, ROUNDS)
            counts.append(_live_objects())
        assert counts[2] - counts[1] < 132 * ROUNDS * MAX_GROWTH, counts


def _live_objects() -> int:
    """Blocks of memory, without the texts that are remembered (pcscf.sip.remembered: bounded)."""
    for one in gc.get_objects():
        if isinstance(one, functools._lru_cache_wrapper):
            one.cache_clear()
    gc.collect()
    return sys.getallocatedblocks()
