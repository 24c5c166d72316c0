"""The listings of iproute2, as real ones and with what it prints for each algorithm."""

from pathlib import Path

import pytest

from pcscf.decode.keys.xfrm_state import is_xfrm_state, read_xfrm_state
from tests.decode.esp_packets import AES_CBC, AKA, GCM
from xfrm.algorithms import SUITES, EspKeys, Suite

REAL = (Path(__file__).parents[2] / "netns" / "data" / "ip-xfrm-state.txt").read_text()
KEY = bytes(range(1, 21))


def listing(suite: Suite, details: bool = False) -> str:
    keys = suite.keys(AKA)

    def bits(key: bytes) -> str:
        return f" ({8 * len(key)} bits)" if details else ""

    lines = [
        "src 192.0.2.10 dst 192.0.2.1",
        "\tproto esp spi 0xce0a6a0a" + ("(3456789002)" if details else "")
        + " reqid 5060 mode transport",
        "\treplay-window 0 ",
    ]  # fmt: skip
    if suite.auth:
        auth = keys.auth
        lines.append(f"\tauth-trunc {suite.auth.kernel} 0x{auth.hex()}{bits(auth)} 96")
        crypt = f" 0x{keys.crypt.hex()}{bits(keys.crypt)}" if keys.crypt else ""
        lines.append(f"\tenc {suite.crypt.kernel}{crypt}")
    else:
        lines.append(f"\taead {suite.crypt.kernel} 0x{keys.crypt.hex()}{bits(keys.crypt)} 128")
    lines += [
        "\tencap type espinudp sport 4500 dport 61004 addr 0.0.0.0",
        "\tanti-replay esn context:",
        "\t seq-hi 0x0, seq 0x7, oseq-hi 0x0, oseq 0x0",
        "\t replay_window 64, bitmap-length 2",
        "\t 00000000 0000007f ",
        "\tsel src 192.0.2.10/32 dst 192.0.2.1/32 sport 40001 dport 6100 ",
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("details", [False, True], ids=["", "-d"])
@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_every_algorithm(suite, details) -> None:
    text = listing(suite, details)
    assert is_xfrm_state(text)
    found = read_xfrm_state(text * 2, "a file")
    assert found.notes == []
    for sa in found.sas:
        assert (sa.spi, sa.src, sa.dst) == (0xCE0A6A0A, "192.0.2.10", "192.0.2.1")
        assert (sa.suite, sa.keys, sa.ports) == (suite, suite.keys(AKA), None)
        assert (sa.origin, sa.since, sa.checked) == ("a file", None, True)
    assert len(found.sas) == 2


def test_a_listing_of_the_real_program() -> None:
    assert is_xfrm_state(REAL)
    found = read_xfrm_state(REAL, "f")
    told = [(sa.spi, sa.src, sa.suite, sa.keys, sa.ports) for sa in found.sas[:2]]
    assert told == [
        (0x1002, "2001:db8::1", GCM, EspKeys(b"", KEY), None),
        (0x1001, "192.0.2.1", AES_CBC, EspKeys(KEY, KEY[:16]), None),
    ]


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ("cbc(aes)", "ctr(aes)", "'ctr(aes)' is not supported"),
        ("hmac(sha1)", "hmac(sha256)", "'hmac(sha256)' 96 is not supported"),
        (" 96\n", " 128\n", "'hmac(sha1)' 128 is not supported"),
        ("enc cbc(aes)", "comp deflate", "no algorithms"),
        (f" 0x{AES_CBC.keys(AKA).auth.hex()}", " <<Keys hidden>>", "no keys: they are hidden"),
        ("replay-window 0", "replay-window 0 seq 0x00000000 flag esn", "extended sequence"),
        (AKA.ck.hex(), AKA.ck.hex()[2:], "has not the right size"),
        (AKA.ck.hex(), AKA.ck.hex()[1:], "non-hexadecimal"),
        ("src 192.0.2.10 ", "src phone ", "does not appear to be"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line_without_keys(old, new, note) -> None:
    text = listing(AES_CBC)
    assert old in text
    found = read_xfrm_state(text.replace(old, new, 1), "f")
    assert found.sas == []
    (line,) = found.notes
    assert line.startswith("f: SPI 0xce0a6a0a: ")
    assert note in line
    assert AKA.ik.hex() not in line


def test_other_protocols_are_passed_over() -> None:
    found = read_xfrm_state(listing(AES_CBC).replace("proto esp", "proto ah"), "f")
    assert (found.sas, found.notes) == ([], [])


@pytest.mark.parametrize("text", ["", "src a dst b", "GM_SAS", '"IPv4","a"'])
def test_other_texts_are_none(text) -> None:
    assert not is_xfrm_state(text)
