import io
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from pcscf.decode.command.progress import with_bar
from pcscf.decode.input.capture import open_capture
from tests.decode.fake_decoder import write_pcap


def shown(tmp_path: Path, seconds_a_look: float) -> str:
    """What 5,000 frames write on a terminal while a clock goes on at each look at it."""
    path = write_pcap(tmp_path / "a", [(n, b"x" * 100) for n in range(5000)])
    clock: Iterator[float] = iter(n * seconds_a_look for n in range(100))
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=80)
    with open_capture(str(path)) as capture:
        frames = with_bar(capture, [capture], console, lambda: next(clock))
        assert len(list(frames)) == 5000
    return text.getvalue()


def test_a_capture_that_takes_long_has_a_bar(tmp_path: Path) -> None:
    text = shown(tmp_path, 0.7)
    assert "decoding" in text
    assert "580.0/580.0 kB" in text
    assert text.endswith("\x1b[2K")  # and it goes


def test_a_short_one_has_none(tmp_path: Path) -> None:
    assert "decoding" not in shown(tmp_path, 0.1)
