import os
import signal
from collections.abc import Iterator

import pytest

from pcscf.decode.command.filters import Filters, read_moment
from pcscf.decode.command.session import Stop, run
from pcscf.decode.model import Frame, Sa, SipMessage
from pcscf.decode.output.summary import Summary
from tests.decode.fake_decoder import FakeDecoder
from tests.decode.samples import MESSAGE, REGISTER


class Notebook:
    """An output that remembers."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def begin(self) -> None:
        self.told.append("begin")

    def message(self, message: SipMessage) -> None:
        self.told.append(message.number)

    def hidden(self, message: SipMessage) -> None:
        self.told.append(-message.number)

    def sa(self, sa: Sa, reason: str) -> None:
        self.told.append((sa.spi, reason))

    def end(self, summary: Summary) -> None:
        self.told.append("end")


def frames(count: int) -> list[Frame]:
    return [Frame(n, n * 10**9, 101, REGISTER if n % 2 else MESSAGE) for n in range(1, count + 1)]


@pytest.fixture(autouse=True)
def usual_ctrl_c() -> Iterator[None]:
    """Where tests run in the background, a shell has SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_everything_in_its_order() -> None:
    out, seen = Notebook(), []
    summary = run(
        frames(3), FakeDecoder(), out, Filters(), shown=lambda: seen.append(len(out.told))
    )
    assert out.told == ["begin", 1, 2, 3, (0x1A2B, "")]
    assert (summary.messages, summary.shown) == (3, 3)
    assert seen == [2, 3]  # whoever watches sees each message as soon as it is there


def test_what_does_not_pass_is_decoded_and_counted_all_the_same() -> None:
    out, decoder = Notebook(), FakeDecoder()
    filters = Filters(methods=frozenset({"REGISTER"}), after=read_moment("1"))
    summary = run(frames(5), decoder, out, filters)
    assert out.told == ["begin", -1, -2, 3, -4, 5, (0x1A2B, "")]
    assert (len(decoder.frames), summary.messages, summary.shown) == (5, 5, 2)


def test_nothing_at_all() -> None:
    out = Notebook()
    run([], FakeDecoder(), out, Filters())
    assert out.told == ["begin", (0x1A2B, "")]


def test_ctrl_c_takes_effect_between_two_frames() -> None:
    done = []
    with Stop() as stop:
        for frame in stop.until(frames(5)):
            if frame.number == 2:
                interrupt()
            done.append(frame.number)
    assert done == [1, 2]
    assert stop.asked


def test_ctrl_c_ends_the_waiting_for_a_frame() -> None:
    def waiting() -> Iterator[Frame]:
        yield from frames(1)
        interrupt()
        raise AssertionError

    with Stop() as stop:
        assert [frame.number for frame in stop.until(waiting())] == [1]
    assert stop.asked


def test_a_second_ctrl_c_is_the_usual_one_and_so_is_one_afterwards() -> None:
    with Stop():
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            interrupt()
    with pytest.raises(KeyboardInterrupt):
        interrupt()


def test_without_ctrl_c_all_frames_come() -> None:
    with Stop() as stop:
        assert len(list(stop.until(frames(5)))) == 5
    assert not stop.asked
