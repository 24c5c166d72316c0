"""A registration as plain values; what becomes of it in another process is in ``test_revival``."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from pcscf.core.snapshot import VERSION, load, sa_sets, save
from pcscf.core.state import Registration
from tests.core.call import OutgoingCall
from tests.core.phone import Phone
from tests.core.stage import CK, IK, SINCE, Stage


@pytest.fixture
def registration() -> Registration:
    """A phone between two sets, with a call."""
    stage = Stage()
    phone = Phone(stage)
    phone.registered()
    call = OutgoingCall(stage, phone)
    call.begins()
    call.core_says(200)
    phone.reregistered()
    (one,) = stage.edge._context.registry.all()
    return one


def test_there_and_back_nothing_is_lost(registration: Registration) -> None:
    values = save(registration, SINCE)
    again = load(json.loads(json.dumps(values, allow_nan=False)), SINCE)
    assert save(again.registration, SINCE) == values
    assert [row.sa_set for row in again.rows] == [row.sa_set for row in registration.sets[::-1]]
    assert sa_sets(values) == [row.sa_set for row in again.rows]
    assert again.registration.bindings == registration.bindings
    assert len(values["dialogs"]) == 1
    assert len(values["sets"]) == 2


def test_another_clock(registration: Registration) -> None:
    """What a process that began later makes of it ends at the same time."""
    values = save(registration, SINCE)
    later = load(values, SINCE + 900).registration
    assert later.sa_deadline == registration.sa_deadline - 900
    assert later.bindings[0].expires == registration.bindings[0].expires - 900


def test_no_key_is_in_it(registration: Registration) -> None:
    text = json.dumps(save(registration, SINCE)).lower()
    assert not [key for key in (CK, IK) if key in text]


def test_another_version_is_refused_by_its_number(registration: Registration) -> None:
    values = save(registration, SINCE) | {"version": VERSION + 1}
    with pytest.raises(ValueError, match=f"^version {VERSION + 1} of a registration"):
        load(values, SINCE)


def places(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, *path, key)


def test_damage_is_a_value_error_whatever_it_hits(registration: Registration) -> None:
    values = save(registration, SINCE)
    refused = []
    junks: tuple[Any, ...] = (None, "x", -1, 2.5, [], {}, [[1]], True)
    for path in list(places(values))[1:]:
        for junk in junks:
            broken = copy.deepcopy(values)
            inner = broken
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = junk
            try:
                load(broken, SINCE)
            except ValueError as error:
                refused.append(str(error))
    assert len(refused) > 500
    assert not [reason for reason in refused if "\n" in reason]
