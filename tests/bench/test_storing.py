"""Keeping a registration is a small part of its SIP work."""

import pytest

from tests.bench import sip, storing
from tests.bench.storing import BUSY, Cost

AT_MOST = (
    0.25  # of the SIP work, which is a quarter of the whole; it was 0.08 when this was written
)


@pytest.fixture(scope="module")
def sip_work() -> float:
    return sip.handling(phones=200, rounds=3).messages


@pytest.mark.parametrize("keep", [storing.sqlite, storing.valkey], ids=["sqlite", "valkey"])
def test_it_costs_little_when_many_register(keep, sip_work: float) -> None:
    cost = keep(BUSY, batches=5)
    assert 0 < cost.ours < AT_MOST * sip_work


def test_a_file_has_no_server_and_a_server_is_counted_by_itself() -> None:
    assert storing.sqlite(2, batches=2, rounds=1).theirs == 0
    assert isinstance(storing.valkey(2, batches=20, rounds=1), Cost)
    assert storing.valkey(2, batches=20, rounds=1).theirs > 0
