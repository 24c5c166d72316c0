"""The decoder as a whole, on captures of the demo and of others."""

from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from pcscf.decode.decoder import Keys
from pcscf.decode.engine import Engine
from pcscf.decode.input.capture import open_capture
from pcscf.decode.input.link import RAW
from pcscf.decode.input.merge import merged
from pcscf.decode.input.writer import PcapngWriter
from pcscf.decode.keys.key_files import secrets_text
from pcscf.decode.keys.sas import MAX_UNKNOWN
from pcscf.decode.model import NO_IP, Fault, Frame, Packet, SipMessage
from pcscf.decode.output.esp_sa import EspSa
from pcscf.errors import KeyFileError
from tests.decode.wires import ESP as ESP_PROTOCOL
from tests.decode.wires import esp, ipv4
from tests.decode.wireshark import run
from xfrm.keylog import SECRETS_TYPE

CAPTURES = Path(__file__).parent.parent / "captures"
GM, CORE = CAPTURES / "demo/gm.pcap", CAPTURES / "demo/core.pcap"
ON_GM, ON_CORE, ESP = 48, 48, 69  # messages and packets, as tshark counts them below
UE1 = "192.0.2.10"  # the one with NULL encryption


def decoded(*paths: Path, keys: Keys | None = None) -> tuple[Engine, list[SipMessage]]:
    engine = Engine(keys)
    return engine, fed(engine, *paths)


def fed(engine: Engine, *paths: Path) -> list[SipMessage]:
    found = []
    with ExitStack() as stack:
        captures = [stack.enter_context(open_capture(str(path))) for path in paths]
        for frame in merged(captures, engine.add_secrets):
            found += engine.feed(frame)
    return found + engine.finish()


@pytest.fixture(scope="module")
def both() -> tuple[Engine, list[SipMessage]]:
    return decoded(GM, CORE)


@pytest.fixture
def esp_sa(both: tuple[Engine, list[SipMessage]], tmp_path: Path) -> Path:
    """What Wireshark needs to read the same."""
    path = tmp_path / "esp_sa"
    with path.open("wb") as file:
        output = EspSa(file)
        for sa in both[0].sas:
            output.sa(sa, "")
    return path


def on_gm(messages: list[SipMessage]) -> list[tuple[str, bytes]]:
    return [(str(one.src), one.data) for one in messages if is_on_gm(one)]


def is_on_gm(message: SipMessage) -> bool:
    return message.src.host.startswith("192.0.2.")


def test_keys_of_the_core_side_open_all_of_gm(both: tuple[Engine, list[SipMessage]]) -> None:
    engine, messages = both
    summary = engine.summary()
    assert (summary.esp, summary.read, summary.faults) == (ESP, ESP, Counter())
    assert (summary.messages, len(messages)) == (ON_GM + ON_CORE, ON_GM + ON_CORE)
    assert [one.time for one in messages] == sorted(one.time for one in messages)
    carried = [sa for sa in engine.sas if sa.packets]
    assert all(sa.origin.startswith("CK and IK of the 401 in frame ") for sa in carried)
    assert all(sa.checked and not sa.missing and not sa.faults for sa in carried)
    assert {sa.user for sa in carried} == {f"00101000000000{n}@home.example" for n in (1, 2)}
    protected = Counter(one.sa is not None for one in messages if is_on_gm(one))
    assert protected == {True: ON_GM - 4, False: 4}  # the first REGISTER of each, and its 401


def test_of_gm_alone_the_phone_with_null_is_read_and_said_to_be_unchecked(
    both: tuple[Engine, list[SipMessage]],
) -> None:
    engine, messages = decoded(GM)
    of_ue1 = [one for one in both[1] if UE1 in (one.src.host, one.dst.host)]
    mine = [one for one in messages if UE1 in (one.src.host, one.dst.host)]
    assert [one.data for one in mine] == [one.data for one in of_ue1]
    assert {sa.origin for one in mine if (sa := one.sa)} == {"NULL, ICV unchecked"}
    assert not any(sa.checked for one in mine if (sa := one.sa))
    summary = engine.summary()
    assert 0 < summary.read < summary.esp
    assert summary.faults.keys() == {Fault.UNKNOWN_SPI}


