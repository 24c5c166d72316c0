"""RFC 4475 and RFC 5118, message by message.

Outcomes: None means that a proxy goes on with the message; a number is the status it is
refused with; for a response, a number means that it is dropped.
"""

from pathlib import Path

import pytest

from pcscf.errors import ParseError, SipError
from pcscf.sip.check import check_request, check_response
from pcscf.sip.message import Message, Request, parse

TORTURE = Path(__file__).parent / "torture"

# file -> (outcome, section, note where the RFC leaves a choice or we differ)
RFC4475: dict[str, tuple[int | None, str, str]] = {
    "wsinv": (None, "3.1.1.1", ""),
    "intmeth": (None, "3.1.1.2", ""),
    "esc01": (None, "3.1.1.3", ""),
    "escnull": (None, "3.1.1.4", ""),
    "esc02": (None, "3.1.1.5", ""),
    "lwsdisp": (None, "3.1.1.6", ""),
    "longreq": (None, "3.1.1.7", ""),
    "dblreq": (None, "3.1.1.8", "the octets behind the body are dropped"),
    "semiuri": (None, "3.1.1.9", ""),
    "transports": (None, "3.1.1.10", ""),
    "mpart01": (None, "3.1.1.11", ""),
    "unreason": (None, "3.1.1.12", ""),
    "noreason": (None, "3.1.1.13", ""),
    "badinv01": (400, "3.1.2.1", ""),
    "clerr": (400, "3.1.2.2", ""),
    "ncl": (400, "3.1.2.3", ""),
    "scalar02": (400, "3.1.2.4", ""),
    "scalarlg": (400, "3.1.2.5", "dropped"),
    "quotbal": (400, "3.1.2.6", ""),
    "ltgtruri": (400, "3.1.2.7", ""),
    "lwsruri": (400, "3.1.2.8", ""),
    "lwsstart": (400, "3.1.2.9", "choice: refused, not repaired"),
    "trws": (400, "3.1.2.10", "choice: refused, not repaired"),
    "escruri": (400, "3.1.2.11", "choice: refused, not repaired"),
    "baddate": (None, "3.1.2.12", "choice: Date means nothing to us and passes"),
    "regbadct": (400, "3.1.2.13", "choice: refused, brackets are not inferred"),
    "badaspec": (400, "3.1.2.14", "choice: refused, not repaired"),
    "baddn": (400, "3.1.2.15", "choice: refused, quotes are not inferred"),
    "badvers": (505, "3.1.2.16", ""),
    "mismatch01": (400, "3.1.2.17", ""),
    "mismatch02": (501, "3.1.2.18", "choice: 501, as the RFC prefers for proxies"),
    "bigcode": (400, "3.1.2.19", "dropped"),
    "badbranch": (400, "3.2.1", "choice: refused, no RFC 2543 fall-back"),
    "insuf": (400, "3.3.1", ""),
    "unkscm": (416, "3.3.2", ""),
    "novelsc": (416, "3.3.3", ""),
    "unksm2": (None, "3.3.4", "a proxy does not judge the schemes of To, From, Contact"),
    "bext01": (None, "3.3.5", "420 is for the procedure that knows what is supported"),
    "invut": (None, "3.3.6", ""),
    "regaut01": (None, "3.3.7", ""),
    "multi01": (400, "3.3.8", ""),
    "mcl01": (400, "3.3.9", ""),
    "bcast": (400, "3.3.10", "dropped"),
    "zeromf": (483, "3.3.11", ""),
    "cparam01": (None, "3.3.12", ""),
    "cparam02": (None, "3.3.13", ""),
    "regescrt": (None, "3.3.14", ""),
    "sdp01": (None, "3.3.15", "Accept is for the user agent to judge"),
    "inv2543": (None, "3.4.1", ""),
    "test": (400, "archive only", "no SIP version, lines without colon"),
}
RFC5118: dict[str, tuple[int | None, str, str]] = {
    "ipv6-good": (None, "4.1", ""),
    "ipv6-bad": (400, "4.2", ""),
    "port-ambiguous": (None, "4.3", ""),
    "port-unambiguous": (None, "4.4", ""),
    "via-received-param-with-delim": (None, "4.5", ""),
    "via-received-param-no-delim": (None, "4.5", ""),
    "ipv6-in-sdp": (
        400,
        "4.6",
        "the RFC means it to be valid, but its Content-Length is too large",
    ),
    "mult-ip-in-header": (None, "4.7", ""),
    "mult-ip-in-sdp": (None, "4.8", ""),
    "ipv4-mapped-ipv6": (None, "4.9", ""),
    "ipv6-bug-abnf-3-colons": (None, "4.10", "choice: tolerated, passed on as it came"),
    "ipv6-correct-abnf-2-colons": (None, "4.10", ""),
}
CASES = [
    pytest.param(rfc, name, outcome, id=f"{name}-{section}")
    for rfc, table in (("rfc4475", RFC4475), ("rfc5118", RFC5118))
    for name, (outcome, section, _) in table.items()
]


