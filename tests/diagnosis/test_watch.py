"""When raw sockets are open, and what is said where they cannot be."""

import errno
from pathlib import Path

import pytest

from pcscf.diagnosis.unknown_spis import UnknownSpis
from pcscf.diagnosis.watch import Watch
from pcscf.diagnosis.xfrm_stat import XfrmStat
from tests.diagnosis.scene import Ears, Loop
from xfrm.model import SaId

OWN, UE = "198.51.100.5", "192.0.2.10"
GONE = SaId(OWN, 1001)


class Post:
    """A watch on a clock that a test moves."""

    def __init__(self, directory: Path, *, interval: float = 2, linger: float = 30) -> None:
        self.now = 0.0
        self.loop = Loop(lambda: self.now)
        self.ears = Ears()
        self.file = directory / "xfrm_stat"
        self.dropped = 5
        self.drop(0)
        self.spis = UnknownSpis(lambda _: False)
        self.watch = Watch(
            self.loop,  # type: ignore[arg-type]
            XfrmStat(self.file),
            self.spis,
            lambda: self.ears.listen([OWN]),
            interval=interval,
            linger=linger,
            max_age=3600,
            clock=lambda: 1000 + self.now,
        )

    def drop(self, count: int) -> None:
        """Let the kernel drop so many more for want of an SA."""
        self.dropped += count
        self.file.write_text(f"XfrmInNoStates {self.dropped}\n")

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now += 0.1
            self.loop.run()


@pytest.fixture
def post(tmp_path: Path) -> Post:
    made = Post(tmp_path)
    made.watch.start()
    return made


def test_nothing_is_open_while_nothing_is_dropped(post: Post) -> None:
    assert post.ears.opened == 1  # to know at the start whether it can be
    post.wait(60)
    assert (post.ears.opened, post.ears.is_open, post.watch.is_listening) == (1, False, False)
    assert post.watch.note == ""


def test_sockets_open_when_the_kernel_drops_and_close_a_while_after_the_last(post: Post) -> None:
    post.drop(1)
    post.wait(2.1)
    assert (post.watch.is_listening, post.ears.is_open) == (True, True)
    post.wait(20)
    post.drop(1)
    post.wait(29)
    assert (post.watch.is_listening, post.ears.is_open) == (True, True)
    post.wait(6)
    assert (post.watch.is_listening, post.ears.is_open, post.ears.opened) == (False, False, 2)


def test_what_is_heard_meanwhile_is_told(post: Post) -> None:
    post.drop(1)
    post.wait(2.1)
    post.ears.packets = [(UE, GONE)] * 3
    post.drop(3)
    post.wait(2.1)
    assert [(one.key.source, one.count) for one in post.spis.all()] == [(UE, 3)]
    post.wait(3700)
    assert post.spis.all() == []


def test_without_the_right_it_says_which_and_goes_on_counting(post: Post) -> None:
    post.ears.failure = PermissionError(errno.EPERM, "not permitted")
    post.drop(1)
    post.wait(2.1)
    assert "CAP_NET_RAW is missing" in post.watch.note
    post.ears.failure = None
    post.drop(1)
    post.wait(2.1)
    assert (post.watch.is_listening, post.watch.note) == (True, "")


def test_that_the_right_is_missing_is_known_at_the_start(tmp_path: Path) -> None:
    post = Post(tmp_path)
    post.ears.failure = PermissionError(errno.EPERM, "not permitted")
    post.watch.start()
    assert "CAP_NET_RAW is missing" in post.watch.note


def test_what_else_fails_is_named(post: Post) -> None:
    post.ears.failure = OSError(errno.EMFILE, "Too many open files")
    post.drop(1)
    post.wait(2.1)
    assert post.watch.note == "Which SPIs have no SA cannot be said: Too many open files."


def test_an_interval_of_0_looks_at_nothing(tmp_path: Path) -> None:
    post = Post(tmp_path, interval=0)
    post.watch.start()
    post.drop(1)
    post.wait(10)
    assert (post.ears.opened, post.loop.turns) == (0, [])
    assert "diagnosis.interval is 0" in post.watch.note


def test_without_listening_nothing_is_opened(tmp_path: Path) -> None:
    post = Post(tmp_path, linger=0)
    post.watch.start()
    post.drop(1)
    post.wait(10)
    assert post.ears.opened == 0
    assert "diagnosis.listen is 0" in post.watch.note


def test_a_kernel_that_does_not_count_is_noted(tmp_path: Path) -> None:
    post = Post(tmp_path)
    post.file.unlink()
    post.watch.start()
    post.wait(10)
    assert "CONFIG_XFRM_STATISTICS" in post.watch.note


def test_closed_it_looks_no_more(post: Post) -> None:
    post.drop(1)
    post.wait(2.1)
    post.watch.close()
    assert not post.ears.is_open
    post.drop(1)
    post.wait(10)
    assert post.ears.opened == 2
    assert post.loop.turns == []
