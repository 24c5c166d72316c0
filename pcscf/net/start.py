"""Starting: what the machine must have, and how the parts are put together."""

import asyncio
import gc
import resource
import signal
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import structlog

from pcscf.admin.pages import add_pages
from pcscf.admin.parts import Parts, Store, Subject
from pcscf.admin.service import AdminService
from pcscf.config import Settings
from pcscf.core.edge import Edge
from pcscf.core.ids import Ids
from pcscf.diagnosis.diagnosis import Diagnosis
from pcscf.errors import StartError
from pcscf.hooks.service import HookService
from pcscf.mirror.hep import Agent
from pcscf.mirror.homer import Homer, mirroring
from pcscf.mirror.trace import Traces
from pcscf.net import handover, plan
from pcscf.net.capabilities import raise_capabilities
from pcscf.net.checks import machine
from pcscf.net.entropy import Entropy
from pcscf.net.handover import Handover
from pcscf.net.key_log import KeyLog
from pcscf.net.reload import Reloader
from pcscf.net.routes import set_route
from pcscf.net.server import Server
from pcscf.net.survival import Survival, surviving
from pcscf.net.upgrade import Upgrade, in_the_way
from xfrm.algorithms import Suite
from xfrm.errors import XfrmError
from xfrm.kernel import SaKernel, XfrmKernel
from xfrm.monitor import ExpireMonitor

log = structlog.get_logger()

# Registrations live for hours: young objects are collected in large lots, and full
# collections, which visit every registration, practically never come. So nothing that is
# done with may refer to itself: tests/net/test_growth.py.
_GC_THRESHOLDS = (50_000, 50, 1000)


def run(settings: Settings, file: Path) -> None:
    """Run until SIGTERM or SIGINT. Raises StartError, one readable line.

    ``file`` is where the settings are from: SIGHUP has it read anew. Upon SIGUSR2 this process goes
    on as the program that is installed by then, and this function does not return.
    """
    before = handover.received()
    raise_capabilities()
    for route in settings.gm.routes:
        set_route(route.to, route.via)
    raise_file_limit(3 * settings.limits.max_connections)
    machine.before_start(settings, before.sockets)
    left = asyncio.run(_serve(settings, file, before))
    if left and left.withdrawn():
        left.close()
    elif left:
        _go_on(left)


def _go_on(left: Handover) -> None:
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)  # until the next program knows what to do with it
    try:
        left.go_on()
    except OSError as error:
        raise StartError(f"{handover.program()[0]} cannot go on: {error.strerror}") from None


async def _serve(settings: Settings, file: Path, before: Handover) -> Handover | None:
    kernel, monitor = _open_kernel(settings)
    suites = usable_suites(kernel, settings.security.algorithms)
    ids = Ids(Entropy())
    edge = Edge(settings.policy(suites), ids)
    key_log = KeyLog(settings.log.key_file) if settings.log.key_file else None
    hooks = HookService(settings.sip_limits())
    diagnosis = Diagnosis(
        asyncio.get_running_loop(),
        kernel,
        edge.views,
        gm=settings.gm.addresses,
        **settings.diagnosis.model_dump(),
    )
    async with AsyncExitStack() as around:
        await around.enter_async_context(hooks.serving(settings.hooks.policy()))
        survival = await around.enter_async_context(surviving(settings, edge, kernel))
        recorder = survival.recorder if survival else None
        server = Server(
            settings,
            edge,
            kernel,
            monitor,
            key_log=key_log,
            journal=diagnosis.journal,
            recorder=recorder,
            ownership=survival.ownership if survival else None,
            handover=before,
        )
        hooks.attach(edge.use_hooks, server.dispatch)
        usable = partial(usable_suites, kernel)
        reloader = Reloader(file, settings, server, usable, hooks, recorder=recorder)
        diagnosis.start()
        around.callback(diagnosis.close)
        around.enter_context(_looking_around(settings, ids))
        homer = await around.enter_async_context(mirrored(settings, server))
        subject = Subject(
            core=edge,
            server=server,
            kernel=kernel,
            version=version("pcscf"),
            started=datetime.now(UTC),
            gm=settings.gm.addresses,
            suites=[suite.name for suite in suites],
        )
        parts = Parts(
            diagnosis=diagnosis,
            traces=_traces(server, edge),
            reload=reloader,
            console=add_pages,
            survival=survival,
            store=Store(settings.store.used, survival.writer) if survival else None,
            hooks=hooks,
            mirror=homer,
        )
        admin = AdminService(settings.admin, subject, parts)
        writer = survival.writer if survival else None
        upgrade = Upgrade(file, lambda: in_the_way(settings, writer.state if writer else None))
        return await serve(server, reloader, admin, survival, upgrade)


