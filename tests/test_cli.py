"""The command line: exit statuses, and one line instead of a traceback."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pcscf import cli
from pcscf.config import Settings
from pcscf.errors import StartError

SHIPPED = Path(__file__).parent.parent / "config" / "pcscf.toml"


@pytest.fixture
def call():
    return lambda *words: CliRunner().invoke(cli.app, [str(word) for word in words])


@pytest.fixture
def started(monkeypatch):
    """Settings that ``run`` would have started with."""
    seen: list[Settings] = []
    monkeypatch.setattr("pcscf.net.start.run", lambda settings, _file: seen.append(settings))
    return seen


@pytest.fixture
def wrong(tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_text(SHIPPED.read_text().replace("port = 5060", "prot = 5060\nport = 0"))
    return path


def test_the_version_is_the_packages(call):
    result = call("--version")
    assert (result.exit_code, result.stderr) == (0, "")
    assert re.fullmatch(r"pcscf \d+\.\d+\.\d+\n", result.stdout)


def test_check_config_passes_the_shipped_file(call):
    result = call("check-config", "--settings-only", SHIPPED)
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{SHIPPED}: ok\n", "")


def test_check_config_looks_at_this_machine_too(call, tmp_path):
    file = tmp_path / "here.toml"
    text = SHIPPED.read_text().replace('"198.51.100.1", "2001:db8:2::1"', '"127.0.0.1", "::1"')
    hops = '"udp:198.51.100.9:5060", "tcp:[2001:db8:2::9]:5060"'
    file.write_text(text.replace(hops, '"udp:127.0.0.1:9"'))
    result = call("check-config", "--json", file)
    assert result.exit_code == 1
    found = json.loads(result.stdout)["machine"]
    (finding,) = [one for one in found if "gm.addresses[1]" in one["text"]]
    assert finding["mends"].startswith("ip address add 192.0.2.1/")


@pytest.mark.parametrize("words", [["check-config"], ["run", "--config"]])
def test_wrong_settings_are_named_one_by_one_with_status_2(call, wrong, started, words):
    result = call(*words, wrong)
    assert (result.exit_code, result.stdout, started) == (2, "", [])
    assert result.stderr.splitlines() == [
        f"{wrong}: gm.port: Input should be greater than or equal to 1",
        f"{wrong}: gm.prot: unknown key",
    ]


def test_a_file_that_is_not_there_is_status_2(call, tmp_path):
    result = call("check-config", tmp_path / "none.toml")
    assert result.exit_code == 2
    assert result.stderr == f"{tmp_path}/none.toml: cannot be read: No such file or directory\n"


def test_run_starts_with_the_settings_and_ends_with_status_0(call, started):
    result = call("run", "--config", SHIPPED)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert [one.network.visited_network for one in started] == ["ims.mnc001.mcc001.3gppnetwork.org"]


def test_a_machine_that_lacks_something_is_one_line_and_status_1(call, monkeypatch):
    def refuse(settings: Settings, file: Path) -> None:
        raise StartError("no ESP in this kernel: modprobe esp4")

    monkeypatch.setattr("pcscf.net.start.run", refuse)
    result = call("run", "--config", SHIPPED)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "no ESP in this kernel: modprobe esp4\n"


def test_a_capture_is_decoded_to_a_file_without_what_only_the_server_or_a_terminal_needs(tmp_path):
    """They would take longer to load than 10,000 packets to decode."""
    capture = SHIPPED.parent.parent / "tests/captures/demo/core.pcap"
    words = ["decode", "--format", "jsonl", "-o", str(tmp_path / "out"), str(capture)]
    program = f"""
import sys
from pcscf.cli import app
app({words}, standalone_mode=False)
print({{"pyroute2", "pydantic_settings", "structlog", "asyncio", "rich"}} & sys.modules.keys())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "set()\n", "")
    assert (tmp_path / "out").read_bytes().endswith(b"}\n")


def test_run_needs_its_settings(call):
    result = call("run")
    assert result.exit_code == 2
    assert "--config" in result.stderr
