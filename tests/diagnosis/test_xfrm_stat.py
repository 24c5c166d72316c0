"""What the kernel's file of counters says, and what it rose by."""

import re
from pathlib import Path

import pytest

from pcscf.diagnosis.xfrm_stat import MEANINGS, NO_STATES, RECENT, XfrmStat


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "xfrm_stat"
    write(path, XfrmInNoStates=7, XfrmOutError=1)
    return path


def write(path: Path, **counts: int) -> None:
    path.write_text("".join(f"{name:24}\t{count}\n" for name, count in counts.items()))


def test_what_was_counted_before_is_no_rise(file: Path) -> None:
    stat = XfrmStat(file)
    assert stat.look(1000) == {}
    assert stat.since_start() == {"XfrmInNoStates": 0, "XfrmOutError": 0}
    assert stat.read() == {"XfrmInNoStates": 7, "XfrmOutError": 1}


def test_what_rose_is_told_once_and_remembered(file: Path) -> None:
    stat = XfrmStat(file)
    stat.look(1000)
    write(file, XfrmInNoStates=9, XfrmOutError=1, XfrmInNew=4)
    assert stat.look(1002) == {"XfrmInNoStates": 2, "XfrmInNew": 4}
    assert stat.look(1004) == {}
    write(file, XfrmInNoStates=10, XfrmOutError=1, XfrmInNew=4)
    assert stat.look(1006) == {"XfrmInNoStates": 1}
    assert stat.since_start() == {"XfrmInNoStates": 3, "XfrmOutError": 0, "XfrmInNew": 4}


def test_recent_is_what_rose_in_the_last_minute(file: Path) -> None:
    stat = XfrmStat(file)
    stat.look(1000)
    for moment, count in ((1010, 8), (1020, 10)):
        write(file, XfrmInNoStates=count)
        stat.look(moment)
    assert stat.recent(1020)[NO_STATES] == 3
    assert stat.recent(1010 + RECENT)[NO_STATES] == 3
    assert stat.recent(1011 + RECENT)[NO_STATES] == 2
    assert stat.recent(1021 + RECENT)[NO_STATES] == 0


def test_a_counter_that_falls_is_no_rise(file: Path) -> None:
    stat = XfrmStat(file)
    stat.look(1000)
    write(file, XfrmInNoStates=2)
    assert stat.look(1002) == {}
    assert stat.since_start() == {"XfrmInNoStates": 0}


def test_a_kernel_that_does_not_count_is_named(tmp_path: Path) -> None:
    stat = XfrmStat(tmp_path / "none")
    assert stat.look(1000) == {}
    assert "CONFIG_XFRM_STATISTICS" in stat.note
    assert stat.since_start() == {}
    assert stat.read() is None


def test_with_a_file_there_is_nothing_to_note(file: Path) -> None:
    stat = XfrmStat(file)
    stat.look(1000)
    assert stat.note == ""


def test_what_is_no_counter_is_left_out(file: Path) -> None:
    file.write_text("XfrmInError 3\nnonsense\n\n")
    assert XfrmStat(file).read() == {"XfrmInError": 3}


def test_meanings_are_clauses() -> None:
    """They stand within sentences."""
    assert all(re.fullmatch(r"Xfrm[A-Za-z]+", name) for name in MEANINGS)
    assert [text for text in MEANINGS.values() if text.endswith(".") or "Xfrm" in text] == []