def read(rfc: str, name: str) -> bytes:
    return (TORTURE / rfc / f"{name}.sip").read_bytes()


def accept(data: bytes) -> Message:
    message = parse(data)
    if isinstance(message, Request):
        check_request(message)
    else:
        check_response(message)
    return message


@pytest.mark.parametrize(("rfc", "name", "outcome"), CASES)
def test_outcome(rfc: str, name: str, outcome: int | None) -> None:
    data = read(rfc, name)
    if outcome is None:
        sent = accept(data).to_bytes()
        assert data.startswith(sent)
        assert sent == data or name in {"dblreq", "ipv4-mapped-ipv6", "mult-ip-in-sdp"}
    else:
        with pytest.raises(SipError) as caught:
            accept(data)
        assert caught.value.status == outcome


def test_every_file_is_in_the_table() -> None:
    for rfc, table in (("rfc4475", RFC4475), ("rfc5118", RFC5118)):
        assert {path.stem for path in (TORTURE / rfc).iterdir()} == set(table)


def test_octets_behind_the_body_are_dropped() -> None:
    data = read("rfc4475", "dblreq")
    assert parse(data).to_bytes() == data[: data.index(b"INVITE")].removesuffix(b"\r\n")


def test_baddn_is_refused_for_its_names_too() -> None:
    with pytest.raises(ParseError, match="Bad Address"):
        accept(read("rfc4475", "baddn") + b"\r\n")


def test_ipv6_in_sdp_passes_with_the_length_it_has() -> None:
    accept(read("rfc5118", "ipv6-in-sdp").replace(b"Content-Length: 268", b"Content-Length: 251"))


def test_values_of_the_tortuous_invite() -> None:
    invite = accept(read("rfc4475", "wsinv"))
    assert invite.from_.display == 'J Rosenberg \\"'
    assert invite.to.tag == "1918181833n"
    assert invite.cseq.number == 9
    assert invite.get("subject") == ""
    assert [str(via) for via in invite.elements("via")] == [
        "SIP  /   2.0 /UDP 192.0.2.2;branch=390skdjuw",
        "SIP  / 2.0  / TCP     spindle.example.com   ; branch  =   z9hG4bK9ikj8",
        "SIP  /    2.0   / UDP  192.168.255.111   ; branch= z9hG4bK30239",
    ]
    assert invite.via.branch == "390skdjuw"
    (contact,) = invite.contacts
    assert contact.display == 'Quoted string ""'
    assert (contact.params.get("newparam"), contact.params.get("q")) == ("newvalue", "0.33")


def test_user_part_with_semicolon() -> None:
    request = accept(read("rfc4475", "semiuri"))
    assert isinstance(request, Request)
    assert request.uri.startswith("sip:user;par=u%40example.net@")


@pytest.mark.parametrize(
    ("name", "received"),
    [
        ("via-received-param-with-delim", "[2001:db8::9:255]"),
        ("via-received-param-no-delim", "2001:db8::9:255"),
    ],
)
def test_received_with_and_without_brackets(name: str, received: str) -> None:
    assert accept(read("rfc5118", name)).via.received == received
