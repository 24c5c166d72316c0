"""The tables themselves: what must hold of every one of them."""

import pytest

from pcscf.core.machines import (
    CLIENT,
    INVITE_CLIENT,
    INVITE_SERVER,
    SERVER,
    Action,
    Input,
    State,
    Table,
    kind_of,
)

TABLES = {
    "client": CLIENT,
    "server": SERVER,
    "INVITE client": INVITE_CLIENT,
    "INVITE server": INVITE_SERVER,
}
every_table = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
ORDER = list(State)


@every_table
def test_there_is_no_way_out_of_the_end(table: Table) -> None:
    assert not any(state is State.TERMINATED for state, _ in table)


@every_table
def test_no_input_leads_backwards(table: Table) -> None:
    """A machine comes to its end whatever the peers send, once its timers run out."""
    for (state, _), (then, _) in table.items():
        assert ORDER.index(then) >= ORDER.index(state)


@every_table
def test_time_ends_every_state(table: Table) -> None:
    """But a server's that waits for its user: the user's own client transaction ends."""
    waiting = {State.TRYING, State.PROCEEDING} if table in (SERVER, INVITE_SERVER) else set()
    for state in {state for state, _ in table} - waiting:
        then, _ = table[state, Input.TIMEOUT]
        assert ORDER.index(then) > ORDER.index(state)


@pytest.mark.parametrize("table", [CLIENT, INVITE_CLIENT])
def test_the_user_of_a_client_is_told_in_any_case(table: Table) -> None:
    """Whoever waits for a final response gets it, or learns that there will be none."""
    told = {Action.TELL, Action.ACKNOWLEDGE_AND_TELL, Action.GIVE_UP, Action.CANCEL}
    silent = {State.ACCEPTED, State.COMPLETED}
    for (state, given), (then, action) in table.items():
        if state not in silent and then in {*silent, State.TERMINATED}:
            assert action in told, (state, given)


def test_only_the_first_final_response_of_a_failed_invite_is_told() -> None:
    for status in (Input.PROVISIONAL, Input.SUCCESS):
        assert (State.COMPLETED, status) not in INVITE_CLIENT
    assert INVITE_CLIENT[State.COMPLETED, Input.FAILURE][1] is Action.ACKNOWLEDGE


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (100, Input.PROVISIONAL),
        (199, Input.PROVISIONAL),
        (200, Input.SUCCESS),
        (299, Input.SUCCESS),
        (300, Input.FAILURE),
        (699, Input.FAILURE),
    ],
)
def test_the_kind_of_a_status(status: int, kind: Input) -> None:
    assert kind_of(status) is kind
