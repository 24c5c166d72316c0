from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from tests.bench import decoding
from tests.bench.decoding import DecodeFigures
from tests.bench.kernel import BATCHED, ONE_BY_ONE, REMOVED, KernelFigures
from tests.bench.proxying import OURS, PLAIN, THEIRS, ProxyFigures
from tests.bench.report import AS_PYTHON, COMPILED, Figures, Row, render, sections
from tests.bench.sip import Handling
from tests.bench.storing import Cost
from tests.bench.watching import OTHERS, OWN

KERNEL = KernelFigures(
    in_uml=True,
    release="6.1",
    cost={BATCHED: 140.0, REMOVED: 105.0, ONE_BY_ONE: 210.0},
    sends={BATCHED: 1, REMOVED: 1, ONE_BY_ONE: 4},
    echo=70.0,
)
RELAYED = ProxyFigures({OURS: [30.0, 24.0, 26.0], THEIRS: [20.0, 20.0, 20.0], PLAIN: [9.0] * 3})
DECODED = DecodeFigures(
    {
        decoding.OURS: [10.0, 12.0, 11.0],
        decoding.THEIRS: [38.0, 48.0, 47.3],
        decoding.WHOLE: [70.0, 72.0, 77.0],
    }
)
FIGURES = Figures(
    echo=10.0,
    handling=Handling(messages=300.0, timers=40.0),
    parsing=60.0,
    carrying=20.0,
    encoding=25.0,
    kernel=KERNEL,
    octets={1_000: 2_500.0, 10_000: 2_050.0},
    protected={COMPILED: RELAYED, AS_PYTHON: RELAYED},
    plain={COMPILED: RELAYED},
    decoded={"null": DECODED},
    watching={OTHERS: 3.0, OWN: 4.0},
    kept={"SQLite": Cost(20.0, 0.0), "Valkey": Cost(60.0, 10.0)},
)


def rows(title: str, figures: Figures = FIGURES) -> dict[str, Row]:
    """The rows of the one section with these words in its title."""
    (found,) = [rows for name, rows in sections(figures) if title in name]
    return {row.name: row for row in found}


def printed(figures: Figures = FIGURES) -> list[str]:
    """The table on a terminal of ordinary width, its blanks squeezed."""
    console = Console(file=StringIO(), width=80)
    console.print(render(figures))
    assert isinstance(console.file, StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def test_the_parts_of_a_registration_make_the_whole() -> None:
    found = rows("two REGISTERs")
    figures = {name: (row.figure, row.echoes) for name, row in found.items()}
    assert figures == {
        "parse": (60, 6),
        "decide and rewrite": (240, 24),
        "SIP work, both together": (300, 30),
        "timers, later": (40, 4),
        f"netlink, {BATCHED} (kernel)": (140, 2),
        "send and receive": (20, 2),
        "whole": (500, 38),
    }


def test_the_kernel_is_measured_by_its_own_echo() -> None:
    found = rows("in the kernel")
    assert [found[name].echoes for name in (BATCHED, REMOVED, ONE_BY_ONE)] == [2, 1.5, 3]
    assert found["encoding alone (here)"].echoes == 2.5


def test_sends_are_counted_and_held_against_the_target() -> None:
    found = rows("sends")
    assert found[BATCHED].cells == (BATCHED, "1", "", "1 met")
    assert found[ONE_BY_ONE].cells == (ONE_BY_ONE, "4", "", "")


def test_memory_is_told_at_both_counts_and_without_what_is_there_once() -> None:
    found = rows("phone")
    assert found["of 1,000"].cells[1:] == ("2,500", "", "2,048 missed")
    assert found["of 10,000"].cells[1:] == ("2,050", "", "2,048 missed")
    assert found["each further one"].figure == 2_000


@pytest.mark.parametrize(("messages", "verdict"), [(300.0, "300 met"), (300.1, "300 missed")])
def test_a_target_is_met_up_to_its_number(messages, verdict) -> None:
    figures = replace(FIGURES, handling=Handling(messages, timers=0.0))
    assert rows("REGISTERs", figures)["SIP work, both together"].cells[3] == verdict


def test_every_title_and_row_stands_on_a_line_of_its_own() -> None:
    expected = []
    for title, section in sections(FIGURES):
        expected += [title, *(" ".join(filter(None, row.cells)) for row in section)]
    assert [line for line in printed() if line in expected] == expected


def test_the_table_says_which_kernel_it_was() -> None:
    native = replace(KERNEL, in_uml=False, release="6.12")
    assert any("kernel: user-mode-linux 6.1," in line for line in printed())
    assert "kernel: 6.12, native" in printed(replace(FIGURES, kernel=native))


def test_a_relayed_message_is_held_against_kamailio() -> None:
    found = rows("relayed, compiled (kernel)")
    assert (found[OURS].figure, found[THEIRS].figure) == (24, 20)
    median = found["ratio to Kamailio, median"]
    assert (median.figure, median.cells[1], median.cells[3]) == (1.3, "1.30", "1.25 missed")
    assert (found["smallest"].figure, found["largest"].figure) == (1.2, 1.5)
    for other in "as Python (kernel)", "no ESP":
        assert rows(other)["ratio to Kamailio, median"].at_most is None


def test_the_decoder_has_to_be_some_times_as_fast_as_tshark() -> None:
    ((_, found),) = [one for one in sections(FIGURES) if "ESP decoded, null" in one[0]]
    assert [row.cells for row in found] == [
        (decoding.OURS, "10.0", "", ""),
        (decoding.THEIRS, "38.0", "", ""),
        (decoding.WHOLE, "70.0", "", ""),
        (f"times {decoding.THEIRS}", "4.00", "", ""),
        ("smallest", "3.80", "", ""),
        ("largest", "4.30", "", ""),
        (f"times {decoding.WHOLE}", "7.00", "", ">= 4 met"),
        ("smallest", "6.00", "", ""),
        ("largest", "7.00", "", ""),
    ]
    slow = DecodeFigures(DECODED.cost | {decoding.WHOLE: [39.9] * 3})
    missed = rows("ESP decoded, null", replace(FIGURES, decoded={"null": slow}))
    assert missed[f"times {decoding.WHOLE}"].cells[3] == ">= 4 missed"


def test_looking_on_is_judged_by_what_it_costs_others() -> None:
    found = rows("looked on")
    assert found[OTHERS].cells == (OTHERS, "3.0", "0.3", "5 met")
    assert found[OWN].cells == (OWN, "4.0", "0.4", "")


def test_a_store_is_held_against_its_target_and_a_server_is_not() -> None:
    assert [row.cells for row in rows("kept by").values()] == [
        ("SQLite", "20.0", "2.0", "25.0 met"),
        ("Valkey", "60.0", "6.0", "25.0 missed"),
        ("Valkey, the server", "10.0", "1.0", ""),
    ]
