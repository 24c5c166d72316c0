from math import inf

from pcscf.core.deadlines import Deadlines, Timed


def due(deadlines: Deadlines, now: float) -> list[Timed]:
    found = []
    while (owner := deadlines.pop_due(now)) is not None:
        found.append(owner)
    return found


def test_owners_come_out_in_the_order_of_their_deadlines_and_once() -> None:
    deadlines, early, late = Deadlines(), Timed(), Timed()
    deadlines.set(late, 20)
    deadlines.set(early, 10)
    assert deadlines.next() == 10
    assert due(deadlines, 9.9) == []
    assert due(deadlines, 20) == [early, late]
    assert early.deadline == late.deadline == inf
    assert deadlines.next() is None


def test_a_deadline_moves_both_ways() -> None:
    deadlines, owner = Deadlines(), Timed()
    deadlines.set(owner, 10)
    deadlines.set(owner, 30)
    assert due(deadlines, 29) == []
    deadlines.set(owner, 40)
    deadlines.set(owner, 35)
    assert due(deadlines, 34) == []
    assert due(deadlines, 100) == [owner]
    assert due(deadlines, 100) == []


def test_a_cancelled_deadline_does_not_come_and_may_be_set_anew() -> None:
    deadlines, owner = Deadlines(), Timed()
    deadlines.set(owner, 10)
    deadlines.cancel(owner)
    assert due(deadlines, 10) == []
    deadlines.cancel(owner)
    deadlines.set(owner, 20)
    assert due(deadlines, 20) == [owner]


def test_an_owner_may_set_its_deadline_while_it_is_handled() -> None:
    deadlines, owner = Deadlines(), Timed()
    deadlines.set(owner, 10)
    assert deadlines.pop_due(10) is owner
    deadlines.set(owner, 11)
    assert deadlines.pop_due(10) is None
    assert deadlines.pop_due(11) is owner


def test_phones_that_come_and_go_leave_no_entries_behind() -> None:
    """A week's registration that ends after a minute must not hold memory for a week."""
    deadlines = Deadlines()
    for _ in range(1000):
        owner = Timed()
        deadlines.set(owner, 600_000)
        deadlines.cancel(owner)
    assert len(deadlines._heap) < 100


def test_a_registration_whose_expiry_swings_keeps_few_entries() -> None:
    deadlines, owner = Deadlines(), Timed()
    for turn in range(1000):
        deadlines.set(owner, turn + 600_000)
        deadlines.set(owner, turn + 60)
        deadlines.set(owner, turn + 600_000)
        assert due(deadlines, turn + 60) == []
    assert len(deadlines._heap) < 100
    assert due(deadlines, 601_000) == [owner]


def test_a_clean_up_loses_nobody() -> None:
    deadlines = Deadlines()
    keeps = [Timed() for _ in range(5)]
    for number, owner in enumerate(keeps):
        deadlines.set(owner, 1000 - number)
    for _ in range(200):
        goes = Timed()
        deadlines.set(goes, 5000)
        deadlines.cancel(goes)
    assert due(deadlines, 1000) == keeps[::-1]


def test_whose_entry_was_cleaned_up_may_have_a_later_deadline() -> None:
    deadlines, owner = Deadlines(), Timed()
    deadlines.set(owner, 5000)
    deadlines.cancel(owner)
    for _ in range(200):
        goes = Timed()
        deadlines.set(goes, 6000)
        deadlines.cancel(goes)
    deadlines.set(owner, 7000)
    assert due(deadlines, 7000) == [owner]
