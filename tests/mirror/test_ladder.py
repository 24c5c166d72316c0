"""A trace on a terminal."""

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from pcscf.mirror import ladder
from tests.core.phone import Phone
from tests.core.stage import UE
from tests.mirror.tapped import TappedStage, lines


@pytest.fixture(scope="module")
def trace() -> list[bytes]:
    stage = TappedStage()
    trace = stage.trace(UE)
    Phone(stage).registered()
    return lines(trace)


def test_a_registration_is_the_decoders_ladder(trace: list[bytes]) -> None:
    sink = io.BytesIO()
    ladder.write(trace, sink)
    text = sink.getvalue().decode()
    assert "UE is 192.0.2.10\n" in text
    assert "core is 203.0.113.9\n" in text
    *_, last = text.splitlines()
    assert "P-CSCF:6117 -> UE:40002" in last
    assert "  UDP  ESP 0x" in last
    assert "registered for 600 s" in last
    assert text.count("; the kernel has the keys\n") == 2


def test_each_message_is_there_as_soon_as_it_came(trace: list[bytes]) -> None:
    class Sink(io.BytesIO):
        shown = 0

        def flush(self) -> None:
            self.shown = self.getvalue().count(b"\n")

    sink, seen = Sink(), []

    def coming() -> Iterator[bytes]:
        for line in trace:
            yield line
            seen.append(sink.shown)

    ladder.write(coming(), sink)
    assert seen == sorted(set(seen))


def test_what_is_missing_is_said_and_a_sign_of_life_is_not(trace: list[bytes]) -> None:
    sink = io.BytesIO()
    ladder.write([b"\n", trace[0], b"\n", b'{"type": "lost", "count": 12}\n', trace[1]], sink)
    told = [line.strip() for line in sink.getvalue().decode().splitlines()]
    missing = told.index("12 messages were lost here: too slow")
    assert "REGISTER sip:" in told[missing - 1]
    assert "REGISTER sip:" in told[-1]
    assert told.count("") == 1  # above the heading


def test_whole_messages_and_names_on_demand(trace: list[bytes]) -> None:
    sink = io.BytesIO()
    ladder.write(trace, sink, names={"198.51.100.5": "edge"}, whole=True)
    text = sink.getvalue().decode()
    assert "edge:5060" in text
    assert "Security-Client: ipsec-3gpp" in text
    assert 'ck="xxxxxxxx' in text


def test_colours_are_those_of_the_terminal(trace: list[bytes]) -> None:
    sink = io.BytesIO()
    console = Console(force_terminal=True, color_system="standard", no_color=False)
    ladder.write([b'{"type": "lost", "count": 1}', *trace], sink, console=console)
    assert sink.getvalue().count(b"\x1b[") > len(trace)


def test_it_goes_to_standard_output(trace: list[bytes], capfdbinary) -> None:
    ladder.show(trace[:1])
    out, _ = capfdbinary.readouterr()
    assert b"REGISTER sip:" in out
