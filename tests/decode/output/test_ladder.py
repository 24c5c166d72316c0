import io
from collections.abc import Iterable

from rich.color import ColorSystem

from pcscf.decode.model import Sa, SipMessage
from pcscf.decode.output.ladder import Ladder
from pcscf.decode.output.output import Output
from pcscf.decode.output.summary import Summary
from tests.decode.samples import (
    CHALLENGE,
    CK,
    CLEAR_PCSCF,
    CLEAR_UE,
    CORE,
    IK,
    MESSAGE,
    OK,
    PCSCF,
    PCSCF_CORE,
    REGISTER,
    UE,
    an_sa,
    seen,
    sip,
)

FROM_PHONE = REGISTER.replace(b"Call-ID", b"Via: SIP/2.0/UDP a\r\nCall-ID")


def ladder(
    messages: Iterable[SipMessage], sas: Iterable[tuple[Sa, str]] = (), **options: object
) -> list[str]:
    sink = io.BytesIO()
    out: Output = Ladder(sink, **options)  # type: ignore[arg-type]
    out.begin()
    for message in messages:
        out.message(message)
    for sa, reason in sas:
        out.sa(sa, reason)
    out.end(Summary(messages=2, shown=2))
    return sink.getvalue().decode().split("\n")


def registration() -> list[SipMessage]:
    sa = an_sa()
    return [
        seen(FROM_PHONE, CLEAR_UE, CLEAR_PCSCF),
        seen(FROM_PHONE, UE, PCSCF, sa=sa, at=20),
        seen(OK, PCSCF, UE, sa=an_sa(0x77, src=PCSCF.host, dst=UE.host), at=21),
        seen(MESSAGE, UE, PCSCF, sa=sa, at=61_000),
    ]


def test_a_registration_and_what_follows() -> None:
    lines = ladder(registration())
    assert lines[:5] == [
        "Seconds since 2023-11-14 22:13:20.123 UTC",
        "UE is 192.0.2.11",
        "P-CSCF is 192.0.2.1",
        "",
        "<sip:alice@home.example> registers",
    ]
    shown = [" ".join(line.split()) for line in lines[5:11]]
    assert shown == [
        "0.000 UE:5060 -> P-CSCF:5060 UDP clear REGISTER sip:home.example "
        "offers hmac-sha-1-96/aes-cbc",
        "SA 0x00001a2b UE:6101 -> P-CSCF:5063 hmac-sha-1-96/aes-cbc of alice@home; "
        "CK and IK of the 401 in frame 2",
        "0.020 UE:6101 -> P-CSCF:5063 UDP ESP 0x00001a2b REGISTER sip:home.example "
        "offers hmac-sha-1-96/aes-cbc",
        "SA 0x00000077 P-CSCF:6101 -> UE:5063 hmac-sha-1-96/aes-cbc of alice@home; "
        "CK and IK of the 401 in frame 2",
        "0.021 P-CSCF:5063 -> UE:6101 UDP ESP 0x00000077 200 OK (REGISTER) registered for 600 s",
        "61.000 UE:6101 -> P-CSCF:5063 UDP ESP 0x00001a2b MESSAGE sip:bob@home.example "
        "body, 5 octets",
    ]


def test_the_end_has_sas_with_reasons_and_a_verdict() -> None:
    lines = ladder([], [(an_sa(), "a reason"), (an_sa(7), "")])
    assert lines[1] == "Security associations"
    assert [line.split()[0] for line in lines[2:6]] == ["SPI", "0x00001a2b", "a", "0x00000007"]
    assert lines[-2] == "2 SIP messages."


def test_whole_messages_on_demand_without_what_steers_a_terminal() -> None:
    data = sip("MESSAGE sip:\x1b[2J SIP/2.0", "Call-ID: \x9b", body=b"text\r\n\x1b]0;title\x07")
    text = "\n".join(ladder([seen(data)], whole=True))
    assert "           text\n           \\x1b]0;title\\x07\n\n" in text
    assert not [one for one in "\x1b\x07\x9b" if one in text]
    assert "title" not in "\n".join(ladder([seen(data)]))


def test_who_calls_is_a_peers_text_too() -> None:
    invite = sip("INVITE sip:b SIP/2.0", "Call-ID: 1", f'From: "\x1b{"a" * 90}"')
    (heading,) = (line for line in ladder([seen(invite)]) if line.endswith(" calls"))
    assert heading.startswith('"\\x1baaa')
    assert len(heading) < 80
    assert "somebody calls" in ladder([seen(b"INVITE sip:b SIP/2.0\r\ni: 1\r\nbroken\r\n\r\n")])


def test_keys_are_shown_only_on_demand() -> None:
    messages, sas = [seen(CHALLENGE, CORE, PCSCF_CORE)], [(an_sa(), "")]
    hidden = "\n".join(ladder(messages, sas, whole=True))
    assert not [key for key in (CK, IK) if key in hidden]
    assert "with CK and IK" in hidden
    shown = "\n".join(ladder(messages, sas, whole=True, show_keys=True))
    assert f'ck="{CK}"' in shown
    assert f"auth {IK}00000000, crypt {CK}" in shown


def test_colours_change_nothing_but_the_colour() -> None:
    coloured = ladder(registration(), [(an_sa(), "why")], colours=ColorSystem.STANDARD)
    assert "\x1b[32mESP 0x00001a2b" in "\n".join(coloured)
    assert "\x1b[33mclear" in "\n".join(coloured)
    plain = "\n".join(coloured)
    for code in ("0", "1", "2", "32", "33", "36", "1;34", "1;36"):
        plain = plain.replace(f"\x1b[{code}m", "")
    assert [line.split() for line in plain.split("\n")] == [
        line.split() for line in ladder(registration(), [(an_sa(), "why")])
    ]


def test_names_by_the_user() -> None:
    lines = ladder(registration(), names={UE.host: "ue1"})
    assert lines[1] == "P-CSCF is 192.0.2.1"
    assert "ue1:5060 -> P-CSCF:5060" in lines[4]


def test_steps_that_somebody_knows_stand_instead_of_what_is_guessed() -> None:
    first, *_, last = (message.time for message in registration())
    steps = [(first - 7, "Alice switches her phone on"), (last - 1, "Alice writes"), (last + 1, "")]
    lines = ladder(registration(), steps=steps)
    headings = [number for number, line in enumerate(lines) if line.startswith("Alice ")]
    assert [lines[number] for number in headings] == [steps[0][1], steps[1][1]]
    assert [lines[number + 1].split()[0] for number in headings] == ["0.000", "61.000"]
    assert not any(line.endswith(" registers") for line in lines)


def test_who_is_who_is_learned_from_what_is_not_shown_too() -> None:
    sink = io.BytesIO()
    out = Ladder(sink)
    register, *_, last = registration()
    out.hidden(register)
    out.message(last)
    lines = sink.getvalue().decode().split("\n")
    assert lines[1:3] == ["UE is 192.0.2.11", "P-CSCF is 192.0.2.1"]
    assert "UE:6101 -> P-CSCF:5063" in lines[4]