def test_tshark_finds_the_same_messages_in_the_same_frames(esp_sa: Path, tmp_path: Path) -> None:
    _, messages = decoded(GM, keys=Keys(files=(str(esp_sa),)))
    profile = tmp_path / "wireshark"
    profile.mkdir()
    (profile / "esp_sa").write_bytes(esp_sa.read_bytes())
    options = ["esp.enable_encryption_decode:TRUE", "esp.enable_authentication_check:TRUE"]
    options += ["tcp.reassemble_out_of_order:TRUE"]
    theirs = run(
        *("env", f"WIRESHARK_CONFIG_DIR={profile}", "tshark", "-n", "-r", str(GM), "-Y", "sip"),
        *(word for option in options for word in ("-o", option)),
        *("-T", "fields", "-e", "frame.number", "-e", "sip.Call-ID", "-e", "sip.CSeq"),
    )
    mine = "".join(
        f"{one.number}\t{one.parsed.get('call-id')}\t{one.parsed.get('cseq')}\n"
        for one in messages
        if one.parsed
    )
    assert mine == theirs
    assert mine.count("\n") == ON_GM


def test_what_wireshark_reads_opens_gm_here_too(
    both: tuple[Engine, list[SipMessage]], esp_sa: Path
) -> None:
    engine, messages = decoded(GM, keys=Keys(files=(str(esp_sa),)))
    assert engine.summary().read == ESP
    assert on_gm(messages) == on_gm(both[1])


def test_scapy_agrees_on_every_packet() -> None:
    engine, _ = decoded(GM, CORE, keys=Keys(verify=True))
    notes = engine.summary().notes
    assert notes == [f"scapy: {ESP} packets opened a second time, 0 differ, 0 could not be"]


@pytest.mark.parametrize("name", sorted(path.name for path in (CAPTURES / "public").glob("*.pcap")))
def test_public_captures_have_esp_in_them(name: str) -> None:
    engine, _ = decoded(CAPTURES / "public" / name)
    summary = engine.summary()
    assert summary.esp > 0
    assert summary.frames == summary.packets


def test_secrets_in_a_capture_open_it(
    both: tuple[Engine, list[SipMessage]], tmp_path: Path
) -> None:
    path = tmp_path / "with-secrets.pcapng"
    with path.open("wb") as file, open_capture(str(GM)) as capture:
        writer = PcapngWriter(file)
        writer.write_secrets(SECRETS_TYPE, secrets_text(both[0].sas))
        for frame in capture:
            writer.write_frame(frame)
    engine, messages = decoded(path)
    assert engine.summary().read == ESP
    assert on_gm(messages) == on_gm(both[1])
    assert {sa.origin for sa in engine.sas if sa.packets} == {"secrets block of the capture"}


def test_every_packet_is_handed_on_without_esp() -> None:
    engine, packets = Engine(), list[Packet]()
    engine.on_packet = packets.append
    fed(engine, GM, CORE)
    assert len(packets) == engine.summary().packets
    assert {packet.protocol for packet in packets} == {6, 17, 58}  # ICMPv6, of the link
    sealed, kept = Engine(), list[Packet]()
    sealed.on_packet = kept.append
    fed(sealed, GM)
    assert Counter(packet.protocol for packet in kept)[50] == sealed.summary().unread


def test_frames_of_nothing_are_counted_and_raise_nothing() -> None:
    engine = Engine()
    for number in range(3):
        assert engine.feed(Frame(number + 1, 7 + number, 1, b"\xff" * number)) == []
    summary = engine.summary()
    assert (summary.frames, summary.packets, summary.losses) == (3, 0, Counter({NO_IP: 3}))
    assert (summary.first_time, summary.last_time) == (7, 9)
    assert engine.finish() == []


def test_a_file_without_keys_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none").write_text("nothing\n")
    with pytest.raises(KeyFileError, match="neither"):
        Engine(Keys(files=(str(tmp_path / "none"),)))


def test_given_keys_fit_the_sas_of_one_registration(
    both: tuple[Engine, list[SipMessage]],
) -> None:
    """CK and IK as the core's 401 to the phone with AES has them."""
    sas = [sa for sa in both[0].sas if sa.packets and sa.keys and sa.keys.crypt]
    keys = sas[0].keys
    assert keys is not None
    engine, _ = decoded(GM, keys=Keys(ck=keys.crypt, ik=keys.auth[:16]))
    opened = [sa for sa in engine.sas if sa.origin == "--ck and --ik"]
    assert {sa.spi for sa in opened} == {sa.spi for sa in sas if sa.keys == keys}
    assert not any(sa.faults for sa in opened)


def test_packets_of_forgotten_sas_are_still_counted() -> None:
    engine, count = Engine(), MAX_UNKNOWN + 100
    for number in range(1, count + 1):
        packet = ipv4(esp(bytes(32), spi=number + 255), ESP_PROTOCOL)
        engine.feed(Frame(number, number * 10**10, RAW, packet))
    engine.finish()
    summary = engine.summary()
    assert (summary.esp, summary.unread, summary.read) == (count, count, 0)
    assert summary.losses["SAs that were too many"] == 100
