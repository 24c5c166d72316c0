"""The same seed gives the same history, and a history has everything in it."""

from collections import Counter
from itertools import islice

from tests.soak.script import PLACES, Script, Step

STEPS = 2000
RESTARTS = ("crash", "crash, kernel flushed", "stop", "crash in haste", "takeover")


def history(seed: int, steps: int = STEPS) -> list[Step]:
    return list(islice(Script(seed, 12), steps))


def test_a_seed_says_it_all() -> None:
    assert history(7) == history(7)
    assert history(7, 50) != history(8, 50)


def test_all_kinds_of_steps_happen_and_restarts_are_few() -> None:
    script = Script(1, 12, takeovers=True)
    counted = Counter((step.what, step.how) for step in islice(script, 10 * STEPS))
    assert counted["takeover", "dead"] > 20 < counted["takeover", "paused"]
    names = Counter(what for what, _ in counted.elements())
    assert len(names) == len(script._possible) - 2  # both takeovers have one name; no upgrades
    assert 150 <= sum(names[what] for what in RESTARTS) <= 400


def test_restarts_are_as_many_as_asked_for() -> None:
    steps = islice(Script(1, 12, takeovers=True, restarts=0.2), 10 * STEPS)
    assert 30 <= sum(step.what in RESTARTS for step in steps) <= 80


def test_one_machine_has_upgrades_and_no_takeovers() -> None:
    counted = Counter(step.what for step in islice(Script(1, 12), 10 * STEPS))
    assert counted["upgrade"] > 20
    assert not counted["takeover"]


def test_steps_are_possible_when_they_come() -> None:
    script = Script(3, 6)
    registered: set[int] = set()
    for step in islice(script, STEPS):
        if step.what in {"reregister", "refresh", "deregister", "message", "call"}:
            assert step.who in registered, step
        if step.what in {"register", "lapse"}:
            assert step.who not in registered, step
        registered = {one.number for one in script.members if one.registered}
        assert all(one.talks_to.talks_to is one for one in script.members if one.talks_to)


def test_nobody_writes_to_a_phone_that_the_core_alone_believes_in() -> None:
    script = Script(5, 6)
    for step in islice(script, STEPS):
        if step.what == "message":
            other = script.members[step.other]
            assert other.registered or not other.bound


def test_a_forgotten_registration_lasts_until_its_phone_registers_anywhere() -> None:
    script = Script(2, 1)
    ghosts = []
    for step in islice(script, STEPS):
        (member,) = script.members
        if step.what in {"register", "late register", "crash in haste"}:
            assert member.ghost is None
        ghosts.append(member.ghost)
    assert {None, *range(PLACES)} == set(ghosts)


def test_a_step_is_told_in_a_line() -> None:
    assert str(Step("restart", 3, -1, "TCP", 2)) == "restart phone 3 TCP 2"
    assert str(Step("call", 3, 4)) == "call phone 3 and 4"


def test_probes_are_of_the_seed_too() -> None:
    one, other = Script(4, 12), Script(4, 12)
    assert [one.probes(2) for _ in range(20)] == [other.probes(2) for _ in range(20)]
