"""Reading what ``ip -s xfrm`` prints; the text is that of iproute2 6.1."""

from pathlib import Path

from tests.netns.xfrm_listing import XfrmPolicy, XfrmState, parse_policies, parse_states

DATA = Path(__file__).parent / "data"
STATES = (DATA / "ip-xfrm-state.txt").read_text()
POLICIES = (DATA / "ip-xfrm-policy.txt").read_text()


def test_states_are_read_with_selector_limit_and_counters() -> None:
    assert parse_states(STATES)[1] == XfrmState(
        src="192.0.2.1",
        dst="192.0.2.2",
        spi=0x1001,
        reqid=77,
        mode="transport",
        auth="hmac(sha1)",
        auth_bits=96,
        enc="cbc(aes)",
        selector="src 192.0.2.1/32 dst 192.0.2.2/32 sport 5060 dport 5061",
        hard_seconds=100,
        packets=5,
        bytes=1234,
    )


def test_an_aead_state_has_no_auth() -> None:
    state = parse_states(STATES)[0]
    assert (state.auth, state.auth_bits, state.enc) == (None, None, "rfc4106(gcm(aes))")


def test_no_key_is_kept() -> None:
    assert "0102030405" not in repr(parse_states(STATES))


def test_policies_are_read_without_those_of_sockets() -> None:
    assert parse_policies(POLICIES) == [
        XfrmPolicy(
            selector="src 192.0.2.1/32 dst 192.0.2.2/32 proto udp sport 5060",
            direction="out",
            action="allow",
            priority=7,
            proto="esp",
            mode="transport",
            reqid=77,
        ),
        XfrmPolicy(
            selector="src ::/0 dst ::/0",
            direction="in",
            action="block",
            priority=0,
            proto=None,
            mode=None,
            reqid=None,
        ),
    ]


def test_empty_tables_are_empty_lists() -> None:
    assert parse_states("") == []
    assert parse_policies("") == []
