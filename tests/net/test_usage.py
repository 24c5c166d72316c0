"""The counters are read at intervals, and a kernel that refuses is a line of the log."""

import asyncio
from collections.abc import Callable

import pytest
import structlog

from pcscf.core.events import SasUsed
from pcscf.net.usage import UsageMeter
from tests.net.support import looped, silence, until
from xfrm.errors import XfrmError
from xfrm.memory import MemoryKernel
from xfrm.model import InstalledSa


def meter(
    dump: Callable[[], list[InstalledSa]], interval: float = 0.01
) -> tuple[UsageMeter, list[SasUsed]]:
    told: list[SasUsed] = []
    return UsageMeter(asyncio.get_running_loop(), interval, dump, told.append), told


@looped
async def test_it_looks_again_and_again_until_it_is_closed() -> None:
    made, told = meter(MemoryKernel().dump)
    made.start()
    await until(lambda: len(told) > 2)
    assert told[0] == SasUsed({})
    made.close()
    count = len(told)
    await silence()
    assert len(told) == count


@looped
async def test_by_default_nobody_looks() -> None:
    made, told = meter(MemoryKernel().dump, interval=0)
    made.start()
    await silence()
    assert told == []
    made.close()


@pytest.mark.parametrize("error", [XfrmError("no"), OSError("gone")])
@looped
async def test_a_refusal_is_a_warning(error: Exception) -> None:
    refusals = 0

    def refuse() -> list[InstalledSa]:
        nonlocal refusals
        refusals += 1
        raise error

    made, told = meter(refuse)
    with structlog.testing.capture_logs() as lines:
        made.start()
        await until(lambda: refusals > 1)
    made.close()
    assert told == []
    assert lines[0]["event"] == "dump_failed"
