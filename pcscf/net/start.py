"""Starting: what the machine must have, and how the parts are put together."""

import asyncio
import gc
import resource
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Protocol

import structlog

from pcscf.admin.parts import Parts, Subject
from pcscf.admin.service import AdminService
from pcscf.config import Settings
from pcscf.core.edge import Edge
from pcscf.core.ids import Ids
from pcscf.diagnosis.diagnosis import Diagnosis
from pcscf.errors import StartError
from pcscf.mirror.hep import Agent
from pcscf.mirror.homer import mirroring
from pcscf.mirror.trace import Traces
from pcscf.net import plan
from pcscf.net.capabilities import raise_capabilities
from pcscf.net.entropy import Entropy
from pcscf.net.key_log import KeyLog
from pcscf.net.routes import set_route
from pcscf.net.server import Server
from xfrm.algorithms import Suite
from xfrm.errors import XfrmError
from xfrm.kernel import SaKernel, XfrmKernel
from xfrm.monitor import ExpireMonitor

log = structlog.get_logger()

# Registrations live for hours: young objects are collected in large lots, and full
# collections, which visit every registration, practically never come. So nothing that is
# done with may refer to itself: tests/net/test_growth.py.
_GC_THRESHOLDS = (50_000, 50, 1000)


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Raises StartError, one readable line."""
    raise_capabilities()
    for route in settings.gm.routes:
        set_route(route.to, route.via)
    raise_file_limit(3 * settings.limits.max_connections)
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    kernel, monitor = _open_kernel(settings)
    suites = usable_suites(kernel, settings.security.algorithms)
    edge = Edge(settings.policy(suites), Ids(Entropy()))
    key_log = KeyLog(settings.log.key_file) if settings.log.key_file else None
    diagnosis = Diagnosis(
        asyncio.get_running_loop(),
        kernel,
        edge.views,
        gm=settings.gm.addresses,
        **settings.diagnosis.model_dump(),
    )
    server = Server(settings, edge, kernel, monitor, key_log=key_log, journal=diagnosis.journal)
    subject = Subject(
        core=edge,
        server=server,
        kernel=kernel,
        version=version("pcscf"),
        started=datetime.now(UTC),
        gm=settings.gm.addresses,
        suites=[suite.name for suite in suites],
    )
    clock = asyncio.get_running_loop().time
    traces = Traces(server.taps.append, server.taps.remove, edge.views, clock)
    diagnosis.start()
    try:
        parts = Parts(diagnosis=diagnosis, traces=traces)
        async with mirrored(settings, server):
            await serve(server, AdminService(settings.admin, subject, parts))
    finally:
        diagnosis.close()


@asynccontextmanager
async def mirrored(settings: Settings, server: Server) -> AsyncIterator[None]:
    """Have a copy of all SIP sent to a collector within the block, if there is one."""
    mirror = settings.mirror
    if mirror.hep is None:
        yield
        return
    agent = Agent(mirror.hep_capture_id, mirror.hep_password, mirror.hep_node_name)
    async with mirroring(*mirror.hep, agent) as homer:
        server.taps.append(homer)
        yield


class Beside(Protocol):
    """What runs beside a server that is up: the admin side."""

    async def start(self) -> None:
        """Open. Raises StartError; ``close`` is due then as well."""

    async def close(self) -> None:
        """Close."""


async def serve(server: Server, admin: Beside | None = None) -> None:
    """Run a server until a signal asks it to stop; undo its start in any case.

    The admin side opens when phones are served, and closes before they are not: whoever
    finds it finds a server. SIGUSR1 has it log what is held and counted.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, server.tell)
        await server.start()
        async with _opened(admin):
            settle_memory()
            await stop.wait()
            log.info("stopping")
    finally:
        await server.close()


@asynccontextmanager
async def _opened(admin: Beside | None) -> AsyncIterator[None]:
    try:
        if admin:
            await admin.start()
        yield
    finally:
        if admin:
            await admin.close()


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
