import pytest

from pcscf.core.flow import Endpoint, Flow, Side, Transport


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        (Endpoint("192.0.2.1", 5060), "192.0.2.1:5060"),
        (Endpoint("2001:db8::1", 5060), "[2001:db8::1]:5060"),
    ],
)
def test_endpoints_print_as_in_sip(endpoint: Endpoint, text: str) -> None:
    assert str(endpoint) == text


def test_side_and_both_ends_tell_flows_apart() -> None:
    here, there = Endpoint("192.0.2.1", 5060), Endpoint("192.0.2.2", 5060)
    flow = Flow(Transport.TCP, Side.CLEAR, here, there)
    others = {
        flow._replace(transport=Transport.UDP),
        flow._replace(side=Side.PROTECTED),
        flow._replace(local=there),
        flow._replace(remote=here),
    }
    assert len(others | {flow}) == 5


@pytest.mark.parametrize("side", list(Side))
def test_our_port_is_no_part_of_a_connections_name_to_the_core_only(side: Side) -> None:
    remote = Endpoint("192.0.2.2", 5060)
    one, other = (
        Flow(Transport.TCP, side, Endpoint("192.0.2.1", port), remote) for port in (5060, 40000)
    )
    assert (one.connection_key == other.connection_key) is (side is Side.CORE)
    elsewhere = other._replace(remote=Endpoint("192.0.2.2", 5061))
    assert elsewhere.connection_key != other.connection_key