def _traces(server: Server, edge: Edge) -> Traces:
    clock = asyncio.get_running_loop().time
    return Traces(server.taps.append, server.taps.remove, edge.views, clock)


@contextmanager
def _looking_around(settings: Settings, ids: Ids) -> Iterator[None]:
    """Look at DNS and next hops, for the log, while the block goes on."""
    task = asyncio.get_running_loop().create_task(machine.beside(settings, ids))
    try:
        yield
    finally:
        task.cancel()


@asynccontextmanager
async def mirrored(settings: Settings, server: Server) -> AsyncIterator[Homer | None]:
    """Have a copy of all SIP sent to a collector within the block, if there is one."""
    mirror = settings.mirror
    if mirror.hep is None:
        yield None
        return
    agent = Agent(mirror.hep_capture_id, mirror.hep_password, mirror.hep_node_name)
    async with mirroring(*mirror.hep, agent) as homer:
        server.taps.append(homer)
        yield homer


class Beside(Protocol):
    """What runs beside a server: the admin side."""

    async def start(self) -> None:
        """Open. Raises StartError; ``close`` is due then as well."""

    async def close(self) -> None:
        """Close."""


async def serve(
    server: Server,
    reloader: Reloader,
    admin: Beside | None = None,
    survival: Survival | None = None,
    upgrade: Upgrade | None = None,
) -> Handover | None:
    """Run a server until a signal asks it to stop; undo its start in any case.

    The admin side opens first, as it may take long until phones are served: another instance
    may serve them. It closes before they are not. A second signal has it stop at once. SIGUSR1 has
    it log what is held and counted, SIGHUP read its settings anew. SIGUSR2 has it end for an
    ``upgrade``, if there is one: then it gives what goes on in the next program. LeaseLostError:
    another instance serves them from now on.
    """
    stop, hurry = _signals(server, reloader, upgrade)
    lost = survival.lost if survival else asyncio.Event()
    wanted = upgrade.wanted if upgrade else asyncio.Event()
    try:
        async with _opened(admin):
            await _before(_begin(server, survival), stop, lost)
            goes_on = server.is_up and await _replaced(server, stop, lost, wanted)
            if not (goes_on or lost.is_set()):
                log.info("stopping")
            if server.is_up and not goes_on:
                await _before(server.wind_up(hurry), lost)
            if survival:
                survival.leave()
        if not goes_on or stop.is_set():
            return None
        left = await server.hand_over()
        left.withdrawn = stop.is_set
        return left
    finally:
        if upgrade:
            await upgrade.close()
        await server.close()


def _signals(
    server: Server, reloader: Reloader, upgrade: Upgrade | None
) -> tuple[asyncio.Event, asyncio.Event]:
    """Give what the first signal to stop sets, and the second."""
    loop, stop, hurry = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (hurry if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    loop.add_signal_handler(signal.SIGUSR1, server.tell)
    loop.add_signal_handler(signal.SIGHUP, reloader.reload)
    if upgrade:
        loop.add_signal_handler(signal.SIGUSR2, upgrade.ask)
    return stop, hurry


async def _replaced(
    server: Server, stop: asyncio.Event, lost: asyncio.Event, wanted: asyncio.Event
) -> bool:
    """Serve until the end. True: it is an upgrade, and all has been answered for it."""
    await _before(stop.wait(), lost, wanted)
    if not wanted.is_set():
        return False
    await server.wind_up(stop, drain=False)
    return not stop.is_set()


async def _begin(server: Server, survival: Survival | None) -> None:
    if survival:
        server.claim()
        await server.start(await survival.begin(), survival.arrive)
    else:
        await server.start()
    settle_memory()


async def _before(work: Coroutine[Any, Any, object], *ends: asyncio.Event) -> None:
    """Work until it is done, or has no point any more. Raises what the work raises."""
    working = asyncio.ensure_future(work)
    waiting = [asyncio.ensure_future(end.wait()) for end in ends]
    try:
        await asyncio.wait([working, *waiting], return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        for task in (working, *waiting):
            task.cancel()
        await asyncio.gather(working, *waiting, return_exceptions=True)


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
