import base64
import io
import json
from typing import Any

import pytest

from pcscf.decode.model import Endpoint, Fault, Sa, SipMessage
from pcscf.decode.output import jsonl
from pcscf.decode.output.jsonl import Jsonl
from pcscf.decode.output.output import Output
from pcscf.decode.output.summary import Summary
from tests.decode.samples import CHALLENGE, CK, IK, KEYS, MESSAGE, PCSCF, START, UE, an_sa, seen


@pytest.fixture
def sink() -> io.BytesIO:
    return io.BytesIO()


def lines(sink: io.BytesIO) -> list[dict[str, Any]]:
    text = sink.getvalue()
    assert text.isascii()
    assert text.endswith(b"\n")
    return [json.loads(line) for line in text.splitlines()]


def test_a_message(sink: io.BytesIO) -> None:
    out: Output = Jsonl(sink)
    out.begin()
    out.message(seen(MESSAGE, sa=an_sa(0x1A2B)))
    assert lines(sink) == [
        {
            "type": "message",
            "time": 1_700_000_000.123456789,
            "src": "192.0.2.11:6101",
            "dst": "192.0.2.1:5063",
            "transport": "UDP",
            "spi": 0x1A2B,
            "start_line": "MESSAGE sip:bob@home.example SIP/2.0",
            "call_id": "text-1",
            "raw": base64.b64encode(MESSAGE).decode(),
        }
    ]
    assert b'"time": 1700000000.123456789,' in sink.getvalue()  # more digits than a float has


def test_the_way_of_each_message_is_its_own_however_many_there_are(
    sink: io.BytesIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl._Ways, "_ROOM", 2)
    out = Jsonl(sink)
    ways = [
        (UE, PCSCF, "UDP", 7),
        (UE, PCSCF, "TCP", 7),
        (PCSCF, UE, "UDP", 7),
        (UE, PCSCF, "UDP", 0),
    ]
    for src, dst, transport, spi in ways + ways:
        out.message(SipMessage(1, 5, src, dst, transport, an_sa(spi), MESSAGE))
        assert len(out._ways) <= 2
    told = [(line["src"], line["dst"], line["transport"], line["spi"]) for line in lines(sink)]
    assert told == [(str(src), str(dst), *others) for src, dst, *others in ways + ways]


def test_a_message_in_clear_that_is_not_well_formed(sink: io.BytesIO) -> None:
    data = b'OPTIONS \xff"\\\x1b SIP/2.0\nno call id'
    Jsonl(sink).message(SipMessage(1, 5, Endpoint("2001:db8::1", 1), PCSCF, "TCP", None, data))
    (line,) = lines(sink)
    assert (line["spi"], line["call_id"], line["time"]) == (None, None, 5e-9)
    assert line["src"] == "[2001:db8::1]:1"
    assert line["start_line"] == 'OPTIONS \N{REPLACEMENT CHARACTER}"\\\x1b SIP/2.0'
    assert base64.b64decode(line["raw"]) == data


def test_a_call_id_cannot_leave_its_quotes(sink: io.BytesIO) -> None:
    Jsonl(sink).message(seen(b'X a SIP/2.0\r\nCall-ID: "}\\\xe2\x80\xa8\r\n\r\n'))
    assert lines(sink)[0]["call_id"] == '"}\\\N{LINE SEPARATOR}'


def test_an_sa_with_what_was_counted(sink: io.BytesIO) -> None:
    sa = an_sa()
    sa.since, sa.missing = START, 1
    sa.faults.update({Fault.REPLAYED: 2, Fault.BAD_ICV: 1})
    Jsonl(sink).sa(sa, "some reason")
    assert lines(sink) == [
        {
            "type": "sa", "spi": 0x1A2B, "src": UE.host, "dst": PCSCF.host, "ports": [6101, 5063],
            "alg": "hmac-sha-1-96", "ealg": "aes-cbc", "icv_size": 12, "user": "alice@home",
            "keys_from": "CK and IK of the 401 in frame 2", "icv_checked": True,
            "since": 1_700_000_000.123457, "until": None,
            "packets": 3, "bytes": 900,
            "first_time": 1_700_000_000.123457, "last_time": 1_700_000_000.123457,
            "first_sequence": 1, "last_sequence": 3, "missing": 1, "replayed": 2, "bad_icv": 1,
            "unknown_spi": 0, "wrong_key": 0, "malformed": 0, "cut": 0, "selector": 0, "late": 0,
            "reason": "some reason",
        }
    ]  # fmt: skip


def test_an_sa_of_which_nothing_is_known_nor_seen(sink: io.BytesIO) -> None:
    Jsonl(sink, show_keys=True).sa(Sa(1, "192.0.2.1", "192.0.2.2"), "")
    (line,) = lines(sink)
    unknown = ("ports", "alg", "ealg", "user", "keys_from", "since", "first_time", "last_time")
    assert {line[name] for name in (*unknown, "first_sequence", "reason")} == {None}
    assert (line["packets"], line["bytes"]) == (0, 0)


def test_the_summary_is_the_last_line_and_has_the_version(sink: io.BytesIO) -> None:
    summary = Summary(frames=9, esp=4, messages=3, shown=2, notes=["FILE ends within frame 9"])
    summary.faults[Fault.CUT] = 1
    summary.losses["fragments"] = 2
    Jsonl(sink).end(summary)
    (line,) = lines(sink)
    assert (line["type"], line["schema"]) == ("summary", 1)
    assert (line["esp"], line["read"], line["unread"], line["cut"]) == (4, 3, 1, 1)
    assert (line["losses"], line["notes"]) == ({"fragments": 2}, ["FILE ends within frame 9"])
    assert (line["first_time"], line["stopped"], line["shown"]) == (None, False, 2)


def test_keys_are_shown_only_on_demand(sink: io.BytesIO) -> None:
    def written(*, show_keys: bool) -> str:
        sink.seek(0)
        sink.truncate()
        out = Jsonl(sink, show_keys=show_keys)
        out.message(seen(CHALLENGE))
        out.sa(an_sa(), "")
        raw = base64.b64decode(lines(sink)[0]["raw"]).decode()
        return raw + sink.getvalue().decode()

    hidden, shown = written(show_keys=False), written(show_keys=True)
    assert not [key for key in (CK, IK) if key in hidden]
    assert f'ck="{CK}", ik="{IK}"' in shown
    assert f'"auth_key": "{KEYS.auth.hex()}", "crypt_key": "{CK}"' in shown
