import pytest

from pcscf.core.context import Context
from pcscf.core.effects import CloseFlow, Report
from pcscf.core.flow import Endpoint
from pcscf.core.ids import Ids
from tests.core.stage import CORE_SIDE, FROM_CORE, GM, GM6, POLICY


@pytest.fixture
def context() -> Context:
    return Context(POLICY, Ids(bytes))


def test_effects_and_reports_keep_their_order(context: Context) -> None:
    context.emit(CloseFlow(FROM_CORE))
    context.report("info", "word", impi="a", status=1)
    assert context.effects == [
        CloseFlow(FROM_CORE),
        Report("info", "word", {"impi": "a", "status": 1}),
    ]


def test_our_addresses_are_found(context: Context) -> None:
    assert context.gm_endpoint(GM) == Endpoint(GM, 5060)
    assert context.gm_address(GM6).host == GM6
    with pytest.raises(KeyError):
        context.gm_address("192.0.2.99")


def test_the_core_is_asked_from_an_address_of_its_family(context: Context) -> None:
    assert context.core_endpoint("203.0.113.9") == CORE_SIDE
    assert context.core_endpoint("2001:db8:c::9").host == "2001:db8:c::5"
