"""What the admin side needs is what there is: mypy holds the two against each other."""

from random import Random

from pcscf.admin.parts import Core, Kernel, Parts
from pcscf.admin.parts import Server as NeededServer
from pcscf.core.edge import Edge
from pcscf.core.ids import Ids
from pcscf.net.server import Server
from tests.core.stage import POLICY
from tests.net.support import looped, settings
from tests.net.test_server import FakeMonitor
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


def test_whatever_others_build_may_be_missing() -> None:
    assert Parts() == Parts(None, None, None, None)
