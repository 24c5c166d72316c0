import pytest

from pcscf.core import rewrite
from pcscf.core.context import Context
from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.core.ids import Ids
from pcscf.errors import ParseError, SipError
from pcscf.sip.message import Request, Response, parse
from tests.core.stage import CK, GM, GM6, IK, POLICY, UE, UE6

VIA = f"Via: SIP/2.0/UDP {UE}:5060;branch=z9hG4bK1"
CLEAR = Flow(Transport.UDP, Side.CLEAR, Endpoint(GM, 5060), Endpoint(UE, 5060))


def request(*lines: str, method: str = "REGISTER") -> Request:
    head = [f"{method} sip:example.net SIP/2.0", *lines, "", ""]
    message = parse("\r\n".join(head).encode())
    assert isinstance(message, Request)
    return message


def response(*lines: str) -> Response:
    message = parse("\r\n".join(["SIP/2.0 401 Unauthorized", *lines, "", ""]).encode())
    assert isinstance(message, Response)
    return message


def context() -> Context:
    return Context(POLICY, Ids(bytes))


# --- keys ---


@pytest.mark.parametrize(
    "value",
    [
        f'Digest ck="{CK}", ik="{IK}", realm="r"',
        f'Digest realm="r", ik="{IK}",ck="{CK}"',
        f'Digest ik = "{IK}" ,\r\n realm="r",\r\n\tck\t=\t"{CK}"',
        f"Digest CK={CK}, realm=r, Ik={IK}",
        f'Digest realm="ck={CK[:4]}", ik="{IK.upper()}", x="a,ik=b", ck="{CK.upper()}"',
        f'Digest realm="r", ck="{CK}", ck="{CK}", ik="{IK}"',
    ],
)
@pytest.mark.parametrize("name", ["WWW-Authenticate", "proxy-AUTHENTICATE "])
def test_keys_go_wherever_they_stand(name: str, value: str) -> None:
    message = response(f"{name}: {value}")
    keys = rewrite.strip_keys(message)
    assert keys is not None
    assert (keys.ck.hex(), keys.ik.hex()) == (CK, IK)
    text = message.to_bytes().decode().lower()
    assert CK not in text
    assert IK not in text


def test_keys_go_from_every_line_and_the_first_pair_counts() -> None:
    message = response(
        f'WWW-Authenticate: Digest realm="1", ck="{CK}", ik="{IK}"',
        f'WWW-Authenticate: Digest realm="2", ck="{IK}", ik="{CK}"',
        f'Proxy-Authenticate: Digest realm="3", ck="{IK}", ik="{CK}"',
    )
    keys = rewrite.strip_keys(message)
    assert keys is not None
    assert keys.ck.hex() == CK
    assert b"ck=" not in message.to_bytes()
    assert message.values("www-authenticate") == ['Digest realm="1"', 'Digest realm="2"']


@pytest.mark.parametrize(
    "params",
    ['realm="r"', f'ck="{CK}"', f'ck="{CK[2:]}", ik="{IK}"', f'ck="{CK}", ik="{IK[:-1]}g"'],
)
def test_half_a_pair_is_no_pair_and_goes_too(params: str) -> None:
    message = response(f"WWW-Authenticate: Digest {params}")
    assert rewrite.strip_keys(message) is None
    assert b"ck=" not in message.to_bytes()


def test_a_challenge_that_cannot_be_read_goes_altogether() -> None:
    message = response(
        f'WWW-Authenticate: Digest realm="open, ck={CK}',
        'WWW-Authenticate: Digest realm="r"',
    )
    assert rewrite.strip_keys(message) is None
    assert message.values("www-authenticate") == ['Digest realm="r"']


def test_a_message_without_a_challenge_is_not_touched() -> None:
    message = response(VIA, "X: ck=1")
    before = message.to_bytes()
    assert rewrite.strip_keys(message) is None
    assert message.to_bytes() == before


# --- the security agreement's hop ---


