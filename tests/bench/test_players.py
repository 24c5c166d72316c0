from itertools import count

from pcscf.core.events import DeadlineReached, SipReceived
from tests.bench import players
from tests.bench.players import Player, Recorder, phone, register


def test_phones_register_really_and_their_transactions_end() -> None:
    player = Player()
    register(player, 3)
    held = player.left_over()
    assert held["registrations"] == 3
    assert held["sas"] == 12
    assert not {"transactions", "attempts"} & set(held)


def test_phones_come_on_top_of_those_that_are_there() -> None:
    player = Player()
    register(player, 2)
    register(player, 3, first=3)
    assert player.left_over()["registrations"] == 5


def test_the_first_phone_is_still_registered_when_the_last_of_ten_thousand_comes() -> None:
    player = Player()
    register(player, 1)
    player.wait(10_000 * 0.1)
    assert player.left_over()["registrations"] == 1


def test_a_recorder_keeps_what_came_what_left_and_the_sas() -> None:
    recorder = Recorder()
    register(recorder, 2)
    messages = [b"REGISTER", b"SIP/2.0 401", b"REGISTER", b"SIP/2.0 200"] * 2
    for passed in recorder.received, recorder.sent:
        assert [data[: len(m)] for data, m in zip(passed, messages, strict=True)] == messages
    assert len({sa for install in recorder.installs for sa in install.sa_set.ids}) == 2 * 4


def test_only_the_edge_is_timed_each_event_under_its_kind(monkeypatch) -> None:
    monkeypatch.setattr(players, "clock", count().__next__)
    player = Player()
    register(player, 3)
    assert player.seconds[SipReceived] == 3 * 4
    assert player.seconds[DeadlineReached] > 0
    assert set(player.seconds) == {SipReceived, DeadlineReached}


def test_no_two_phones_are_one() -> None:
    numbers = [*range(1, 10_001), 9_000_000]
    made = [phone(Player(), number) for number in numbers[:1] + numbers[-1:]]
    stage = made[0].stage
    assert len({phone(stage, number).host for number in numbers}) == len(numbers)
    assert len({phone(stage, number).impi for number in numbers}) == len(numbers)
