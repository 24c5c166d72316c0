"""Loops are refused, spirals are not."""

import pytest

from pcscf.core import loops
from pcscf.core.flow import Side
from pcscf.errors import SipError
from pcscf.sip.message import Request, new_request
from tests.core.phone import Phone
from tests.core.stage import CORE_SIDE, FROM_CORE, S_CSCF, Stage


def request(uri: str = "sip:b@example.net", route: str = "<sip:x;lr>", via: str = "") -> Request:
    vias = [("via", "SIP/2.0/UDP top;branch=z9hG4bKtop"), ("via", via or "SIP/2.0/UDP x")]
    return new_request("MESSAGE", uri, [*vias, ("route", route)])


def test_a_mark_tells_ways_apart() -> None:
    marks = {
        loops.mark(request(), Side.CORE),
        loops.mark(request(), Side.PROTECTED),
        loops.mark(request(uri="sip:c@example.net"), Side.CORE),
        loops.mark(request(route="<sip:y;lr>"), Side.CORE),
    }
    assert len(marks) == 4
    assert loops.mark(request(), Side.CORE) in marks


@pytest.mark.parametrize("below", ["SIP/2.0/UDP us;branch=z9hG4bKr.{}", "a, SIP/2.0/UDP u;x=.{}"])
def test_the_same_way_again_is_a_loop(below: str) -> None:
    own = loops.mark(request(), Side.CORE)
    with pytest.raises(SipError, match="482"):
        loops.check(request(via=below.format(own)), Side.CORE)
    loops.check(request(via=below.format(own)), Side.PROTECTED)


def test_a_call_between_two_of_our_phones_is_none() -> None:
    """It passes here twice, with our Via of the first time in it."""
    stage = Stage()
    caller = Phone(stage)
    caller.registered()
    callee = Phone(
        stage, impi="b@x", impu="sip:b@x", port_uc=50001, port_us=50002, spi_uc=900, spi_us=901
    )
    callee.registered()
    token = stage.token()
    caller.says(caller.message("MESSAGE", "sip:b@x"))
    up = stage.last_to_core()
    down = up.copy()
    down.remove("route")
    down.append("route", f"<sip:{token}@{CORE_SIDE};lr>")
    down.prepend("via", f"SIP/2.0/UDP {S_CSCF};branch=z9hG4bKcore")
    stage.receive(FROM_CORE, down.to_bytes())
    asked = stage.last_asked_of_phone()
    assert len(asked.elements("via")) == 4
    # Should the callee send it back to us as it was, and the core likewise, it ends here.
    again = down.copy()
    again.prepend("via", str(asked.via))
    again.prepend("via", f"SIP/2.0/UDP {S_CSCF};branch=z9hG4bKagain")
    stage.receive(FROM_CORE, again.to_bytes())
    assert stage.last_answer_to_core().status == 482