def test_only_sec_agree_leaves_the_option_tags() -> None:
    message = request(
        "Require: path, SEC-Agree ,100rel",
        "Proxy-Require: sec-agree",
        "Supported: sec-agree, path",
        "Security-Client: tls",
        "Security-Verify: tls",
        "security-server: tls",
    )
    rewrite.drop_security_agreement(message)
    assert message.elements("require") == ["path", "100rel"]
    assert message.elements("supported") == ["sec-agree", "path"]
    for name in ("proxy-require", *rewrite.SECURITY_HEADERS):
        assert name not in message


def test_lines_without_sec_agree_keep_their_bytes() -> None:
    message = request("Require:  path ,  100rel")
    before = message.to_bytes()
    rewrite.drop_security_agreement(message)
    assert message.to_bytes() == before


def test_only_the_network_may_say_what_the_network_provides() -> None:
    message = request(
        "P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=1",
        "P-Access-Network-Info: 3GPP-NR-FDD; Network-Provided, IEEE-802.11",
    )
    rewrite.drop_network_provided(message)
    assert message.elements("p-access-network-info") == [
        "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=1",
        "IEEE-802.11",
    ]


# --- integrity-protected ---


@pytest.mark.parametrize(
    "value",
    [
        'Digest username="u", integrity-protected="yes"',
        'Digest integrity-protected=yes, username="u"',
        'digest username="u",INTEGRITY-protected = "tls-yes" , integrity-protected="yes"',
        'Digest\tusername="u"',
        'Digest  username="u"',
    ],
)
def test_ours_replaces_the_phones_integrity_protected(value: str) -> None:
    message = request(f"Authorization: {value}")
    rewrite.set_integrity_protected(message, "no")
    text = (message.get("authorization") or "").lower()
    assert text.count("integrity-protected") == 1
    assert text.endswith('integrity-protected="no"')
    assert 'username="u"' in text


def test_other_schemes_get_none() -> None:
    message = request("Authorization: Bearer token")
    rewrite.set_integrity_protected(message, "no")
    assert message.get("authorization") == "Bearer token"


def test_unreadable_credentials_do_not_pass() -> None:
    with pytest.raises(ParseError):
        rewrite.set_integrity_protected(
            request('Authorization: Digest x="open, integrity-protected=yes'), "no"
        )


# --- hops and Via ---


@pytest.mark.parametrize(("was", "now"), [("70", "69"), ("1", "0"), (None, "70")])
def test_hops_are_counted(was: str | None, now: str) -> None:
    message = request(*([f"Max-Forwards: {was}"] if was else []))
    rewrite.hop(message)
    assert message.get("max-forwards") == now


def test_the_last_hop_is_refused() -> None:
    with pytest.raises(SipError) as refused:
        rewrite.hop(request("Max-Forwards: 0"))
    assert refused.value.status == 483


@pytest.mark.parametrize(
    ("sent_by", "source", "added"),
    [
        (f"{UE}:5060", UE, ""),
        ("10.0.0.1:5060", UE, f";received={UE}"),
        ("phone.example", UE, f";received={UE}"),
        (f"{UE};rport", UE, f";received={UE}"),
        (f"[{UE6}]", UE6, ""),
        ("[2001:DB8:1:0::10]", UE6, ""),
    ],
)
def test_the_source_is_noted(sent_by: str, source: str, added: str) -> None:
    message = request(f"Via: SIP/2.0/UDP {sent_by};branch=z9hG4bK1")
    rewrite.note_source(message, CLEAR._replace(remote=Endpoint(source, 7000)))
    assert message.via.received == (added.partition("=")[2] or None)
    assert message.via.rport == ("7000" if "rport" in sent_by else None)


def test_under_sas_rport_is_left_alone() -> None:
    message = request(f"Via: SIP/2.0/UDP {UE};rport;branch=z9hG4bK1")
    before = message.to_bytes()
    rewrite.note_source(message, CLEAR._replace(side=Side.PROTECTED))
    assert message.to_bytes() == before


