"""Where a message may name a phone, and where it only seems to."""

import pytest

from pcscf.core.views import BindingView, UeView
from pcscf.mirror.names import Names
from tests.decode.samples import sip

IMPU, IMPI, TEL = "sip:alice@home.example", "alice-private@home.example", "tel:+15550001"
CONTACT = "sip:8f0a@192.0.2.10:40002"
UE = UeView(
    impi=IMPI,
    ue="192.0.2.10",
    instance="",
    emergency=False,
    guest=False,
    protected=True,
    silent=False,
    transport="UDP",
    identities=(f'"Alice" <{IMPU}>', f"<{TEL}>", "<sip:+15550001@home.example>"),
    expires=600.0,
    dialogs=0,
    next_hop="",
    bindings=(BindingView(IMPU, CONTACT, 600.0, ()),),
    sas=(),
)
NAMES = Names([], [UE])


def named(
    *lines: str, start: str = "INVITE sip:bob@other.example SIP/2.0", body: bytes = b""
) -> bool:
    return NAMES.are_in(sip(start, *lines, body=body))


@pytest.mark.parametrize(
    "line",
    [
        f"From: <{IMPU}>;tag=1",
        f"f:{IMPU};tag=1",
        f"To: A <{IMPU};user=phone>",
        "t: <sip:ALICE@home.example>, <sip:alice@HOME.example:5060>",
        "TO:\r\n <sip:%2B15550001@home.example>",
        f"P-Asserted-Identity: <sip:x@y>, <{TEL}>",
        f"P-Preferred-Identity: <{IMPU}>",
        f"P-Called-Party-ID: <{IMPU}>",
        f"P-Associated-URI: <sip:x@y>, <{TEL};phone-context=z>",
        "To: <tel:+15550001;npdi>",
        f'Authorization: Digest realm="x", username = "{IMPI}"',
        "From: <sip:alice-private@home.example>",  # TS 23.003 13.4B
    ],
)
def test_named_in_a_header_of_users(line: str) -> None:
    assert named(line)


@pytest.mark.parametrize(
    "line",
    [
        "From: <sip:ALICE@home.example>",  # RFC 3261 19.1.4: a user's letters are its own
        "From: <sip:alice@home.example.net>",
        "From: <sip:malice@home.example>",
        f"Contact: <{IMPU}>",
        f"Subject: {IMPU}",
        f"X-From: <{IMPU}>",
        "To: <tel:+155500011>",
        f'Authorization: Digest xusername="{IMPI}"',
        f'Authorization: Digest username="x", uri="{IMPU}"',
    ],
)
def test_not_named(line: str) -> None:
    assert not named(line)


def test_a_body_names_nobody() -> None:
    assert not named(body=f"\nFrom: <{IMPU}>\n".encode())


@pytest.mark.parametrize(
    ("target", "is_it"),
    [
        (IMPU, True),
        (TEL, True),
        (f"{CONTACT};transport=udp", True),
        ("sip:8f0a@192.0.2.10:40003", False),
        ("sip:8f0a@192.0.2.11:40002", False),
    ],
)
def test_the_request_uri_names_by_identity_or_contact(target: str, is_it: bool) -> None:
    assert named(start=f"INVITE {target} SIP/2.0") is is_it


def test_a_contact_without_user_is_known_by_its_host() -> None:
    binding = BindingView(IMPU, "sip:[2001:db8::9]:5061", 1.0, ())
    names = Names([], [UE._replace(bindings=(binding,))])
    assert names.are_in(b"MESSAGE sip:[2001:db8::9]:5061 SIP/2.0\r\n\r\n")
    assert not names.are_in(b"MESSAGE sip:[2001:db8::9]:5062 SIP/2.0\r\n\r\n")


def test_names_given_need_no_phone() -> None:
    assert Names([IMPU], []).are_in(sip("REGISTER sip:x SIP/2.0", f"To: <{IMPU}>"))
    by_impi = Names([IMPI], [])
    assert by_impi.are_in(sip("A b SIP/2.0", f'Authorization: Digest username="{IMPI}"'))


def test_a_guest_has_no_names() -> None:
    guest = UE._replace(guest=True, impi="guest:x")
    assert not Names([], [guest]).are_in(sip("A b SIP/2.0", f"To: <{IMPU}>"))


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"alice@", b"alice@ \xff\r\nFrom:", b"SIP/2.0\nTo: alice@"]
)
def test_garbage_names_nobody(data: bytes) -> None:
    assert not NAMES.are_in(data)


@pytest.mark.parametrize("who", ["", "@", "<>", "sip:", "tel:", "sip:%", "\udcff"])
def test_whoever_is_asked_for_is_no_error(who: str) -> None:
    assert not Names([who], []).are_in(sip("A b SIP/2.0", "To: <sip:c@d>"))
