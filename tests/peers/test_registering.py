"""The text of a REGISTER where ``test_phone`` does not look."""

import pytest

from tests.peers.registering import Dialogue, Knobs, register
from tests.peers.text import Address, Message

AT = Dialogue(
    "sip:home.example",
    "sip:u@home.example",
    Address("2001:db8::10", 5060),
    "z9hG4bK1",
    "tag",
    "call",
    3,
)


def made(
    knobs: Knobs | None = None, transport: str = "UDP", server: tuple[str, ...] = ()
) -> Message:
    return register(
        knobs or Knobs(),
        AT,
        transport,
        client=["offer"],
        server=list(server),
        authorization="Digest x",
    )


def test_ipv6_is_in_brackets():
    message = made()
    assert message.header("via").startswith("SIP/2.0/UDP [2001:db8::10]:5060;")
    assert message.header("contact") == "<sip:u@[2001:db8::10]:5060>"
    assert message.header("call-id") == "call@[2001:db8::10]"


def test_transport_is_in_contact_over_tcp():
    assert made(transport="TCP").header("contact") == "<sip:u@[2001:db8::10]:5060;transport=tcp>"


def test_whole_contact():
    assert made(Knobs(contact="*", expires=0)).header("contact") == "*"


@pytest.mark.parametrize("name", ["authorization", "require", "security-client", "security-verify"])
def test_what_a_phone_may_leave_out(name):
    full = made(server=("list",))
    assert name in full
    bare = register(Knobs(), AT, "UDP", client=[], server=[], authorization="")
    assert name not in bare


def test_rewriting_the_offer():
    message = made(Knobs(client=lambda values: [*values, "tls;q=0.1"]))
    assert message.values("security-client") == ["offer", "tls;q=0.1"]
