"""The command with a decoder of the tests; tests/netns has it with ours."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pcscf import cli
from pcscf.decode.command import command
from pcscf.decode.decoder import Keys
from pcscf.errors import CaptureError, KeyFileError
from tests.decode.fake_decoder import FakeDecoder, write_pcap
from tests.decode.samples import CHALLENGE, CK, IK, MESSAGE, OK, REGISTER, UE
from xfrm.keylog import SECRETS_TYPE

Call = Callable[..., Result]


@pytest.fixture
def decoders(monkeypatch: pytest.MonkeyPatch) -> list[FakeDecoder]:
    """Those that the command has made."""
    made: list[FakeDecoder] = []

    def make(keys: Keys) -> FakeDecoder:
        made.append(FakeDecoder(keys))
        return made[-1]

    monkeypatch.setattr(command, "Engine", make)
    return made


@pytest.fixture
def call(decoders: list[FakeDecoder]) -> Call:
    return lambda *words, **more: CliRunner().invoke(
        cli.app, ["decode", *map(str, words)], env={"COLUMNS": "200"}, **more
    )


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return write_pcap(tmp_path / "gm.pcap", [(1, REGISTER), (2, CHALLENGE), (3, MESSAGE), (4, OK)])


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_ladder_without_colours_where_there_is_no_terminal(call: Call, capture: Path) -> None:
    result = call(capture)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "\x1b" not in result.stdout
    assert "401 Unauthorized (REGISTER)" in result.stdout
    assert "3 ESP packets, all read." in result.stdout
    assert "Digest" not in result.stdout
    assert 'ck="xxxx' in call(capture, "-v").stdout


def test_jsonl(call: Call, capture: Path) -> None:
    told = lines(call(capture, "--format", "jsonl"))
    assert [one["type"] for one in told] == ["message"] * 4 + ["sa", "summary"]
    assert (told[-1]["messages"], told[-1]["shown"], told[-1]["stopped"]) == (4, 4, False)


def test_html_and_its_summary_on_stderr(call: Call, capture: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    result = call(capture, "-f", "html", "-o", page, "--name", f"{UE.host}=Alice's phone")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "3 ESP packets, all read." in result.stderr
    assert "<title>gm.pcap</title>" in page.read_text()
    assert "Alice's phone" in page.read_text()


def test_keys_only_on_demand(call: Call, capture: Path) -> None:
    for form in ("ladder", "jsonl", "html"):
        hidden = call(capture, "-v", "--format", form).stdout
        shown = call(capture, "-v", "--format", form, "--show-keys").stdout
        assert not [key for key in (CK, IK) if key in hidden]
        assert CK in shown


def test_esp_sa_is_for_its_owner(call: Call, capture: Path, tmp_path: Path) -> None:
    table = tmp_path / "esp_sa"
    assert call(capture, "-f", "esp_sa", "-o", table).exit_code == 0
    assert CK in table.read_text()
    assert table.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("words", "starts"),
    [
        (["--call-id", "text-1"], ["MESSAGE"]),
        (["--method", "register", "--from", "1", "--to", "2"], ["SIP/2.0 401"]),
        (["--spi", "0x1a2b"], ["REGISTER", "MESSAGE"]),
        (["--address", "10.0.0.0/8"], []),
        (["--user", "bob"], ["MESSAGE"]),
        (["--from", "1970-01-01T00:00:04Z"], ["SIP/2.0 200"]),
    ],
)
def test_filters(call: Call, capture: Path, words: list[str], starts: list[str]) -> None:
    told = lines(call(capture, "-f", "jsonl", *words))
    found = [one["start_line"] for one in told if one["type"] == "message"]
    assert len(found) == len(starts)
    assert all(line.startswith(start) for line, start in zip(found, starts, strict=True))


def test_what_is_given_to_the_decoder(
    call: Call, capture: Path, decoders: list[FakeDecoder]
) -> None:
    call(capture, "--keys", "a", "--keys", "b", "--usim", "c", "--ck", CK, "--ik", IK, "--verify")
    assert decoders[0].keys == Keys(("a", "b"), "c", bytes.fromhex(CK), bytes.fromhex(IK), True)


def test_several_captures_are_one(call: Call, tmp_path: Path) -> None:
    gm = write_pcap(tmp_path / "gm", [(1, REGISTER), (3, OK)], cut=2)
    core = write_pcap(tmp_path / "core", [(2, CHALLENGE)])
    *messages, _, summary = lines(call(gm, core, "-f", "jsonl"))
    assert [one["start_line"][:11] for one in messages] == ["REGISTER si", "SIP/2.0 401"]
    assert summary["notes"] == [f"{gm}: truncated after frame 1"]


def test_a_truncated_capture_is_read_as_far_as_it_goes(call: Call, tmp_path: Path) -> None:
    cut = write_pcap(tmp_path / "a", [(1, REGISTER), (3, OK)], cut=2)
    result = call(cut)
    assert result.exit_code == 0
    assert "truncated after frame 1." in result.stdout


def test_some_esp_that_was_not_read_is_status_1(
    call: Call, capture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = FakeDecoder()
    decoder.unread = 1
    monkeypatch.setattr(command, "Engine", lambda keys: decoder)
    result = call(capture)
    assert result.exit_code == 1
    assert "3 ESP packets, 1 of them not read: 1 bad ICV." in result.stdout


def test_an_input_that_cannot_be_used_is_one_line_and_status_2(call: Call, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no capture")
    for path in (tmp_path / "none", tmp_path / "text", tmp_path):
        result = call(path)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith(f"{path}: ")
        assert result.stderr.count("\n") == 1


def test_keys_that_cannot_be_used_are_one_line_and_status_2(
    call: Call, capture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(keys: Keys) -> FakeDecoder:
        raise KeyFileError("state.txt: no keys in it")

    monkeypatch.setattr(command, "Engine", refuse)
    result = call(capture)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", "state.txt: no keys in it\n")


def test_an_interface_without_the_right_to_it(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(interface: str) -> None:
        raise CaptureError(f"{interface}: needs CAP_NET_RAW")

    monkeypatch.setattr(command, "open_live", refuse)
    result = call("-i", "eth0")
    assert (result.exit_code, result.stderr) == (2, "eth0: needs CAP_NET_RAW\n")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "give capture files"),
        (["FILE", "-i", "lo"], "give capture files"),
        (["-", "-"], "one standard input"),
        (["FILE", "--ck", CK], "--ck and --ik go together"),
        (["FILE", "--ck", CK[1:], "--ik", IK], "a key has 32 hexadecimal digits"),
        (["FILE", "--spi", "x"], "'--spi'"),
        (["FILE", "--from", "noon"], "'--from'"),
        (["FILE", "--address", "1.2.3"], "'--address'"),
        (["FILE", "--name", "x"], "ADDRESS=NAME"),
        (["FILE", "--format", "xml"], "'xml' is not one of"),
        (["FILE", "--secrets"], "--secrets is for --format pcapng"),
        (["-", "--secrets", "-f", "pcapng"], "they are read twice"),
        (["FILE", "-f", "pcapng", "--method", "BYE"], "filters choose messages"),
        (["FILE", "-o", "FILE"], "is what is to be decoded"),
    ],
)
def test_what_makes_no_sense_is_status_2(
    call: Call, capture: Path, words: list[str], reason: str
) -> None:
    result = call(*(str(capture) if word == "FILE" else word for word in words))
    assert result.exit_code == 2
    assert reason in result.stderr
    assert CK[1:] not in result.stderr


class NotingWriter:
    def __init__(self, told: list[object]) -> None:
        self.told = told

    def write_frame(self, frame: Any) -> None:
        self.told.append(frame.data)

    def write_packet(self, packet: Any) -> None:
        self.told.append(packet.payload)

    def write_secrets(self, kind: int, data: bytes) -> None:
        self.told.append((kind == SECRETS_TYPE, b" 6699 " in data))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    told: list[object] = []
    monkeypatch.setattr(command, "PcapngWriter", lambda sink: NotingWriter(told))
    return told


def test_pcapng_is_the_packets(call: Call, capture: Path, written: list[object]) -> None:
    assert call(capture, "-f", "pcapng").exit_code == 0
    assert written == [REGISTER, CHALLENGE, MESSAGE, OK]


def test_with_secrets_it_is_the_frames_with_the_keys_in_front(
    call: Call, capture: Path, written: list[object]
) -> None:
    assert call(capture, "-f", "pcapng", "--secrets").exit_code == 0
    assert written == [(True, True), REGISTER, CHALLENGE, MESSAGE, OK]


# In a process of its own

PROGRAM = """
import sys
from pcscf import cli
from pcscf.decode.command import command
from tests.decode.fake_decoder import decoder_of
command.Engine = decoder_of
sys.argv = ["pcscf", "decode", *sys.argv[1:]]
cli.main()
"""


def started(*words: object, **options: Any) -> subprocess.Popen[bytes]:
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, words)],
        env=buffered, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )  # fmt: skip


def test_whoever_has_read_enough_may_go(tmp_path: Path) -> None:
    path = write_pcap(tmp_path / "a", [(1, MESSAGE)] * 5000)
    process = started(path, "-f", "jsonl")
    assert process.stdout
    assert process.stdout.readline().startswith(b'{"type": "message"')
    process.stdout.close()
    assert process.stderr
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(30) == 1


def test_standard_input(capture: Path) -> None:
    process = started("-", "-f", "jsonl", stdin=subprocess.PIPE)
    out, err = process.communicate(capture.read_bytes(), timeout=30)
    assert [json.loads(line)["type"] for line in out.splitlines()].count("message") == 4
    assert (err, process.returncode) == (b"", 0)


def test_ctrl_c_tells_what_was_found(tmp_path: Path) -> None:
    path = write_pcap(tmp_path / "a", [(1, MESSAGE)] * 3)
    process = started("-", "-f", "jsonl", stdin=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    process.stdin.write(path.read_bytes())
    process.stdin.flush()
    # it is there as soon as it is decoded, though there is more to come
    assert select.select([process.stdout], [], [], 30)[0]
    first = [json.loads(process.stdout.readline()) for _ in range(2)]
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    told = [*first, *map(json.loads, out.splitlines())]
    assert [one["type"] for one in told] == ["message"] * 3 + ["sa", "summary"]
    assert told[-1]["stopped"] is True
    assert (err, process.returncode) == (b"", 0)


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    path = write_pcap(tmp_path / "a", [(1, MESSAGE)] * 500)
    process = started(path, "-f", "jsonl", "-o", "/dev/full")
    _, err = process.communicate(timeout=30)
    assert err == b"output cannot be written: No space left on device\n"
    assert process.returncode == 2
