"""One SPI may be several SAs, one after the other; and none of this grows without end."""

from collections import Counter

import pytest

from pcscf.decode.keys.sas import MAX_PER_SPI, SaTable
from pcscf.decode.model import Fault, Sa
from tests.decode.esp_packets import AES_CBC, AKA, NULL, OTHER_AKA, PCSCF, PORTS, SPI, UE
from xfrm.algorithms import EspKeys

KEYS, OTHER_KEYS = AES_CBC.keys(AKA), AES_CBC.keys(OTHER_AKA)


def sa(**told) -> Sa:
    return Sa(told.pop("spi", SPI), UE, PCSCF, **told)


def found(table: SaTable, time: int) -> Sa | None:
    return table.find(PCSCF, SPI, time)


def test_an_sa_is_found_by_destination_and_spi() -> None:
    table, one = SaTable(), sa(keys=KEYS)
    assert table.add(one) is one
    assert found(table, 5) is one
    assert table.find(UE, SPI, 5) is None
    assert table.find(PCSCF, SPI + 1, 5) is None


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_each_has_its_time_in_whatever_order_they_become_known(order) -> None:
    sas = [sa(since=since, keys=NULL.keys(AKA) if since else KEYS) for since in (None, 100, 200)]
    sas[2].keys = OTHER_KEYS
    table = SaTable()
    for number in order:
        table.add(sas[number])
    assert [found(table, time) for time in (0, 99, 100, 199, 200, 999)] == [
        sas[0], sas[0], sas[1], sas[1], sas[2], sas[2],
    ]  # fmt: skip
    assert [one.until for one in sas] == [100, 200, None]
    assert table.others(sas[1]) == [sas[2], sas[0]]
    assert list(table) == sas


def test_before_the_first_one_it_is_the_first_one() -> None:
    table = SaTable()
    first = table.add(sa(since=100, keys=KEYS))
    table.add(sa(since=200, keys=OTHER_KEYS))
    assert found(table, 50) is first


def test_the_same_keys_complete_the_sa_that_has_counted() -> None:
    table = SaTable()
    known = table.add(sa(since=100, suite=AES_CBC, keys=KEYS, packets=3))
    again = table.add(sa(since=90, suite=AES_CBC, keys=KEYS, ports=PORTS, user="alice"))
    assert again is known
    assert (known.ports, known.user, known.since, known.packets) == (PORTS, "alice", 90, 3)
    assert len(table) == 1


def test_keys_found_elsewhere_complete_an_sa_with_the_same_ports() -> None:
    table = SaTable()
    known = table.add(sa(since=100, ports=PORTS, user="alice"))
    table.add(sa(since=101, ports=PORTS, suite=AES_CBC, keys=KEYS, origin="a file"))
    assert (known.suite, known.keys, known.origin) == (AES_CBC, KEYS, "a file")
    assert len(table) == 1


def test_other_keys_are_another_sa_even_with_the_same_ports() -> None:
    table = SaTable()
    table.add(sa(since=100, ports=PORTS, keys=KEYS))
    table.add(sa(since=100, ports=PORTS, keys=OTHER_KEYS))
    assert len(table) == 2


def test_an_unknown_sa_is_succeeded_by_a_known_one_and_stays_counted() -> None:
    table = SaTable()
    unknown = table.add_unknown(sa(packets=2, first_time=10))
    assert found(table, 0) is unknown
    known = table.add(sa(since=50, keys=KEYS))
    assert found(table, 60) is known
    assert list(table) == [unknown, known]


def test_a_promoted_one_is_succeeded_by_time() -> None:
    table = SaTable()
    one = table.add_unknown(sa())
    one.keys = KEYS
    table.promote(one)
    later = table.add(sa(since=50, keys=OTHER_KEYS))
    assert (found(table, 10), found(table, 50)) == (one, later)
    assert len(table) == 2


def test_too_many_push_the_oldest_out_and_made_up_spis_push_no_real_one_out() -> None:
    table = SaTable(max_sas=2, max_unknown=3)
    sas = [table.add(sa(spi=1000 + n, keys=KEYS)) for n in range(3)]
    for n in range(10):
        table.add_unknown(sa(spi=2000 + n))
    assert (len(table), table.dropped) == (5, 1 + 7)
    finds = [table.find(PCSCF, 1000 + n, 0) for n in range(3)]
    assert finds == [None, *sas[1:]]
    assert [table.find(PCSCF, 2000 + n, 0) is None for n in range(10)] == [True] * 7 + [False] * 3


def test_one_spi_given_out_for_ever_is_bounded_too() -> None:
    table = SaTable()
    for n in range(MAX_PER_SPI + 5):
        table.add(sa(since=n, keys=AES_CBC.keys(type(AKA)(bytes([n]) * 16, AKA.ik))))
    assert (len(table), table.dropped) == (MAX_PER_SPI, 5)
    assert len(table.others(sa())) == MAX_PER_SPI


def test_faults_of_dropped_sas_are_kept() -> None:
    table = SaTable(max_sas=1, max_unknown=1)
    for n in range(3):
        table.add(sa(since=n, keys=EspKeys(bytes([n]), b""), faults=Counter({Fault.BAD_ICV: 2})))
        stranger = table.add_unknown(Sa(n, UE, PCSCF))
        stranger.faults[Fault.UNKNOWN_SPI] += 1
    assert table.gone == {Fault.BAD_ICV: 4, Fault.UNKNOWN_SPI: 2}
    assert table.dropped == 4


def test_an_entry_without_packets_gives_way_to_the_sa_that_has_its_keys() -> None:
    table = SaTable()
    given = table.add(sa(keys=KEYS, user="alice"))
    agreed = table.add(sa(since=100, ports=PORTS))
    agreed.keys = KEYS
    table.promote(agreed)
    assert list(table) == [agreed]
    assert (agreed.user, agreed.since, table.dropped) == ("alice", 100, 0)
    assert given.packets == 0


def test_the_same_ports_at_another_time_are_another_sa() -> None:
    table = SaTable()
    table.add(sa(since=0, keys=KEYS, ports=PORTS))
    soon = table.add(sa(since=60 * 10**9, ports=PORTS))
    later = table.add(sa(since=60 * 10**9 + 1, ports=PORTS))
    assert (soon.keys, later.keys, len(table)) == (KEYS, None, 2)
