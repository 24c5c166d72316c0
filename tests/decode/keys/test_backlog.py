"""Turns of packets that wait for keys, and of what is behind them."""

import pytest

from pcscf.decode.keys import backlog
from pcscf.decode.keys.backlog import MAX_TURNS, MAX_WAITING, PATIENCE, Backlog
from pcscf.decode.model import Packet
from tests.decode.esp_packets import PCSCF, SECOND, Sender
from tests.decode.samples import MESSAGE, seen

SENT = Sender()


def waiting(*numbers: int) -> Backlog:
    subject = Backlog()
    for number in numbers:
        subject.wait(SENT.send(number), 1)
    return subject


def ready(subject: Backlog) -> list[int]:
    return [turn.packet.number for turn in subject.ready()]


def clear(number: int) -> Packet:
    return SENT.send(number)._replace(protocol=17)


def test_what_is_behind_waits_too_and_keeps_its_order() -> None:
    subject = waiting(1, 2)
    message = seen(MESSAGE)
    subject.follow(clear(3), [message])
    assert ready(subject) == []
    first, second = subject.promising(2)
    subject.end(second, second.packet, [])
    assert ready(subject) == []
    subject.end(first, first.packet, [])
    assert [(turn.packet.number, turn.messages) for turn in subject.ready()] == [
        (1, []), (2, []), (3, [message]),
    ]  # fmt: skip
    assert not subject.turns


def test_nothing_is_promising_without_new_keys() -> None:
    subject = waiting(1)
    assert subject.promising(1) == []
    subject.found([SENT.sa()])
    assert len(subject.promising(1)) == 1
    assert subject.promising(1) == []
    subject.found([SENT.sa(), Sender(spi=7).sa()])
    subject.wait(Sender(spi=7).send(2), 1)
    subject.wait(Sender(spi=8).send(3), 1)
    assert [turn.packet.number for turn in subject.promising(1)] == [1, 2]


def test_keys_of_anybody_are_tried_a_few_times_and_those_of_the_sa_always() -> None:
    subject = waiting(1)
    tried = [len(subject.promising(version)) for version in range(2, 9)]
    assert tried == [1, 1, 1, 1, 0, 0, 0]
    subject.found([SENT.sa()])
    assert len(subject.promising(8)) == 1


def test_time_is_over_by_the_clock_of_the_capture_whichever_way_it_jumps() -> None:
    subject = waiting(5)
    time = 5 * SECOND
    assert subject.overdue(time + PATIENCE) is None
    turns = [subject.overdue(now) for now in (time + PATIENCE + 1, time - PATIENCE - 1, None)]
    (turn,) = set(turns)
    assert turn is not None
    assert turn.packet.number == 5
    subject.end(turn, turn.packet, [])
    assert subject.overdue(None) is None


def test_too_many_that_wait() -> None:
    subject = waiting(*[1] * MAX_WAITING)
    assert subject.overdue(SECOND) is None
    subject.wait(SENT.send(1), 1)
    assert subject.overdue(SECOND) is not None


def test_too_many_behind_one_that_waits() -> None:
    subject = waiting(1)
    for _ in range(MAX_TURNS):
        assert subject.overdue(SECOND) is None
        subject.follow(clear(2), [])
    assert subject.overdue(SECOND) is not None


def test_too_many_octets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "MAX_OCTETS", 1000)
    subject = waiting(1)
    big = clear(2)._replace(payload=bytes(1000))
    subject.follow(big, [])
    turn = subject.overdue(SECOND)
    assert turn is not None
    subject.end(turn, turn.packet, [])
    assert ready(subject) == [1, 2]
    subject.wait(SENT.send(1), 1)
    assert subject.overdue(SECOND) is None  # they are not counted any more


def test_spis_are_of_a_destination() -> None:
    subject = waiting(1)
    sa = SENT.sa()
    sa.dst = "192.0.2.99"
    subject.found([sa])
    assert subject.promising(1) == []
    sa.dst = PCSCF
    subject.found([sa])
    assert len(subject.promising(1)) == 1
