import errno
from dataclasses import replace

import pytest

from tests.xfrm.test_model import KEYS, sa_set
from xfrm.algorithms import SUITES
from xfrm.errors import KernelRefusal
from xfrm.kernel import SaKernel
from xfrm.memory import MemoryKernel
from xfrm.model import SelectorMode


@pytest.fixture
def kernel():
    return MemoryKernel(reqid=7)


def test_it_is_a_kernel(kernel):
    one: SaKernel = kernel
    assert one.open() == 0
    assert kernel.is_open


def test_install_and_remove(kernel):
    kernel.install(sa_set(), KEYS, 300)
    assert kernel.present() == set(sa_set().ids)
    expected = sa_set().associations(KEYS, 7, SelectorMode.STRICT, 300)
    assert tuple(kernel.sas.values()) == expected
    assert [(sa.id, sa.reqid, sa.lifetime) for sa in kernel.dump()] == [
        (sa.id, 7, 300) for sa in expected
    ]
    kernel.remove(sa_set())
    kernel.remove(sa_set())
    assert kernel.dump() == []


def test_a_name_that_is_taken_is_refused_whole(kernel):
    kernel.install(sa_set(), KEYS, 300)
    other = replace(sa_set(), spi_pc=1000, spi_ps=1001, spi_us=1002)  # spi_uc as before
    with pytest.raises(KernelRefusal) as caught:
        kernel.install(other, KEYS, 300)
    assert caught.value.code == errno.EEXIST
    assert kernel.present() == set(sa_set().ids)


def test_refusal_on_order(kernel):
    kernel.install(sa_set(), KEYS, 300)
    kernel.reach()
    kernel.refusal = KernelRefusal("install", errno.ENOMEM, "ENOMEM")
    with pytest.raises(KernelRefusal):
        kernel.reach()
    with pytest.raises(KernelRefusal):
        kernel.install(replace(sa_set(), ue="192.0.2.11"), KEYS, 300)
    with pytest.raises(KernelRefusal):
        kernel.extend(sa_set(), 300)
    kernel.refusal = None
    kernel.extend(sa_set(), 300)
    assert len(kernel.sas) == 4


def test_lifetime_ends_and_is_extended_from_now(kernel):
    kernel.install(sa_set(), KEYS, 10)
    assert kernel.advance(9) == []
    kernel.extend(sa_set(), 10)
    assert {sa.lifetime for sa in kernel.dump()} == {19}
    assert kernel.advance(9) == []
    assert set(kernel.advance(1)) == set(sa_set().ids)
    assert kernel.present() == frozenset()
    with pytest.raises(KernelRefusal, match="ESRCH"):
        kernel.extend(sa_set(), 10)


def test_lifetime_0_is_for_ever(kernel):
    kernel.install(sa_set(), KEYS, 0)
    assert kernel.advance(10**9) == []
    assert {sa.lifetime for sa in kernel.dump()} == {0}


def test_usage_is_what_a_test_has_counted(kernel):
    kernel.install(sa_set(), KEYS, 300)
    first, second, third, last = sa_set().ids
    kernel.packets[last] += 3
    told = {one.id: one.packets for one in kernel.usage()}
    assert told == {first: 0, second: 0, third: 0, last: 3}
    kernel.remove(sa_set())
    assert list(kernel.usage()) == []
    assert not kernel.packets
    kernel.refusal = KernelRefusal("dump", errno.ENOMEM, "ENOMEM")
    with pytest.raises(KernelRefusal):
        list(kernel.usage())


def test_one_sa_is_read_by_its_name(kernel):
    kernel.install(sa_set(), KEYS, 300)
    one = sa_set().ids[0]
    kernel.packets[one] += 3
    read = kernel.read(one)
    assert (read.id, read.packets, read.lifetime) == (one, 3, 300)
    kernel.remove(sa_set())
    assert kernel.read(one) is None
    kernel.refusal = KernelRefusal("find", errno.ENOMEM, "ENOMEM")
    with pytest.raises(KernelRefusal):
        kernel.read(one)


def test_open_sweeps_and_close_empties(kernel):
    kernel.install(sa_set(), KEYS, 300)
    assert kernel.open() == 4
    kernel.install(sa_set(), KEYS, 300)
    kernel.close()
    assert kernel.present() == frozenset()
    assert not kernel.is_open


def test_probe_finds_what_was_said(kernel):
    kernel.unusable = {SUITES[0]: "no such module"}
    assert kernel.probe(SUITES[1:]) == {}
    assert kernel.probe(SUITES) == {SUITES[0]: "no such module"}
