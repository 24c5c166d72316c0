"""The four SAs of a set, and when they stand still."""

import errno

import pytest

from pcscf.core.flow import Endpoint
from pcscf.diagnosis import counters
from pcscf.diagnosis.counters import EarlierLooks, SaCounters, read_four
from tests.xfrm.test_model import KEYS, sa_set
from xfrm.errors import KernelRefusal
from xfrm.memory import MemoryKernel
from xfrm.model import SaId

SET = sa_set()


@pytest.fixture
def kernel() -> MemoryKernel:
    made = MemoryKernel()
    made.install(SET, KEYS, 300)
    return made


def test_the_four_in_their_order(kernel: MemoryKernel) -> None:
    kernel.packets[SET.ids[3]] = 7
    four = read_four(kernel, SET)
    assert tuple(sa.id for sa in four) == SET.ids
    assert [sa.inbound for sa in four] == [True, False, False, True]
    assert [(sa.source, sa.destination) for sa in four] == [
        (Endpoint(SET.ue, SET.port_uc), Endpoint(SET.pcscf, SET.port_ps)),
        (Endpoint(SET.pcscf, SET.port_ps), Endpoint(SET.ue, SET.port_uc)),
        (Endpoint(SET.pcscf, SET.port_pc), Endpoint(SET.ue, SET.port_us)),
        (Endpoint(SET.ue, SET.port_us), Endpoint(SET.pcscf, SET.port_pc)),
    ]
    assert [sa.packets for sa in four] == [0, 0, 0, 7]


def test_one_that_is_not_there_is_told_from_one_that_cannot_be_asked_about(
    kernel: MemoryKernel,
) -> None:
    kernel.remove(SET)
    assert {(sa.kernel, sa.known, sa.packets) for sa in read_four(kernel, SET)} == {(None, True, 0)}
    kernel.refusal = KernelRefusal("find", errno.ENOMEM, "ENOMEM")
    assert {(sa.kernel, sa.known) for sa in read_four(kernel, SET)} == {(None, False)}


def look(kernel: MemoryKernel, came: int, went: int) -> tuple[SaCounters, ...]:
    kernel.packets[SET.ids[0]] = came
    kernel.packets[SET.ids[2]] = went
    return read_four(kernel, SET)


def test_what_went_out_is_counted_from_the_phones_last_packet_on(kernel: MemoryKernel) -> None:
    looks = EarlierLooks()
    assert looks.compare(look(kernel, 3, 5), 1000) == (1000, 0)
    assert looks.compare(look(kernel, 3, 7), 1010) == (1000, 2)
    assert looks.compare(look(kernel, 3, 8), 1020) == (1000, 3)
    assert looks.compare(look(kernel, 4, 9), 1030) == (1030, 0)
    assert looks.compare(look(kernel, 4, 9), 1040) == (1030, 0)


def test_numbers_that_are_used_again_begin_anew(kernel: MemoryKernel) -> None:
    looks = EarlierLooks()
    looks.compare(look(kernel, 3, 5), 1000)
    assert looks.compare(look(kernel, 3, 1), 1010) == (1010, 0)


def test_looks_are_bounded(monkeypatch: pytest.MonkeyPatch, kernel: MemoryKernel) -> None:
    monkeypatch.setattr(counters, "_REMEMBERED", 2)
    looks = EarlierLooks()
    four = read_four(kernel, SET)
    for spi in range(5):
        looks.compare((four[0]._replace(id=SaId("192.0.2.1", spi)), *four[1:]), 1000)
    assert len(looks._seen) == 2
