"""Changes on their way: gathered, coalesced, kept while the store is down, and nothing blocks."""

import asyncio
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise

import pytest

from pcscf.errors import LeaseLostError, StoreError, StoreLostError
from pcscf.store import writer as writer_module
from pcscf.store.model import Change
from pcscf.store.writer import State, Writer

LATER = 2e9


class Disk:
    """A store in memory that fails or waits as a test wants it to."""

    def __init__(self) -> None:
        self.records: dict[str, bytes] = {}
        self.batches: list[list[Change]] = []
        self.error: Exception | None = None
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def open(self) -> None: ...

    async def load(self) -> list[Change]:
        return []

    async def close(self) -> None: ...

    async def write(self, changes: Sequence[Change]) -> None:
        await self.goes_on.wait()
        if self.error:
            raise self.error
        self.batches.append(list(changes))
        for key, value, _ in changes:
            if value is None:
                self.records.pop(key, None)
            else:
                self.records[key] = value


class Clock:
    """Seconds since 1970, as a test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Scene:
    """A writer on such a disk."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.disk = Disk()
        self.lost = 0
        self.writer = Writer(self.disk, 0.01, when_lost=self.put_again, clock=self.clock)
        self.put = self.writer.put

    def put_again(self) -> None:
        self.lost += 1
        for key in "xyz":
            self.put(key, b"again", LATER)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the loop run, with time passing, until something holds."""
        for _ in range(5_000):
            if condition():
                return
            self.clock.now += 0.001
            await asyncio.sleep(0.001)
        raise AssertionError("in vain")

    async def written(self) -> None:
        await self.until(lambda: not self.writer.waiting)

    async def failed(self, times: int = 1) -> None:
        enough = self.writer.failures + times
        await self.until(lambda: self.writer.failures >= enough)


def play(act: Callable[[Scene], Awaitable[None]]) -> None:
    async def whole() -> None:
        scene = Scene()
        scene.writer.start()
        try:
            await act(scene)
        finally:
            await scene.writer.close()

    asyncio.run(whole())


@pytest.fixture(autouse=True)
def hasty(monkeypatch) -> None:
    """No test waits for the pauses after failures."""
    monkeypatch.setattr(writer_module, "_FIRST_PAUSE", 0.002)
    monkeypatch.setattr(writer_module, "_LONGEST_PAUSE", 0.01)


def test_changes_are_gathered_and_written_in_their_order() -> None:
    async def act(scene: Scene) -> None:
        scene.put("a", b"1", LATER)
        scene.put("b", lambda: b"2", LATER + 1)
        scene.writer.forget("c")
        assert scene.disk.batches == []
        await scene.written()
        expected = [
            Change("a", b"1", LATER),
            Change("b", b"2", LATER + 1),
            Change("c", None, 0.0),
        ]
        assert scene.disk.batches == [expected]
        assert (scene.writer.written, scene.writer.batches) == (3, 1)

    play(act)


def test_of_one_record_only_the_last_change_is_made_and_written() -> None:
    async def act(scene: Scene) -> None:
        made: list[bytes] = []

        def make(value: bytes) -> Callable[[], bytes]:
            return lambda: made.append(value) or value  # type: ignore[func-returns-value]

        for number in range(1000):
            scene.put("a", make(b"%d" % number), LATER)
        scene.put("b", b"1", LATER)
        scene.writer.forget("b")
        assert scene.writer.waiting == 2
        await scene.written()
        assert made == [b"999"]
        assert scene.disk.batches == [[Change("a", b"999", LATER), Change("b", None, 0.0)]]

    play(act)


def test_a_batch_is_not_written_more_often_than_each_interval() -> None:
    async def act(scene: Scene) -> None:
        scene.writer._clock = time.time
        began = time.time()
        for number in range(300):
            scene.put(f"{number}", b"1", LATER)
            await asyncio.sleep(0.0005)
        await scene.written()
        passed = time.time() - began
        assert 2 <= len(scene.disk.batches) <= passed / 0.01 + 1
        assert len(scene.disk.records) == 300

    play(act)


def test_what_changes_while_it_is_written_is_written_again() -> None:
    async def act(scene: Scene) -> None:
        scene.disk.goes_on.clear()
        scene.put("a", b"1", LATER)
        scene.put("b", b"1", LATER)
        await scene.until(scene.writer._one_at_a_time.locked)
        scene.put("a", b"2", LATER)
        scene.writer.forget("b")
        scene.disk.goes_on.set()
        await scene.written()
        assert scene.disk.records == {"a": b"2"}
        assert len(scene.disk.batches) == 2

    play(act)


def test_many_changes_are_written_in_several_batches_without_a_pause() -> None:
    async def act(scene: Scene) -> None:
        scene.writer._interval = 0.5
        scene.writer._clock = time.time
        for number in range(1000):
            scene.put(f"{number}", b"1", LATER)
        began = time.time()
        await scene.until(lambda: bool(scene.disk.batches))
        await scene.written()
        assert time.time() - began < 2 * 0.5
        assert [len(batch) for batch in scene.disk.batches] == [128] * 7 + [104]

    play(act)


def test_a_record_that_cannot_be_made_holds_up_no_other(written) -> None:
    async def act(scene: Scene) -> None:
        def fail() -> bytes:
            raise ValueError("a key")

        scene.put("a", fail, LATER)
        scene.put("b", b"1", LATER)
        await scene.written()
        assert scene.disk.records == {"b": b"1"}
        assert scene.writer.unmade == 1
        assert scene.writer.state.name == "ok"

    play(act)
    (event,) = written()
    assert (event["event"], event["record"]) == ("record_not_made", "a")
    assert "a key" not in event["error"]


# The store is down


def test_while_it_is_down_nothing_is_lost_and_it_is_told_once(written) -> None:
    async def act(scene: Scene) -> None:
        scene.disk.error = StoreError("the disk is full")
        scene.put("a", b"1", LATER)
        began = scene.clock.now
        await scene.failed()
        assert scene.writer.state[:2] == ("down", "the disk is full")
        assert began <= scene.writer.state.since < began + 0.5
        scene.put("a", b"2", LATER)
        scene.put("b", b"1", LATER)
        scene.disk.error = StoreError("the disk is gone")
        await scene.failed(3)
        assert scene.writer.state[:2] == ("down", "the disk is gone")
        assert scene.writer.state.since < began + 0.5
        scene.disk.error = None
        await scene.written()
        assert scene.disk.records == {"a": b"2", "b": b"1"}
        assert scene.writer.state[:2] == ("ok", "")
        assert scene.writer.state.since > began + 0.001

    play(act)
    assert [(each["event"], each["level"]) for each in written()] == [
        ("store_down", "warning"),
        ("store_ok", "info"),
    ]
    assert written()[0]["reason"] == "the disk is full"


def test_it_is_tried_again_less_and_less_often(monkeypatch) -> None:
    monkeypatch.setattr(writer_module, "_LONGEST_PAUSE", 0.05)
    tries: list[float] = []

    async def act(scene: Scene) -> None:
        async def refuse(changes: Sequence[Change]) -> None:
            tries.append(asyncio.get_running_loop().time())
            raise StoreError("down")

        scene.disk.write = refuse  # type: ignore[method-assign]
        scene.put("a", b"1", LATER)
        await scene.failed(10)

    play(act)
    pauses = [after - before for before, after in pairwise(tries)]
    assert pauses[0] < 0.02
    assert min(pauses[5:]) > 0.045


def test_after_thousands_of_failures_it_still_tries(monkeypatch) -> None:
    """An outage of an hour; doubling a pause for so long would end at infinity."""
    monkeypatch.setattr(writer_module, "_FIRST_PAUSE", 0.0)

    async def act(scene: Scene) -> None:
        scene.disk.error = StoreError("down")
        scene.put("a", b"1", LATER)
        await scene.until(lambda: scene.writer.failures > 2_000)
        scene.disk.error = None
        await scene.written()
        assert scene.disk.records == {"a": b"1"}

    play(act)


def test_an_outage_takes_memory_for_each_record_not_for_each_change() -> None:
    async def act(scene: Scene) -> None:
        scene.disk.error = StoreError("down")

        def changes(number: int) -> None:
            for change in range(number):
                scene.put(f"{change % 500}", b"%d" % change, LATER)

        changes(1_000)
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        changes(50_000)
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert scene.writer.waiting == 500
        assert after - before < 500 * 400

    play(act)


def test_an_error_of_ours_in_the_store_is_an_outage_and_not_the_end() -> None:
    async def act(scene: Scene) -> None:
        scene.disk.error = ZeroDivisionError("a key")
        scene.put("a", b"1", LATER)
        await scene.failed(2)
        assert scene.writer.state.name == "down"
        assert scene.writer.state.reason.startswith("ZeroDivisionError at ")
        assert "a key" not in scene.writer.state.reason
        scene.disk.error = None
        await scene.written()

    play(act)


# The store is slow


def test_a_store_that_does_not_keep_up_is_behind_and_then_ok_again() -> None:
    async def act(scene: Scene) -> None:
        scene.disk.goes_on.clear()
        scene.put("a", b"1", LATER)
        began = scene.clock.now
        await scene.until(scene.writer._one_at_a_time.locked)
        scene.put("b", b"1", LATER)
        assert scene.writer.state.name == "ok"
        scene.clock.now += 5
        scene.put("a", b"2", LATER)
        assert scene.writer.state == State("behind", "2 changes wait for the store", began)
        scene.disk.goes_on.set()
        await scene.written()
        assert scene.writer.state.name == "ok"

    play(act)


def test_a_record_that_changes_all_the_time_does_not_look_like_a_slow_store() -> None:
    async def act(scene: Scene) -> None:
        write = scene.disk.write

        async def busy(changes: Sequence[Change]) -> None:
            scene.put("a", b"1", LATER)
            scene.clock.now += 0.5
            await write(changes)

        scene.disk.write = busy  # type: ignore[method-assign]
        scene.put("a", b"1", LATER)
        for batch in range(1, 15):
            await scene.until(lambda batch=batch: scene.writer.written >= batch)  # type: ignore[misc]
            assert scene.writer.state.name == "ok"

    play(act)


def test_a_clock_that_is_set_back_holds_nothing_up() -> None:
    async def act(scene: Scene) -> None:
        scene.put("a", b"1", LATER)
        scene.clock.now -= 100_000
        await scene.written()

    play(act)


# The store has lost what it had, or belongs to another one


def test_a_store_that_has_lost_its_records_gets_them_all_again() -> None:
    async def act(scene: Scene) -> None:
        scene.disk.error = StoreLostError("empty")
        scene.put("a", b"1", LATER)
        await scene.failed()
        scene.disk.error = None
        await scene.written()
        assert scene.lost == 1
        assert scene.disk.records == {"a": b"1", **dict.fromkeys("xyz", b"again")}

    play(act)


def test_an_error_while_all_is_put_again_is_not_the_end(written) -> None:
    async def act(scene: Scene) -> None:
        def fail() -> None:
            raise KeyError

        scene.writer._when_lost = fail
        scene.disk.error = StoreLostError("empty")
        scene.put("a", b"1", LATER)
        await scene.failed()
        scene.disk.error = None
        await scene.written()
        assert scene.disk.records == {"a": b"1"}

    play(act)
    assert "records_not_put_again" in [each["event"] for each in written()]


def test_what_waited_when_the_lease_was_lost_is_never_written() -> None:
    async def act(scene: Scene) -> None:
        scene.disk.error = LeaseLostError("another process serves 192.0.2.1")
        scene.put("a", b"stale", LATER)
        await scene.failed()
        assert scene.writer.waiting == 0
        assert scene.writer.state[:2] == ("down", "another process serves 192.0.2.1")
        scene.disk.error = None
        scene.put("b", b"1", LATER)
        await scene.written()
        assert scene.disk.records == {"b": b"1"}
        assert scene.writer.state.name == "ok"

    play(act)


# The end


def test_a_flush_writes_at_once_what_waits() -> None:
    async def act(scene: Scene) -> None:
        scene.writer._interval = 3600
        for number in range(300):
            scene.put(f"{number}", b"1", LATER)
        assert await scene.writer.flush(10)
        assert len(scene.disk.records) == 300

    play(act)


def test_a_flush_waits_for_a_store_that_comes_back() -> None:
    async def act(scene: Scene) -> None:
        scene.disk.error = StoreError("down")
        scene.put("a", b"1", LATER)
        asyncio.get_running_loop().call_later(0.05, setattr, scene.disk, "error", None)
        assert await scene.writer.flush(10)
        assert scene.disk.records == {"a": b"1"}

    play(act)


@pytest.mark.parametrize("is_stuck", [False, True])
def test_a_flush_ends_in_time_and_says_what_is_left(is_stuck: bool) -> None:
    async def act(scene: Scene) -> None:
        if is_stuck:
            scene.disk.goes_on.clear()
        scene.disk.error = StoreError("down")
        scene.put("a", b"1", LATER)
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert not await scene.writer.flush(0.05)
        assert 0.04 < loop.time() - began < 1
        assert scene.writer.waiting == 1

    play(act)


def test_a_flush_of_nothing_says_so_at_once() -> None:
    async def act(scene: Scene) -> None:
        assert await scene.writer.flush(0)

    play(act)
