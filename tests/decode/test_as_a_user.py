"""``pcscf decode`` on captures as users have them: what is said, and the exit status."""

import base64
import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pcscf import cli
from tests.decode import files
from tests.decode.esp_packets import AKA, OTHER_AKA, PCSCF6, SECOND, UE6, Sender
from tests.decode.esp_packets import udp as datagram
from tests.decode.files import Stored
from tests.decode.registering import IMPI, NONCE, Registering
from tests.decode.scenes import downlink, in_clear, sealed, text, uplink
from tests.decode.wires import ESP, UDP, ethernet, gtp, ipv4, packed, tcp, udp
from tests.decode.wireshark import tshark
from tests.vectors import load
from xfrm.keylog import SECRETS_TYPE, LoggedSa, sa_line, set_line
from xfrm.model import AkaKeys, SaSet

Save = Callable[[str, bytes], Path]

MILENAGE = load("aka-digest")
CARD = MILENAGE["milenage"]
USIM_AKA = AkaKeys(*(bytes.fromhex(CARD[name]) for name in ("f3_ck", "f4_ik")))
DEMO = Path(__file__).parent.parent / "captures/demo"
GM, CORE = DEMO / "gm.pcap", DEMO / "core.pcap"
WRONG = "00" * 16


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def decode(*words: object, **more: Any) -> Result:
    result = CliRunner().invoke(
        cli.app, ["decode", *map(str, words)], env={"COLUMNS": "200"}, **more
    )
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


class Told:
    """What ``--format jsonl`` says."""

    def __init__(self, *words: object, **more: Any) -> None:
        result = decode(*words, "-f", "jsonl", **more)
        self.status = result.exit_code
        *lines, self.summary = [json.loads(line) for line in result.stdout.splitlines()]
        self.messages = [line for line in lines if line["type"] == "message"]
        self.sas = [line for line in lines if line["type"] == "sa" and line["packets"]]
        self.calls = [one["call_id"] for one in self.messages if one["spi"]]
        self.origins = {sa["keys_from"] for sa in self.sas}
        self.reasons = [sa["reason"] for sa in self.sas]


def registered(one: Registering, count: int = 5, *, core: bool = False) -> list[Stored]:
    """A registration on Gm, and messages both ways."""
    frames = [in_clear(one.sm1())]
    frames += [in_clear(one.sm5())] if core else []
    challenge = one.sm6()
    frames.append(in_clear(challenge))
    return frames + traffic(one, challenge.time, count)


