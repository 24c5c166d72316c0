"""scripts/with-esp: the command's ways are kept, and a guest that fails says so."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.scripts.tree import ROOT, run, stand_in

WITH_ESP = ROOT / "scripts/with-esp"

# What it can see of a command, each the same directly and in a guest.
OBSERVED = r"""
printf 'arguments: %s|' "$@"
printf '\ndirectory: %s\nvariable: %s\n' "$PWD" "$PCSCF_PROBE"
echo 'on stderr' >&2
[[ -t 1 ]] || echo 'no terminal'
cat
umask
exit 77
"""

needs_uml = pytest.mark.skipif(not shutil.which("linux.uml"), reason="needs user-mode-linux")


@pytest.mark.parametrize("how", ["direct", pytest.param("uml", marks=needs_uml)])
def test_the_command_has_its_ways(tmp_path: Path, how: str) -> None:
    directory = tmp_path / "a directory"
    directory.mkdir()
    done = run(
        *(WITH_ESP, "bash", "-c", OBSERVED, "-", "a b", "", "new\nline", "*"),
        cwd=directory,
        PCSCF_ESP=how,
        PCSCF_PROBE='it\'s "quoted" $HOME',
    )
    assert done.stdout == (
        "arguments: a b|arguments: |arguments: new\nline|arguments: *|\n"
        f"directory: {directory}\n"
        'variable: it\'s "quoted" $HOME\n'
        f"no terminal\n{umask():04o}\n"
    )
    assert done.stderr == "on stderr\n"
    assert done.returncode == 77


def umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


@needs_uml
def test_a_guest_keeps_bytes_and_can_do_esp(tmp_path: Path) -> None:
    script = f"head -c 300000 /dev/urandom | tee {tmp_path}/there; exec {WITH_ESP} --how >&2"
    done = subprocess.run(
        [WITH_ESP, "bash", "-c", script],
        env={**os.environ, "PCSCF_ESP": "uml"},
        capture_output=True,
        check=False,
    )
    assert done.stdout == (tmp_path / "there").read_bytes()
    assert done.stderr == b"direct\n"


@needs_uml
def test_a_panic_is_told_at_once() -> None:
    panic = "echo before; echo c >/proc/sysrq-trigger; sleep 60"
    done = run(WITH_ESP, "bash", "-c", panic, PCSCF_ESP="uml")
    assert done.returncode == 125
    assert done.stdout == "before\n"
    assert "the guest died" in done.stderr
    assert "Kernel panic" in done.stderr


def test_a_guest_that_cannot_start_shows_what_it_said(tmp_path: Path) -> None:
    uml = stand_in(tmp_path / "uml", "echo ptrace is not allowed; exit 1")
    done = run(WITH_ESP, "true", PCSCF_ESP="uml", PCSCF_UML=str(uml))
    assert done.returncode == 125
    assert "the guest died (status 1)" in done.stderr
    assert "ptrace is not allowed" in done.stderr


def test_a_guest_that_hangs_is_ended(tmp_path: Path) -> None:
    uml = stand_in(tmp_path / "uml", "exec sleep 60")
    done = run(WITH_ESP, "true", PCSCF_ESP="uml", PCSCF_UML=str(uml), PCSCF_UML_TIMEOUT="1")
    assert done.returncode == 124
    assert "ended after 1 s (PCSCF_UML_TIMEOUT)" in done.stderr


def test_without_uml_it_names_the_package() -> None:
    done = run(WITH_ESP, "true", PCSCF_ESP="uml", PCSCF_UML="no-such-uml")
    assert done.returncode == 125
    assert "install the package user-mode-linux" in done.stderr


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_the_guest_ends_with_us(tmp_path: Path, ending: signal.Signals) -> None:
    uml = stand_in(
        tmp_path / "uml", f"echo $$ >{tmp_path}/new; mv {tmp_path}/{{new,pid}}; sleep 60"
    )
    process = subprocess.Popen(
        [WITH_ESP, "true"], env={**os.environ, "PCSCF_ESP": "uml", "PCSCF_UML": str(uml)}
    )
    assert within_seconds((tmp_path / "pid").exists)
    guest = Path("/proc") / (tmp_path / "pid").read_text().strip()
    assert guest.exists()
    process.send_signal(ending)
    status = process.wait(timeout=10)
    assert status == (-ending if ending is signal.SIGKILL else 128 + ending)
    assert within_seconds(lambda: not guest.exists())


def within_seconds(condition: object) -> bool:
    assert callable(condition)
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(condition())


def test_a_wrong_mode_or_no_command_is_refused() -> None:
    assert run(WITH_ESP).returncode == 125
    done = run(WITH_ESP, "true", PCSCF_ESP="maybe")
    assert (done.returncode, done.stderr) == (
        125,
        "with-esp: PCSCF_ESP is 'maybe'; it is either direct or uml\n",
    )
