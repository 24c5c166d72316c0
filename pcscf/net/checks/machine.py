"""All checks together: what a start looks at, what goes on beside it, and the whole of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterator

import structlog

from pcscf.config import Settings
from pcscf.core.ids import Ids
from pcscf.core.policy import NextHop
from pcscf.errors import StartError
from pcscf.net import plan
from pcscf.net.capabilities import raise_capabilities
from pcscf.net.checks import (
    addresses,
    clock,
    files,
    kernel,
    names,
    next_hops,
    ports,
    rights,
    store,
)
from pcscf.net.checks.addresses import KernelNetwork
from pcscf.net.checks.finding import Finding, Level, warning
from pcscf.net.handover import Bound

log = structlog.get_logger()


def here(
    settings: Settings, held: Collection[Bound] = (), *, by_us: bool = False
) -> Iterator[Finding]:
    """What this machine has: all that takes no time and needs no right.

    ``held`` are sockets that this process has already. ``by_us``: a P-CSCF that runs here already
    may have the ports.
    """
    gm, core, network = settings.gm, settings.core, KernelNetwork()
    keyed = [
        *((f"gm.addresses[{number}]", one) for number, one in enumerate(gm.addresses, 1)),
        *((f"core.addresses[{number}]", one) for number, one in enumerate(core.addresses, 1)),
    ]
    binds = plan.unprotected(settings) + plan.protected(settings)
    yield from kernel.ipv6((*gm.addresses, *core.addresses))
    yield from addresses.own(network, keyed, may_come=settings.store.used == "valkey")
    yield from addresses.ipsec_on_interfaces(network, gm.addresses)
    yield from addresses.to_phones(network, addresses.local_ones(network, gm.addresses))
    held_at = {(transport, local) for _, transport, local in held}
    sought = [one for one in binds if (one.transport, one.local) not in held_at]
    yield from ports.free(sought, by_us=by_us)
    yield from ports.not_given_out(bind.local.port for bind in binds)
    yield from files.writable("log.key_file", settings.log.key_file)
    yield from store.here(settings)
    yield from clock.is_set(time.time())


def whole(settings: Settings) -> Iterator[Finding]:
    """What this machine has, and what this process may do."""
    (right,) = rights.capabilities()
    yield right
    if right.level is Level.OK:
        raise_capabilities()
        yield from kernel.esp(settings)
    else:
        yield warning("ESP", "not looked at: that takes CAP_NET_ADMIN")
    yield from rights.takeover(settings.store.takeover_device)
    yield from rights.open_files(3 * settings.limits.max_connections)
    yield from here(settings, by_us=True)


async def around(settings: Settings, ids: Ids, *, ask: bool = True) -> AsyncIterator[Finding]:
    """What may be beyond this machine: a store's server, names, and routes to next hops.

    They are sent OPTIONS if ``ask``.
    """
    for finding in await store.around(settings):
        yield finding
    hops: list[NextHop] = []
    async for finding in names.resolve(settings, ids, hops):
        yield finding
    hops = list(dict.fromkeys(hops))
    # In a thread: pyroute2 runs a loop of its own.
    sources, routes = await asyncio.to_thread(_routes, settings, hops)
    for finding in routes:
        yield finding
    if ask:
        asked = (next_hops.answers(hop, addresses.source_for(hop, sources), ids) for hop in hops)
        for finding in await asyncio.gather(*asked):
            yield finding


def _routes(settings: Settings, hops: list[NextHop]) -> tuple[list[str], list[Finding]]:
    network = KernelNetwork()
    sources = addresses.local_ones(network, settings.core.addresses)
    return sources, list(addresses.to_next_hops(network, hops, sources))


# At the start


def before_start(settings: Settings, held: Collection[Bound] = ()) -> None:
    """Log warnings; raise StartError, one line for each thing that is in the way.

    ``held`` are sockets that this process has already.
    Algorithms that the kernel lacks are told of when the others are chosen (``pcscf.net.start``).
    """
    errors = [str(one) for one in kernel.esp(settings) if one.level is Level.ERROR]
    for finding in here(settings, held):
        if finding.level is Level.ERROR:
            errors.append(str(finding))
        elif finding.level is Level.WARNING:
            _warn(finding)
    if errors:
        raise StartError("\n".join(errors))


async def beside(settings: Settings, ids: Ids) -> None:
    """Log what is beyond this machine and not as it should be. Nothing waits for it.

    Next hops are sent OPTIONS only if they are at all.
    """
    async for finding in around(settings, ids, ask=settings.core.health.interval > 0):
        if finding.level is not Level.OK:
            _warn(finding)


def _warn(finding: Finding) -> None:
    log.warning("check_failed", about=finding.about, reason=finding.text, mends=finding.mends)
