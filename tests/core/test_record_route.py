"""Our entry in Record-Route, as either side sees it."""

import pytest

from pcscf.core import record_route
from pcscf.sip.message import Response, parse

OURS, SHOWN = "<sip:t0ken@203.0.113.5:5060;lr>", "<sip:198.51.100.5:6100;lr>"
ABOVE = ["<sip:two.example;lr>", "<sip:one.example;lr>"]


def response(*lines: str) -> Response:
    head = ["SIP/2.0 200 OK", *(f"Record-Route: {line}" for line in lines), "", ""]
    message = parse("\r\n".join(head).encode())
    assert isinstance(message, Response)
    return message


@pytest.mark.parametrize("lines", [[*ABOVE, OURS], [f"{ABOVE[0]}, {ABOVE[1]},{OURS}"]])
def test_those_behind_us_stand_above_us(lines: list[str]) -> None:
    assert record_route.above(response(*lines), OURS) == ABOVE


def test_a_list_without_us_is_theirs_alone() -> None:
    assert record_route.above(response(*ABOVE), OURS) == ABOVE


def test_our_entry_is_swapped_in_its_place_and_the_rest_stays() -> None:
    answer = response(f"{ABOVE[0]} ,{OURS}", ABOVE[1])
    record_route.swap(answer, OURS, SHOWN)
    assert answer.values("record-route") == [f"{ABOVE[0]} ,{SHOWN}", ABOVE[1]]
    before = answer.to_bytes()
    record_route.swap(answer, OURS, SHOWN)
    assert answer.to_bytes() == before


@pytest.mark.parametrize(
    ("lines", "restored"),
    [
        ([SHOWN, *ABOVE], False),
        ([f"{SHOWN}, {ABOVE[0]}", ABOVE[1]], False),
        ([*ABOVE, SHOWN], True),
        ([SHOWN], True),
        ([], True),
    ],
)
def test_a_phones_list_is_compared_and_restored(lines: list[str], *, restored: bool) -> None:
    answer = response(*lines)
    assert record_route.restore(answer, [SHOWN, *ABOVE]) is restored
    assert answer.elements("record-route") == [SHOWN, *ABOVE]
