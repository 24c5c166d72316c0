from collections import Counter

import pytest

from pcscf.decode.model import Fault, Sa
from pcscf.decode.output.reasons import reasons
from tests.decode.samples import PCSCF, UE, an_sa


def reason(*sas: Sa) -> str:
    """That of the first."""
    return reasons(sas)[0][1]


def stranger(**known: object) -> Sa:
    """Four packets of an SA without keys."""
    sa = Sa(9, UE.host, PCSCF.host, packets=4, first_sequence=1, first_time=100, last_time=200)
    sa.faults[Fault.UNKNOWN_SPI] = 4
    for name, value in known.items():
        setattr(sa, name, value)
    return sa


def test_nothing_is_said_where_all_went_well() -> None:
    assert reason(an_sa()) == ""
    assert reason(Sa(1, "a", "b", missing=3, checked=False)) == ""  # not one packet


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault.WRONG_KEY, "wrong key: 2 packets without a good ICV, none with one; keys: FILE"),
        (Fault.BAD_ICV, "2 packets damaged on the way, or forged: others are good"),
        (Fault.MALFORMED, "2 packets malformed"),
        (Fault.CUT, "2 packets cut by the snap length: capture whole ones (-s 0)"),
        (
            Fault.SELECTOR,
            "selector: 2 packets between other ports or addresses than 6101 to 5063, "
            "which were agreed",
        ),
        (Fault.REPLAYED, "2 packets seen before: captured twice, or replayed"),
        (Fault.LATE, "2 packets too late for a receiver's window, which drops them"),
    ],
)
def test_each_fault_in_words(fault: Fault, said: str) -> None:
    sa = an_sa()
    sa.origin = "FILE"
    sa.faults = Counter({fault: 2})
    assert reason(sa) == said


def test_every_fault_has_words() -> None:
    for fault in Fault:
        sa = an_sa()
        sa.faults[fault] = 1
        assert reason(sa)


def test_several_reasons_stand_side_by_side() -> None:
    sa = an_sa()
    sa.ports = None
    sa.faults[Fault.SELECTOR] = 1
    sa.first_sequence, sa.missing, sa.checked = 8, 1, False
    assert reason(sa).split("; ") == [
        "started in mid-session: the first packet is number 8",
        "selector: 1 packet between other ports or addresses than those agreed",
        "1 packet missing: lost on the way, or by the capture",
        "the ICV is not checked",
    ]


def test_an_sa_without_keys_is_told_by_what_was_seen_of_it() -> None:
    assert reason(stranger()).startswith("unknown SPI: its registration is not in the capture")
    assert reason(stranger(first_sequence=70)).startswith(
        "started in mid-session: the first packet is number 70"
    )
    assert reason(stranger(ports=(1, 2))).startswith("keys not in the capture: it has the regis")


def test_an_sa_whose_spi_had_another_meaning_before_or_has_afterwards() -> None:
    earlier, later, other = an_sa(9), an_sa(9), an_sa(9, dst="192.0.2.9")
    earlier.until, later.since, other.until = 100, 200, 100
    assert reason(stranger(), earlier).startswith("SA expired or replaced")
    assert reason(stranger(), later).endswith("those of a later SA")
    assert reason(stranger(), other).startswith("unknown SPI")
    earlier.until = 150
    assert reason(stranger(), earlier).startswith("unknown SPI")


def test_keys_that_came_after_the_packets() -> None:
    late = stranger(origin="FILE", keys=an_sa().keys)
    assert reason(late) == "4 packets before their keys: FILE; give them with --keys"


def test_a_row_of_bad_packets_at_the_end_is_another_sa() -> None:
    sa = an_sa()
    sa.faults = Counter({Fault.BAD_ICV: 3})
    sa.bad_run, sa.bad_after = 3, sa.last_sequence
    assert reason(sa).startswith("SA expired or replaced: the last 3 packets have no good ICV")
    sa.faults[Fault.BAD_ICV] = 4
    assert reason(sa).endswith("; 1 packet damaged on the way, or forged: others are good")
    sa.bad_after -= 1  # a good one came behind them
    assert reason(sa) == "4 packets damaged on the way, or forged: others are good"


def test_which_keys_were_tried() -> None:
    sa = stranger(tried="FILE, --ck and --ik")
    sa.faults = Counter({Fault.WRONG_KEY: 4})
    assert reason(sa).endswith("keys: FILE, --ck and --ik")
