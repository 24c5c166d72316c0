from dataclasses import replace

import pytest

from pcscf.core.agreement import Offer
from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.core.sa_table import SaRow, SaTable, Stage
from pcscf.core.state import Attempt, Phone
from tests.core.stage import AES, GM, UE
from xfrm.model import SaId, SaSet, SelectorMode

SET = SaSet(UE, GM, AES, 1111, 2222, 3333, 4444, 40001, 40002, 6112, 6100)
NEWER = replace(
    SET, spi_uc=5555, spi_us=6666, spi_pc=7777, spi_ps=8888, port_uc=40011, port_pc=6113
)
OFFER = Offer(AES, 1111, 2222, 40001, 40002, ())


def row(sa_set: SaSet = SET, impi: str = "a@x") -> SaRow:
    phone = Phone(impi, UE, "", emergency=False)
    return SaRow(sa_set, (AES,), Attempt(phone, "t", OFFER, None, 0.0))


def flow(theirs: int, ours: int, host: str = UE) -> Flow:
    return Flow(Transport.UDP, Side.PROTECTED, Endpoint(GM, ours), Endpoint(host, theirs))


def test_a_row_is_found_by_its_two_pairs_of_ports_and_no_other() -> None:
    table, entered = SaTable(SelectorMode.STRICT), row()
    table.add(entered)
    assert table.find(flow(40001, 6100)) is entered
    assert table.find(flow(40002, 6112)) is entered
    for theirs, ours in ((40002, 6100), (40001, 6112), (40001, 5060), (5060, 6100)):
        assert table.find(flow(theirs, ours)) is None
    assert table.find(flow(40001, 6100, "192.0.2.11")) is None


def test_a_row_is_found_by_each_of_its_sas() -> None:
    table, entered = SaTable(SelectorMode.STRICT), row()
    table.add(entered)
    assert all(table.find_sa(sa) is entered for sa in SET.ids)
    assert table.find_sa(SaId(GM, 1111)) is None
    assert table.find_sa(SaId("192.0.2.200", SET.spi_ps)) is None
    assert [table.has_spi(spi) for spi in (SET.spi_ps, SET.spi_pc, SET.spi_uc)] == [1, 1, 0]


def test_rows_are_counted_and_listed_once() -> None:
    table, one, other = SaTable(SelectorMode.STRICT), row(), row(NEWER)
    table.add(one)
    table.add(other)
    assert len(table) == 2
    assert list(table) == [one, other]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_rows_come_in_parts_each_once_while_the_table_changes(size: int) -> None:
    table, first, second = SaTable(SelectorMode.STRICT), row(), row(NEWER)
    table.add(first)
    table.add(second)
    parts = table.parts(size)
    seen = next(parts)
    table.remove(second)
    seen += [one for part in parts for one in part]
    assert seen == [first, second]


def test_a_removed_row_leaves_nothing_and_may_be_removed_again() -> None:
    for mode in SelectorMode:
        table, entered = SaTable(mode), row()
        table.add(entered)
        assert table.holds(entered)
        table.remove(entered)
        table.remove(entered)
        assert not table.holds(entered)
        assert [table._by_ports, table._by_spi, table._by_peer, table._at_host] == [{}, {}, {}, {}]


def test_removing_a_row_that_is_out_leaves_its_successor() -> None:
    table, old, new = SaTable(SelectorMode.STRICT), row(), row()
    table.add(old)
    table.remove(old)
    table.add(new)
    table.remove(old)
    assert table.find(flow(40001, 6100)) is new


@pytest.mark.parametrize(
    ("change", "clashes"),
    [
        ({}, True),
        ({"port_uc": 1, "spi_us": 9}, True),  # spi_uc
        ({"port_uc": 1, "spi_uc": 9}, True),  # spi_us
        ({"spi_uc": 9, "spi_us": 8}, True),  # port_uc
        ({"port_uc": 1, "spi_uc": 2222, "spi_us": 9}, True),  # crosswise
        ({"port_uc": 1, "spi_uc": 9, "spi_us": 8}, False),  # port_us may stay
        ({"port_uc": 1, "spi_uc": 3333, "spi_us": 4444}, False),  # ours are at another address
    ],
)
def test_numbers_in_use_clash(change: dict[str, int], *, clashes: bool) -> None:
    """TS 33.203 7.1."""
    table, entered = SaTable(SelectorMode.STRICT), row()
    table.add(entered)
    offer = replace(OFFER, **change)  # type: ignore[arg-type]
    assert table.clash(UE, offer, 6100) is (entered if clashes else None)
    assert table.clash("192.0.2.11", offer, 6100) is None


def test_our_client_port_is_taken_for_that_port_of_the_phone() -> None:
    table = SaTable(SelectorMode.STRICT)
    table.add(row())
    assert not table.port_pc_free(UE, 40002, 6112)
    assert table.port_pc_free(UE, 40002, 6113)
    assert table.port_pc_free(UE, 40003, 6112)
    assert table.port_pc_free("192.0.2.11", 40002, 6112)


# --- tolerant selectors ---


def test_tolerant_takes_either_port_to_either_port() -> None:
    table, entered = SaTable(SelectorMode.TOLERANT), row()
    table.add(entered)
    for theirs in (40001, 40002):
        for ours in (6100, 6112):
            assert table.find(flow(theirs, ours)) is entered
    for theirs, ours in ((40003, 6100), (40001, 6113), (40000, 6100)):
        assert table.find(flow(theirs, ours)) is None


def test_of_several_the_confirmed_one_then_the_newest() -> None:
    table, old, new = SaTable(SelectorMode.TOLERANT), row(), row(NEWER)
    table.add(old)
    table.add(new)
    assert table.find(flow(40002, 6100)) is new
    old.stage = Stage.CURRENT
    assert table.find(flow(40002, 6100)) is old
    assert table.find(flow(40011, 6100)) is new  # exact ports say more


def test_other_users_at_an_address_are_seen() -> None:
    table = SaTable(SelectorMode.TOLERANT)
    table.add(row(impi="a@x"))
    assert table.others_at(UE, "b@x")
    assert not table.others_at(UE, "a@x")
    assert not table.others_at("192.0.2.11", "b@x")
