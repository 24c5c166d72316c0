from itertools import count

import pytest

from pcscf.errors import ParseError
from tests.bench import players, sip
from tests.bench.players import Recorder, phone, register
from tests.bench.sip import Handling, handling, parsing
from tests.core.phone import Phone
from tests.core.stage import Stage


def test_a_registration_is_four_messages_and_their_timers(monkeypatch) -> None:
    monkeypatch.setattr(players, "clock", count().__next__)  # every event takes a second
    figures = handling(phones=3, rounds=2)
    assert figures.messages == 4e6
    assert figures.timers > 0


def test_the_best_round_counts(monkeypatch) -> None:
    def first_of(rounds: int) -> Handling:
        slower_and_slower = (n * n for n in count()).__next__
        monkeypatch.setattr(players, "clock", slower_and_slower)
        return handling(phones=2, rounds=rounds)

    assert first_of(3) == first_of(1)


def test_no_phone_comes_twice(monkeypatch) -> None:
    came: list[Phone] = []

    def note(stage: Stage, number: int) -> Phone:
        came.append(phone(stage, number))
        return came[-1]

    monkeypatch.setattr(players, "phone", note)
    handling(phones=2, rounds=3)
    assert len({each.impi for each in came}) == 2 * 3


def test_what_was_received_is_parsed_once_a_round(monkeypatch) -> None:
    recorder = Recorder()
    parsed: list[bytes] = []
    register(recorder, 2)
    monkeypatch.setattr(sip, "parse", parsed.append)
    parsing(recorder.received, phones=2, rounds=3)
    assert parsed == recorder.received * 3
    assert len(recorder.received) == 2 * 4


def test_it_is_the_parser_of_the_program() -> None:
    with pytest.raises(ParseError):
        parsing([b"no SIP at all"], phones=1, rounds=1)
