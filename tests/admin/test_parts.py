"""What the admin side needs is what there is: mypy holds the two against each other."""

from pathlib import Path
from random import Random

from pcscf.admin.parts import Core, Hooks, Kernel, Mirror, Parts, Writing
from pcscf.admin.parts import Server as NeededServer
from pcscf.core.edge import Edge
from pcscf.core.ids import Ids
from pcscf.hooks.service import HookService
from pcscf.mirror.hep import Agent
from pcscf.mirror.homer import Homer
from pcscf.net.server import Server
from pcscf.sip.limits import DEFAULT
from pcscf.store.sqlite import SqliteStore
from pcscf.store.writer import Writer
from tests.core.stage import POLICY
from tests.net.server_bench import FakeMonitor
from tests.net.support import looped, settings
from xfrm.memory import MemoryKernel


@looped
async def test_edge_server_and_kernel_are_what_is_needed() -> None:
    edge, memory = Edge(POLICY, Ids(Random(1).randbytes)), MemoryKernel()
    core: Core = edge
    kernel: Kernel = memory
    monitor = FakeMonitor()
    server: NeededServer = Server(settings(), edge, memory, monitor)
    kernel.reach()
    assert (core.draining, core.held()["registrations"]) == (False, 0)
    assert (server.lag, server.failed_events) == (0.0, 0)
    monitor.close()


class NoWay:
    """A carrier that loses all."""

    def send(self, _packet: bytes) -> str:
        return "lost"


@looped
async def test_store_hooks_and_mirror_are_what_is_needed(tmp_path: Path) -> None:
    writing: Writing = Writer(SqliteStore(str(tmp_path / "store")))
    hooks: Hooks = HookService(DEFAULT)
    mirror: Mirror = Homer(NoWay(), Agent(1, "", ""))
    assert (writing.state.name, writing.waiting, writing.batches) == ("ok", 0, 0)
    assert (hooks.file, hooks.functions, hooks.measures.waiting) == ("", [], 0)
    assert (mirror.sent, mirror.lost) == (0, {})


def test_whatever_others_build_may_be_missing() -> None:
    assert Parts() == Parts(None, None, None, None, None, None, None)