def traffic(one: Registering, since: int, count: int = 5, first: int = 1) -> list[Stored]:
    frames = []
    for n in range(first, count + 1):
        for sender, name in ((uplink(one), "up"), (downlink(one), "down")):
            call = f"{one.call_id}-{name}-{n}"
            frames.append(sealed(sender.send(n, text(call)), since + n * SECOND // 10))
    return frames


ONE = Registering(nonce=MILENAGE["nonce"]["base64"], aka=USIM_AKA)
ON_GM = registered(ONE)
CALLS = [f"{ONE.call_id}-{name}-{n}" for n in range(1, 6) for name in ("up", "down")]
UP, DOWN = uplink(ONE), downlink(ONE)


@pytest.fixture
def gm(save: Save) -> Path:
    """The 401 on Gm alone."""
    return save("gm.pcap", files.pcap(ON_GM))


# -- input ---------------------------------------------------------------------------------------


def sections() -> bytes:
    """Interfaces of microseconds and nanoseconds, in a section of each byte order."""
    out = b""
    for sign, part in (("<", ON_GM[:5]), (">", ON_GM[5:])):
        out += files.section(sign) + files.interface(sign=sign)
        out += files.interface(sign=sign, resolution=9)
        for n, (time, frame, _) in enumerate(part):
            ticks = time if n % 2 else time // 1000
            out += files.enhanced(ticks, frame, sign, index=n % 2)
    return out


@pytest.mark.parametrize(
    "content",
    [
        files.pcap(ON_GM),
        files.pcap(ON_GM, sign=">", nanoseconds=True),
        gzip.compress(files.pcap(ON_GM)),
        sections(),
        gzip.compress(sections()),
    ],
    ids=["pcap", "big-endian", "gzip", "sections and interfaces", "of those gzip"],
)
def test_each_kind_of_file(save: Save, content: bytes) -> None:
    keys = ("--ck", USIM_AKA.ck.hex(), "--ik", USIM_AKA.ik.hex())
    path = save("capture", content)
    told = Told(path, *keys)
    assert (told.status, told.calls) == (0, CALLS)
    assert [one["time"] for one in told.messages] == [time / SECOND for time, _, _ in ON_GM]


ETHERNET, RAW, NULL, LOOP, SLL, SLL2 = 1, 101, 0, 108, 113, 276
S1U = ("10.1.0.1", "10.1.0.2")


def bare(stored: Stored) -> bytes:
    """The IP packet of an Ethernet frame."""
    return stored[1][14:]


def in_gtp(packet: bytes) -> bytes:
    return ethernet(ipv4(udp(gtp(packet, sequence=True), 2152, 2152), UDP, *S1U))


def in_udp(packet: bytes) -> bytes:
    """ESP behind a NAT (RFC 3948); SIP in clear goes as it is."""
    if packet[9] != ESP:
        return ethernet(packet)
    ends = ONE.ends if packet[12:16] == packed(ONE.ends[0]) else ONE.ends[::-1]
    return ethernet(ipv4(udp(packet[20:], 4500, 4500), UDP, *ends))


def ipv4_with_options(packet: bytes) -> bytes:
    ends = [".".join(map(str, packet[at : at + 4])) for at in (12, 16)]
    return ipv4(packet[20:], packet[9], *ends, options=b"\x94\x04\0\0")


WRAPPED: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "ethernet": (ETHERNET, ethernet),
    "vlan": (ETHERNET, lambda packet: ethernet(packet, (0x8100,))),
    "qinq": (ETHERNET, lambda packet: ethernet(packet, (0x88A8, 0x8100))),
    "cooked": (SLL, lambda packet: bytes(14) + b"\x08\x00" + packet),
    "cooked v2": (SLL2, lambda packet: b"\x08\x00" + bytes(18) + packet),
    "raw": (RAW, bytes),
    "bsd loopback": (NULL, lambda packet: b"\x02\0\0\0" + packet),
    "openbsd loopback": (LOOP, lambda packet: b"\0\0\0\x02" + packet),
    "gtp-u": (ETHERNET, in_gtp),
    "ip in ip": (ETHERNET, lambda packet: ethernet(ipv4(packet, 4, *S1U))),
    "esp in udp": (ETHERNET, in_udp),
    "options": (RAW, ipv4_with_options),
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_each_link_type_and_tunnel(save: Save, kind: str) -> None:
    link, wrap = WRAPPED[kind]
    frames = [(one[0], wrap(bare(one))) for one in ON_GM]
    path = save("a", files.pcap([(time, frame, len(frame)) for time, frame in frames], link))
    told = Told(path, "--keys", save("k", key_log(UP, DOWN)))
    assert (told.status, told.calls, told.summary["losses"]) == (0, CALLS, {})


def test_esp_in_fragments_and_fragments_in_esp(save: Save) -> None:
    """In tunnel mode a packet is cut before it is sealed, on the way afterwards (RFC 4301 7)."""
    long = datagram(text("long") + b" " * 2000, UP.ports, UP.ends)
    ends = UP.ends
    outside = UP.sealed(long, 1).payload
    frames = [(n, ethernet(one)) for n, one in enumerate(fragments(outside, ESP, ends))]
    for n, one in enumerate(fragments(long, UDP, ends), 2):
        packet = UP.sealed(one, n, next_header=4)
        frames.append((10 + n, ethernet(ipv4(packet.payload, ESP, *ends))))
    stored = [(time, frame, len(frame)) for time, frame in frames]
    told = Told(save("a", files.pcap(stored)), "--keys", save("k", key_log(UP)))
    assert (told.status, told.calls) == (0, ["long", "long"])


def test_ipv6(save: Save) -> None:
    one = replace(ONE, ends=(UE6, PCSCF6))
    senders = uplink(one), downlink(one)
    path = save("a", files.pcap(registered(one)))
    told = Told(path, "--keys", save("k", key_log(*senders)))
    assert (told.status, told.calls) == (0, CALLS)
    assert told.messages[2]["src"] == f"[{UE6}]:40001"
    assert len(Told(path, "--address", "2001:db8::/32").messages) == 2


def test_tcp_under_esp_out_of_order_twice_and_with_a_gap(save: Save) -> None:
    stream = text("first") + text("second") + text("third")
    lost, (src, dst) = len(text("first")) + 20, UP.ports
    segments = [(at, stream[at : at + 30]) for at in range(0, len(stream), 30)]
    segments[1:1] = [(10, stream[10:45])]  # what came before once more
    segments[3], segments[4] = segments[4], segments[3]
    kept = [one for one in segments if not one[0] <= lost < one[0] + len(one[1])]
    for sent, calls, gaps in ((segments, ["first", "second", "third"], 0), (kept, ["first"], 1)):
        sealed_ones = [
            sealed(UP.sealed(tcp(data, 7000 + at, src=src, dst=dst), n, next_header=6))
            for n, (at, data) in enumerate(sent, 1)
        ]
        told = Told(save("a", files.pcap(sealed_ones)), "--keys", save("k", key_log(UP)))
        assert (told.status, told.calls[: len(calls)]) == (0, calls)
        assert told.summary["losses"].get("gaps in streams", 0) == gaps
        assert "second" not in told.calls or not gaps


def fragments(payload: bytes, protocol: int, ends: tuple[str, str]) -> list[bytes]:
    parts = [(at, payload[at : at + 800]) for at in range(0, len(payload), 800)]
    return [
        ipv4(part, protocol, *ends, ident=9, offset=at, more=at + 800 < len(payload))
        for at, part in parts
    ]


# -- keys ----------------------------------------------------------------------------------------


def test_spis_used_again_decode_with_their_own_keys(save: Save) -> None:
    first = Registering()
    second = first.again(aka=OTHER_AKA, nonce=NONCE.replace("Z", "Y"), call_id="second")
    frames = [*registered(first, core=True), *registered(second, core=True)]
    told = Told(save("a", files.pcap(frames)))
    assert (told.status, len(told.calls)) == (0, 20)
    assert [(sa["spi"], sa["packets"], sa["keys_from"]) for sa in told.sas] == [
        (3002, 5, "CK and IK of the 401 in frame 2"),
        (2002, 5, "CK and IK of the 401 in frame 2"),
        (3002, 5, "CK and IK of the 401 in frame 15"),
        (2002, 5, "CK and IK of the 401 in frame 15"),
    ]
    assert {sa["user"] for sa in told.sas} == {IMPI}


@pytest.mark.parametrize("secret", ["op", "opc"])
@pytest.mark.parametrize("impi", [f'impi = "{IMPI}"\n', ""])
def test_with_a_card_the_401_on_gm_is_enough(gm: Path, save: Save, secret: str, impi: str) -> None:
    card = f'[[usim]]\n{impi}k = "{CARD["k"]}"\n{secret} = "{CARD[secret]}"\n'
    told = Told(gm, "--usim", save("card.toml", card.encode()))
    assert (told.status, told.calls) == (0, CALLS)
    assert told.origins == {f"USIM of {IMPI}, RAND in frame 2"}
    assert told.summary["notes"] == []


@pytest.mark.parametrize(
    ("impi", "note"),
    [
        (IMPI, f"wrong K, OP or OPc of {IMPI}: not that of the 401 in frame 2"),
        ("", "wrong K, OP or OPc: no card fits the 401 in frame 2, or another"),
        ("else", "wrong K, OP or OPc: no card fits the 401 in frame 2, or another"),
    ],
)
def test_a_wrong_k_is_told(gm: Path, save: Save, impi: str, note: str) -> None:
    card = f'[[usim]]\nimpi = "{impi}"\nk = "{WRONG}"\nopc = "{CARD["opc"]}"\n'
    told = Told(gm, "--usim", save("card.toml", card.encode()))
    assert (told.status, told.summary["notes"]) == (1, [note])
    assert f"{note}." in decode(gm, "--usim", save("card.toml", card.encode())).stdout


def test_given_ck_and_ik(gm: Path) -> None:
    right = Told(gm, "--ck", "0x" + USIM_AKA.ck.hex().upper(), "--ik", USIM_AKA.ik.hex())
    assert (right.status, right.calls, right.origins) == (0, CALLS, {"--ck and --ik"})
    wrong = Told(gm, "--ck", WRONG, "--ik", WRONG)
    assert (wrong.status, wrong.calls, wrong.summary["wrong_key"]) == (1, [], 10)
    said = "wrong key: 5 packets without a good ICV, none with one; keys: --ck and --ik"
    assert wrong.reasons == [said] * 2


def esp_sa(*senders: Sender) -> bytes:
    lines = [
        f'"IPv4","{one.ends[0]}","{one.ends[1]}","0x{one.spi:08x}","AES-CBC [RFC3602]",'
        f'"0x{one.keys.crypt.hex()}","HMAC-SHA-1-96 [RFC2404]","0x{one.keys.auth.hex()}"\n'
        for one in senders
    ]
    return "".join(lines).encode()


def xfrm_state(*senders: Sender) -> bytes:
    blocks = [
        f"src {one.ends[0]} dst {one.ends[1]}\n"
        f"\tproto esp spi 0x{one.spi:08x} reqid 7 mode transport\n\treplay-window 32 \n"
        f"\tauth-trunc hmac(sha1) 0x{one.keys.auth.hex()} 96\n"
        f"\tenc cbc(aes) 0x{one.keys.crypt.hex()}\n"
        "\tanti-replay context: seq 0x0, oseq 0x0, bitmap 0x00000000\n"
        for one in senders
    ]
    return "".join(blocks).encode()


def key_log(*senders: Sender) -> bytes:
    lines = [
        sa_line(LoggedSa(None, *one.ends, one.suite, one.spi, None, one.keys)) for one in senders
    ]
    return "".join(lines).encode()


def secrets(*senders: Sender) -> bytes:
    return files.section() + files.secrets(SECRETS_TYPE, key_log(*senders))


KINDS = [esp_sa, xfrm_state, key_log, secrets]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_key_file(gm: Path, save: Save, kind: Callable[..., bytes]) -> None:
    path = save("keys", kind(UP, DOWN))
    told = Told(gm, "--keys", path)
    assert (told.status, told.calls, told.origins) == (0, CALLS, {f"{path}"})


@pytest.mark.parametrize("kind", KINDS)
def test_keys_of_a_file_are_no_second_sa_beside_the_one_that_was_agreed(
    gm: Path, save: Save, kind: Callable[..., bytes]
) -> None:
    out = decode(gm, "--keys", save("keys", kind(UP, DOWN)), "-f", "jsonl").stdout
    sas = [one for one in map(json.loads, out.splitlines()) if one["type"] == "sa"]
    assert len(sas) == 4
    assert {sa["user"] for sa in sas} == {IMPI}


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
def test_several_key_files(
    gm: Path, save: Save, first: Callable[..., bytes], second: Callable[..., bytes]
) -> None:
    one, other = save("one", first(UP)), save("other", second(DOWN))
    told = Told(gm, "--keys", one, "--keys", other)
    assert (told.status, told.calls) == (0, CALLS)
    assert told.origins == {f"{one}", f"{other}"}


def test_the_key_log_of_the_pcscf(gm: Path, save: Save) -> None:
    """With a time, which is another than that of the challenge."""
    spis = (*ONE.ue[:2], *ONE.pcscf[:2])
    ports = (*ONE.ue[2:], *ONE.pcscf[2:])
    sas = SaSet(*ONE.ends, UP.suite, *spis, *ports)
    path = save("keys", set_line(ON_GM[1][0] + SECOND // 100, sas, USIM_AKA).encode())
    told = Told(gm, "--keys", path)
    assert (told.status, told.calls, told.origins) == (0, CALLS, {f"{path}"})


def test_keys_within_the_capture(save: Save) -> None:
    blocks = b"".join(files.enhanced(time, frame) for time, frame, _ in ON_GM)
    told = Told(save("a", secrets(UP, DOWN) + files.interface(resolution=9) + blocks))
    assert (told.status, told.calls) == (0, CALLS)
    assert told.origins == {"secrets block of the capture"}


def test_a_wrong_key_of_a_file_is_told_with_its_name(gm: Path, save: Save) -> None:
    path = save("keys", key_log(uplink(ONE, aka=OTHER_AKA), DOWN))
    told = Told(gm, "--keys", path)
    assert (told.status, told.summary["wrong_key"], told.summary["read"]) == (1, 5, 5)
    assert told.reasons == [
        f"wrong key: 5 packets without a good ICV, none with one; keys: {path}", None,
    ]  # fmt: skip


def test_a_401_that_belongs_to_no_sa_makes_no_wrong_key(save: Save) -> None:
    stranger = Sender(aka=OTHER_AKA, spi=77)
    frames = [in_clear(Registering().sm5()), sealed(stranger.send(1), 30 * SECOND)]
    told = Told(save("a", files.pcap(frames)))
    assert (told.status, told.summary["unknown_spi"]) == (1, 1)
    assert told.reasons == [
        (
            "unknown SPI: its registration is not in the capture, or in ESP that was not read; "
            "give --keys"
        )
    ]


# -- reasons in words ----------------------------------------------------------------------------

CLEAR, SEALED = ON_GM[:2], ON_GM[2:]


def hurt(stored: Stored) -> Stored:
    time, frame, size = stored
    return time, frame[:60] + bytes([frame[60] ^ 1]) + frame[61:], size


def test_a_damaged_packet_is_told_apart_from_a_wrong_key(save: Save) -> None:
    frames = [*CLEAR, *SEALED[:4], hurt(SEALED[4]), *SEALED[5:]]
    told = Told(save("a", files.pcap(frames)), "--keys", save("keys", key_log(UP, DOWN)))
    assert (told.status, told.summary["bad_icv"], told.summary["wrong_key"]) == (1, 1, 0)
    assert told.reasons == ["1 packet damaged on the way, or forged: others are good", None]
    assert told.calls == CALLS[:4] + CALLS[5:]


def test_started_in_mid_session(save: Save) -> None:
    path = save("a", files.pcap(SEALED[4:]))
    began = "started in mid-session: the first packet is number 3"
    assert Told(path).reasons == [f"{began}, the registration was before; give --keys"] * 2
    told = Told(path, "--keys", save("keys", key_log(UP, DOWN)))
    assert (told.status, told.reasons) == (0, [began] * 2)


def test_other_ports_than_agreed(save: Save) -> None:
    odd = uplink(ONE)
    odd.ports = (5555, 6100)
    path = save("a", files.pcap([*CLEAR, sealed(odd.send(1, text("odd")), SEALED[0][0])]))
    told = Told(path, "--ck", USIM_AKA.ck.hex(), "--ik", USIM_AKA.ik.hex())
    assert (told.status, told.calls, told.summary["selector"]) == (0, ["odd"], 1)
    ports = "40001 to 6100, which were agreed"
    said = f"selector: 1 packet between other ports or addresses than {ports}"
    assert told.reasons == [said]


def test_an_sa_replaced_by_one_that_only_gm_tells_of(save: Save) -> None:
    first = Registering()
    second = first.again(aka=OTHER_AKA, nonce=NONCE.replace("Z", "Y"), call_id="second")
    frames = [*registered(first, core=True), *registered(second)]
    told = Told(save("a", files.pcap(frames)))
    assert (told.status, len(told.calls), told.summary["unknown_spi"]) == (1, 10, 10)
    said = "SA expired or replaced: the keys known for this SPI are those of an earlier one"
    assert told.reasons == [None, None, said, said]


def test_an_sa_replaced_by_one_that_nothing_tells_of(save: Save) -> None:
    first = Registering()
    second = first.again(aka=OTHER_AKA)
    frames = [*registered(first, core=True), *traffic(second, 200 * SECOND)]
    damage = [*frames[:5], hurt(frames[5]), *frames[6:]]
    for captured, more in (
        (frames, ""),
        (damage, "; 1 packet damaged on the way, or forged: others are good"),
    ):
        told = Told(save("a", files.pcap(captured)))
        assert told.status == 1
        assert told.reasons[0] == (
            "SA expired or replaced: the last 5 packets have no good ICV, those before have; "
            f"their SA's keys are not known{more}"
        )


def test_keys_that_are_not_in_the_capture(gm: Path) -> None:
    told = Told(gm)
    assert (told.status, told.summary["unknown_spi"]) == (1, 10)
    assert all(reason.startswith("keys not in the capture: ") for reason in told.reasons)


def test_packets_seen_twice_and_never(save: Save) -> None:
    frames = [*CLEAR, *SEALED[:2], SEALED[0], *SEALED[6:]]
    told = Told(save("a", files.pcap(frames)), "--keys", save("keys", key_log(UP, DOWN)))
    (up, down) = told.sas
    assert (up["replayed"], up["missing"], up["first_sequence"], up["last_sequence"]) == (
        1,
        2,
        1,
        5,
    )
    assert (down["replayed"], down["missing"]) == (0, 2)
    assert up["reason"] == (
        "1 packet seen before: captured twice, or replayed; "
        "2 packets missing: lost on the way, or by the capture"
    )
    assert told.status == 0


# -- keys are hidden -----------------------------------------------------------------------------


def spellings(key: bytes) -> list[bytes]:
    digits = key.hex().encode()
    return [key, digits, digits.upper(), base64.b64encode(key).rstrip(b"=")]


def inside(form: str, out: bytes) -> bytes:
    """All that can be found in an output: with what is in base64 within it."""
    if form != "jsonl":
        return out
    lines = map(json.loads, out.splitlines())
    return out + b"".join(base64.b64decode(line.get("raw", "")) for line in lines)


@pytest.mark.parametrize("form", ["ladder", "jsonl", "html"])
def test_keys_appear_only_on_demand(save: Save, form: str) -> None:
    one = Registering()
    path = save("a", files.pcap(registered(one, core=True)))
    keys = uplink(one).keys
    derived = [AKA.ck, AKA.ik, keys.auth, keys.crypt]
    words = (path, "-v", "-f", form)
    hidden = decode(*words)
    assert hidden.exit_code == 0
    out = inside(form, hidden.stdout_bytes) + hidden.stderr_bytes
    assert b"ck" in out  # it is shown that there is one
    for key in derived:
        assert not [one for one in spellings(key) if one in out]
    shown = inside(form, decode(*words, "--show-keys").stdout_bytes)
    assert all(key.hex().encode() in shown for key in derived)


@pytest.mark.parametrize("form", ["ladder", "jsonl", "html"])
def test_keys_where_nobody_expects_them_are_hidden(save: Save, form: str) -> None:
    """Not in what is told of a message beside itself: title, headings, notes, Call-ID."""
    key = AKA.ck.hex()
    odd = (
        f"REGISTER sip:a;ck={key} SIP/2.0\r\nCall-ID: ik={key}\r\nCSeq: 1 REGISTER\r\n"
        f'From: <sip:b;ik={key}>;tag=1\r\nTo: <sip:b>\r\nReason: x;CK = "{key}"\r\n'
        f"Event: ik={key}\r\nVia: SIP/2.0/UDP a;ck={key}\r\nContent-Length: 0\r\n\r\n"
    )
    message = replace(Registering().sm1(), data=odd.encode())
    result = decode(save("a", files.pcap([in_clear(message)])), "-f", form)
    assert "REGISTER" in result.stdout
    assert key not in result.stdout


def test_keys_that_were_given_are_hidden_too(gm: Path, save: Save) -> None:
    card = f'[[usim]]\nk = "{CARD["k"]}"\nopc = "{CARD["opc"]}"\n'.encode()
    given = [*("--usim", save("c", card), "--keys", save("k", key_log(UP, DOWN)), "--verify")]
    given += ["--ck", USIM_AKA.ck.hex(), "--ik", USIM_AKA.ik.hex()]
    secret = [USIM_AKA.ck, USIM_AKA.ik, bytes.fromhex(CARD["k"]), bytes.fromhex(CARD["opc"])]
    for form in ("ladder", "jsonl", "html"):
        result = decode(gm, "-v", "-f", form, *given)
        assert result.exit_code == 0
        out = inside(form, result.stdout_bytes) + result.stderr_bytes
        assert not [one for key in secret for one in spellings(key) if one in out]


# -- filters -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["--call-id", CALLS[3]], 1),
        (["--call-id", CALLS[3], "--call-id", CALLS[4]], 2),
        (["--method", "REGISTER"], 2),
        (["--method", "message", "--spi", "3002"], 5),
        (["--spi", "0x00000bba", "--spi", "2002"], 10),
        (["--user", "001010123456789"], 11),  # by the SA
        (["--user", "ALICE@"], 1),
        (["--address", "192.0.2.10"], 12),
        (["--address", "192.0.2.11"], 0),
        (["--from", "1.25", "--to", "1.4"], 4),
        (["--to", "1970-01-01T00:00:12Z"], 2),
        (["--call-id", CALLS[3], "--spi", "3002"], 0),
    ],
)
def test_filters_choose_what_is_shown_and_not_what_is_counted(
    gm: Path, save: Save, words: list[str], count: int
) -> None:
    told = Told(gm, "--keys", save("k", key_log(UP, DOWN)), *words)
    assert (told.status, len(told.messages), told.summary["shown"]) == (0, count, count)
    assert (told.summary["messages"], told.summary["esp"]) == (12, 10)


def test_a_time_read_off_the_ladder_can_be_given_back(save: Save) -> None:
    """Seconds count from the capture's first message, whatever is shown of it."""
    earlier = [(0, ethernet(ipv4(udp(b"no SIP"))), 60)]
    capture = save("late.pcap", files.pcap(earlier + ON_GM))

    def rungs(*words: str) -> list[str]:
        lines = decode(capture, *words).stdout.splitlines()
        return [" ".join(line.split()) for line in lines if " UDP " in line]

    everything = rungs()
    time = everything[1].split()[0]
    assert float(time) > 0
    assert rungs("--from", time) == everything[1:]


# -- other forms ---------------------------------------------------------------------------------


def test_the_decrypted_copy_has_the_times_and_opens_in_wireshark(tmp_path: Path) -> None:
    copy = tmp_path / "copy.pcapng"
    assert decode(GM, CORE, "-f", "pcapng", "-o", copy).exit_code == 0
    mine = [(f"{one['time']:.6f}", one["call_id"]) for one in Told(GM, CORE).messages]
    rows = tshark(copy, "frame.time_epoch", "sip.Call-ID", only="sip")
    theirs = [(f"{float(time):.6f}", call) for time, call in rows]
    assert theirs == mine
    assert Told(copy).summary["messages"] == len(mine)  # and here
    bad = tshark(copy, "frame.number", only="ip.checksum_bad.expert or _ws.malformed or esp")
    assert bad == []


def test_the_original_with_its_secrets_decodes_alone(tmp_path: Path) -> None:
    copy = tmp_path / "copy.pcapng"
    assert decode(GM, CORE, "-f", "pcapng", "--secrets", "-o", copy).exit_code == 0
    assert copy.stat().st_mode & 0o077 == 0
    gm_alone = Told(copy, "--address", "192.0.2.0/24")
    assert (gm_alone.status, gm_alone.summary["unread"]) == (0, 0)
    assert gm_alone.origins == {"secrets block of the capture"}
    frames = tshark(copy, "frame.time_epoch", "frame.len")
    assert frames == sorted(
        tshark(GM, "frame.time_epoch", "frame.len") + tshark(CORE, "frame.time_epoch", "frame.len"),
        key=lambda row: row[0],
    )


def test_the_table_for_wireshark_serves_as_keys(tmp_path: Path) -> None:
    table = tmp_path / "esp_sa"
    assert decode(GM, CORE, "-f", "esp_sa", "-o", table).exit_code == 0
    told = Told(GM, "--keys", table)
    assert (told.status, told.summary["unread"], told.origins) == (0, 0, {f"{table}"})


# -- the end -------------------------------------------------------------------------------------


def test_a_capture_without_esp_is_status_0(save: Save) -> None:
    assert decode(save("a", files.pcap(CLEAR))).exit_code == 0
    assert decode(save("a", files.pcap([]))).exit_code == 0


@pytest.mark.parametrize("cut", [1, 10, 200])
def test_a_truncated_file_is_read_up_to_where_it_breaks(gm: Path, save: Save, cut: int) -> None:
    whole = gm.read_bytes()
    told = Told(save("a", whole[:-cut]), "--keys", save("k", key_log(UP, DOWN)))
    assert told.status == 0
    frames = told.summary["frames"]
    assert told.summary["notes"] == [f"truncated after frame {frames}"]
    assert told.calls == CALLS[: frames - 2]


@pytest.mark.parametrize(
    "content", [b"", b"text", b"\x1f\x8b", b"\x0a\x0d\x0d\x0a", b"\xd4\xc3\xb2"]
)
def test_an_unusable_file_is_one_line_and_status_2(save: Save, content: bytes) -> None:
    path = save("a", content)
    result = decode(path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"{path}: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("option", ["--keys", "--usim"])
def test_unusable_keys_are_one_line_and_status_2(gm: Path, tmp_path: Path, option: str) -> None:
    for name, content in (("none", None), ("two\nlines", None), ("text", b"text"), ("empty", b"")):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        result = decode(gm, option, path)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.count("\n") == 1


def test_output_that_cannot_be_written_is_one_line_and_status_2(gm: Path, tmp_path: Path) -> None:
    result = decode(gm, "-o", tmp_path / "none" / "file")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
