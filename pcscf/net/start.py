"""Starting: what the machine must have, and how the parts are put together."""

import asyncio
import gc
import resource
import signal
from collections.abc import Iterable
from pathlib import Path

import structlog

from pcscf.config import Settings
from pcscf.core.edge import Edge
from pcscf.core.ids import Ids
from pcscf.errors import StartError
from pcscf.hooks.service import HookService
from pcscf.net import plan
from pcscf.net.entropy import Entropy
from pcscf.net.key_log import KeyLog
from pcscf.net.server import Server
from xfrm.algorithms import Suite
from xfrm.errors import XfrmError
from xfrm.kernel import SaKernel, XfrmKernel
from xfrm.monitor import ExpireMonitor

log = structlog.get_logger()

_CAP_NET_ADMIN = 12  # linux/capability.h
# Registrations live for hours: young objects are collected in large lots, and full
# collections, which visit every registration, practically never come. So nothing that is
# done with may refer to itself: tests/net/test_growth.py.
_GC_THRESHOLDS = (50_000, 50, 1000)


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Raises StartError, one readable line."""
    require_net_admin(Path("/proc/self/status"))
    raise_file_limit(3 * settings.limits.max_connections)
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    hooks = HookService(settings.sip_limits())
    async with hooks.serving(settings.hooks.policy()):
        kernel, monitor = _open_kernel(settings)
        suites = usable_suites(kernel, settings.security.algorithms)
        edge = Edge(settings.policy(suites), Ids(Entropy()))
        key_log = KeyLog(settings.log.key_file) if settings.log.key_file else None
        server = Server(settings, edge, kernel, monitor, key_log=key_log)
        hooks.attach(edge.use_hooks, server.dispatch)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hooks.reload_soon)
        await serve(server)


async def serve(server: Server) -> None:
    """Run a server until a signal asks it to stop; undo its start in any case.

    SIGUSR1 has it log what is held and counted.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, server.tell)
        await server.start()
        settle_memory()
        await stop.wait()
        log.info("stopping")
    finally:
        await server.close()


def require_net_admin(status: Path) -> None:
    """Raise StartError if this process may not change the kernel's SAs (capabilities(7))."""
    fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
    if not int(fields["CapEff"], 16) >> _CAP_NET_ADMIN & 1:
        raise StartError(
            "CAP_NET_ADMIN is missing: run as root, or with AmbientCapabilities=CAP_NET_ADMIN"
        )


def raise_file_limit(needed: int) -> None:
    """Let this process have as many descriptors as it may; say so if connections will not fit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < needed:
        log.warning("few_descriptors", limit=hard, needed=needed, mends="ulimit -Hn, LimitNOFILE=")


def usable_suites(kernel: SaKernel, wanted: Iterable[Suite]) -> tuple[Suite, ...]:
    """Leave out what the kernel cannot do, with a warning each. Raises StartError if all fail."""
    wanted = tuple(wanted)
    try:
        unusable = kernel.probe(wanted)
    except (XfrmError, OSError) as error:
        raise StartError(f"the kernel cannot be asked for ESP: {error}") from None
    if set(unusable) >= set(wanted):
        raise StartError(f"no ESP in this kernel: {unusable[wanted[0]]}")
    for suite, reason in unusable.items():
        log.warning("algorithm_unusable", algorithm=suite.name, reason=reason)
    return tuple(suite for suite in wanted if suite not in unusable)


def settle_memory() -> None:
    """Put what start has made out of the collector's sight, and make it less eager."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def _open_kernel(settings: Settings) -> tuple[XfrmKernel, ExpireMonitor]:
    reqid = settings.security.reqid
    try:
        kernel = XfrmKernel(reqid, plan.policies(settings), settings.gm.selectors)
        return kernel, ExpireMonitor(reqid)
    except (XfrmError, OSError) as error:
        raise StartError(f"no XFRM in this kernel (CONFIG_XFRM_USER): {error}") from None
