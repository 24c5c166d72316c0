import pytest

from pcscf.decode.output.notes import notes, title
from tests.decode.samples import CHALLENGE, CK, IK, MESSAGE, OFFER, OK, REGISTER, seen, sip


def told(start: str, *lines: str, body: bytes = b"") -> list[str]:
    return notes(seen(sip(start, *lines, body=body)))


def test_titles() -> None:
    assert [title(seen(data)) for data in (REGISTER, CHALLENGE, sip("SIP/2.0 200 OK"))] == [
        "REGISTER sip:home.example", "401 Unauthorized (REGISTER)", "200 OK",
    ]  # fmt: skip
    assert len(title(seen(sip(f"OPTIONS sip:{'a' * 9000} SIP/2.0")))) == 200


def test_what_an_agreement_is_about() -> None:
    assert notes(seen(REGISTER)) == ["offers hmac-sha-1-96/aes-cbc"]
    assert notes(seen(OFFER)) == ["chosen hmac-sha-1-96/aes-cbc, port-s 6101", "no CK, no IK"]
    assert told("REGISTER sip:a SIP/2.0", "Security-Verify: x", "Expires: 0") == [
        "Expires: 0", "Security-Verify",
    ]  # fmt: skip


def test_that_a_challenge_has_keys_but_not_which() -> None:
    (note,) = notes(seen(CHALLENGE))
    assert note == "with CK and IK"
    assert CK not in note
    assert IK not in note


@pytest.mark.parametrize(
    ("lines", "note"),
    [
        (["Contact: <sip:a@b>;expires=600"], "registered for 600 s"),
        (["Contact: <sip:a@b>", "Expires: 90"], "registered for 90 s"),
        (["Contact: <sip:a@b>"], "registered"),
        ([], "no contact left"),
    ],
)
def test_what_a_200_grants(lines: list[str], note: str) -> None:
    assert told("SIP/2.0 200 OK", "CSeq: 1 REGISTER", *lines) == [note]
    assert told("SIP/2.0 200 OK", "CSeq: 1 INVITE", *lines) == []
    assert notes(seen(OK)) == ["registered for 600 s"]


def test_what_the_core_sees_of_protection() -> None:
    line = 'Authorization: Digest username="a", integrity-protected="yes"'
    assert told("REGISTER sip:a SIP/2.0", line) == ["integrity-protected=yes"]


def test_events_reasons_and_bodies() -> None:
    assert told("NOTIFY sip:a SIP/2.0", "o: reg", "Subscription-State: active;expires=3") == [
        "Event: reg", "Subscription-State: active;expires=3",
    ]  # fmt: skip
    assert told("BYE sip:a SIP/2.0", f"Reason: SIP;text={'x' * 99}")[0].endswith("x" * 50)
    assert told("INVITE sip:a SIP/2.0", "c: application/sdp;a=b", body=b"v=0") == [
        "application/sdp, 3 octets"
    ]
    assert notes(seen(MESSAGE)) == ["body, 5 octets"]


def test_a_note_has_an_end() -> None:
    line = f"Security-Client: ipsec-3gpp;alg={'a' * 5000}"
    assert [len(note) for note in told("REGISTER sip:a SIP/2.0", line)] == [80]


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (b"REGISTER\r\n\r\n", "not well-formed"),
        (sip("REGISTER sip:a SIP/2.0", "Security-Client: ;;;"), "security malformed"),
        (sip("SIP/2.0 401 No", 'WWW-Authenticate: Digest ck="'), "authentication malformed"),
        (sip("SIP/2.0 200 OK"), "expiry malformed"),
    ],
)
def test_what_is_malformed_is_told(data: bytes, note: str) -> None:
    assert notes(seen(data)) == [note]
