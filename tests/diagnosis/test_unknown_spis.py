"""Which ESP no SA takes, and how much of it is remembered."""

import pytest

from pcscf.diagnosis import unknown_spis
from pcscf.diagnosis.unknown_spis import UnknownSpis
from xfrm.model import SaId

OWN, UE = "198.51.100.5", "192.0.2.10"
GONE, THERE = SaId(OWN, 1001), SaId(OWN, 1002)


class Kernel:
    """Has one SA, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[SaId] = []

    def has(self, sa: SaId) -> bool:
        self.asked.append(sa)
        return sa == THERE


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


@pytest.fixture
def spis(kernel: Kernel) -> UnknownSpis:
    return UnknownSpis(kernel.has)


def found(spis: UnknownSpis) -> list[tuple[str, int, int]]:
    return [(one.key.source, one.key.sa.spi, one.count) for one in spis.all()]


def test_what_no_sa_takes_is_counted(spis: UnknownSpis) -> None:
    spis.hear([(UE, GONE), (UE, THERE), (UE, GONE)])
    assert found(spis) == []  # the kernel may say yet that it dropped nothing
    spis.settle(1000, risen=True)
    assert found(spis) == [(UE, 1001, 2)]
    spis.hear([(UE, GONE)])
    spis.settle(1002, risen=True)
    (one,) = spis.of(UE)
    assert (one.count, one.first, one.last) == (3, 1000, 1002)
    assert spis.of("192.0.2.11") == []


def test_what_the_kernel_did_not_drop_is_not_believed(spis: UnknownSpis) -> None:
    """Its SA came or went between the packet and the look."""
    spis.hear([(UE, GONE)])
    spis.settle(1000, risen=False)
    spis.settle(1002, risen=True)
    assert found(spis) == []


def test_the_kernel_is_asked_once_an_interval_about_each(spis: UnknownSpis, kernel: Kernel) -> None:
    for _ in range(2):
        spis.hear([(UE, GONE), (UE, THERE)] * 3)
        spis.hear([(UE, THERE)])
        spis.settle(1000, risen=True)
    assert kernel.asked == [GONE, THERE] * 2


def test_the_kernel_is_asked_about_few_at_a_time(spis: UnknownSpis, kernel: Kernel) -> None:
    spis.hear([(UE, SaId(OWN, spi)) for spi in range(2000, 3000)])
    assert len(kernel.asked) == unknown_spis._ASKED


def test_who_makes_spis_up_drives_out_nobody_else(spis: UnknownSpis) -> None:
    spis.hear([(UE, GONE)])
    spis.settle(1000, risen=True)
    for spi in range(2000, 2100):
        spis.hear([("192.0.2.66", SaId(OWN, spi))])
        spis.settle(1001, risen=True)
    assert len(spis.of("192.0.2.66")) == unknown_spis._MOST_OF_A_SOURCE
    assert {one.key.sa.spi for one in spis.of("192.0.2.66")} == set(range(2092, 2100))
    assert len(spis.of(UE)) == 1


def test_addresses_of_one_prefix_are_one_source(spis: UnknownSpis) -> None:
    for number in range(20):
        spis.hear([(f"2001:db8::{number:x}", GONE)])
        spis.settle(1000 + number, risen=True)
    assert len(spis.all()) == unknown_spis._MOST_OF_A_SOURCE


def test_sources_are_bounded_and_the_oldest_goes(
    spis: UnknownSpis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unknown_spis, "_MOST_SOURCES", 3)
    for number in (1, 2, 3, 1, 4):
        spis.hear([(f"192.0.2.{number}", GONE)])
        spis.settle(1000, risen=True)
    assert {one.key.source for one in spis.all()} == {"192.0.2.1", "192.0.2.3", "192.0.2.4"}


def test_the_latest_is_told_first_and_the_old_forgotten(spis: UnknownSpis) -> None:
    for moment, number in ((1000, 1), (1010, 2), (1020, 3), (1030, 1)):
        spis.hear([(f"192.0.2.{number}", GONE)])
        spis.settle(moment, risen=True)
    assert [one.key.source[-1] for one in spis.all()] == ["1", "3", "2"]
    spis.forget_before(1020)
    assert [one.key.source[-1] for one in spis.all()] == ["1", "3"]
    spis.forget_before(2000)
    assert spis.all() == []