def test_only_the_top_via_is_ours_to_note_in() -> None:
    message = request(f"{VIA};rport, SIP/2.0/UDP other;branch=z9hG4bK2", "Via: SIP/2.0/TCP last")
    rewrite.note_source(message, CLEAR)
    assert [line.partition(";")[0] for line in message.elements("via")] == [
        f"SIP/2.0/UDP {UE}:5060",
        "SIP/2.0/UDP other",
        "SIP/2.0/TCP last",
    ]


@pytest.mark.parametrize("lines", [(), ("Via: SIP/2.0/UDP evil",), (VIA, "Via: SIP/2.0/UDP evil")])
def test_an_answer_gets_the_via_list_of_its_request(lines: tuple[str, ...]) -> None:
    asked = request(VIA, "Via: SIP/2.0/UDP second")
    answer = response(*lines, "X: y")
    rewrite.restore_vias(answer, asked.lines("via"))
    assert answer.lines("via") == asked.lines("via")
    assert answer.to_bytes().startswith(f"SIP/2.0 401 Unauthorized\r\n{VIA}\r\n".encode())


def test_hosts_compare_as_numbers() -> None:
    assert rewrite.same_host("[2001:DB8::0:1]", "2001:db8::1")
    assert not rewrite.same_host("phone.example", UE)
    assert rewrite.is_name("phone.example")
    assert not rewrite.is_name(f"[{UE6}]")
    assert rewrite.host_text(Endpoint(GM6, 1)) == f"[{GM6}]"


# --- the whole REGISTER, the whole answer ---


def test_a_register_as_the_core_is_to_see_it() -> None:
    message = request(
        VIA,
        "Max-Forwards: 70",
        "Route: <sip:evil@example.net;lr>",
        "P-Asserted-Identity: <sip:boss@example.net>",
        'P-Visited-Network-ID: "home"',
        "P-Visited-Network-ID: other",
        "P-Charging-Vector: icid-value=mine",
        "P-Charging-Function-Addresses: ccf=mine",
        'Authorization: Digest username="u", integrity-protected="yes"',
    )
    rewrite.register_upward(context(), message, token="t0ken", protected="no")
    for name in ("route", "p-asserted-identity", "p-charging-function-addresses"):
        assert name not in message
    assert message.values("path") == ["<sip:t0ken@203.0.113.5:5060;lr>"]
    assert message.elements("require") == ["path"]
    assert message.values("p-visited-network-id") == ['"visited.example"']
    (vector,) = message.values("p-charging-vector")
    assert "mine" not in vector
    assert 'orig-ioi="visited.example"' in vector
    assert "icid-generated-at=203.0.113.5" in vector
    assert (message.get("authorization") or "").endswith('integrity-protected="no"')


def test_our_path_stands_on_top() -> None:
    """RFC 3327 5.2: what comes back as Route leads here first."""
    message = request(VIA, VIA, "Path: <sip:lower@example.net;lr>")
    rewrite.register_upward(context(), message, token="t", protected="no")
    ours, theirs = message.elements("path")
    assert ours.startswith("<sip:t@")
    assert theirs == "<sip:lower@example.net;lr>"


def test_a_phone_names_no_path() -> None:
    """Requests for it would go where it likes, from inside the network."""
    message = request(VIA, "Path: <sip:inside@192.0.2.250;lr>")
    rewrite.register_upward(context(), message, token="t", protected="no")
    (ours,) = message.elements("path")
    assert ours.startswith("<sip:t@")


def test_an_answer_loses_what_is_the_networks_own() -> None:
    message = response(
        f'WWW-Authenticate: Digest realm="r", ck="{CK}", ik="{IK}"',
        "P-Charging-Vector: icid-value=1",
        "P-Charging-Function-Addresses: ccf=1",
        "P-Access-Network-Info: x",
        "Security-Server: tls",
        "Path: <sip:t@203.0.113.5>",
    )
    rewrite.response_downward(message)
    assert set(message.names()) == {"www-authenticate", "path"}
    assert CK.encode() not in message.to_bytes()
