"""scripts/with-esp: the command's ways are kept, and a guest that fails says so."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
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
        *("bash", "-c", 'umask 027; exec "$@"', "-"),
        *(WITH_ESP, "bash", "-c", OBSERVED, "-", "a b", "", "new\nline", "*"),
        cwd=directory,
        PCSCF_ESP=how,
        PCSCF_PROBE='it\'s "quoted" $HOME',
    )
    assert done.stdout == (
        "arguments: a b|arguments: |arguments: new\nline|arguments: *|\n"
        f"directory: {directory}\n"
        'variable: it\'s "quoted" $HOME\n'
        "no terminal\n0027\n"
    )
    assert done.stderr == "on stderr\n"
    assert done.returncode == 77


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
    panic = "echo before; sync; echo c >/proc/sysrq-trigger; sleep 60"
    done = run(WITH_ESP, "bash", "-c", panic, PCSCF_ESP="uml")
    assert done.returncode == 125
    assert done.stdout == "before\n"
    assert "the guest died" in done.stderr
    assert "Kernel panic" in done.stderr


@needs_uml
def test_a_guest_that_is_killed_is_told_at_once() -> None:
    # The guest's work directory is in the command line of its first process.
    script = (
        r"dir=$(tr '\0' '\n' </proc/1/cmdline | grep /init); cat ${dir%/init}/guest/pid; sleep 9"
    )
    process = subprocess.Popen(
        [WITH_ESP, "bash", "-c", script],
        env={**os.environ, "PCSCF_ESP": "uml"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    os.kill(int(process.stdout.readline()), signal.SIGKILL)
    _, stderr = process.communicate(timeout=10)
    assert process.returncode == 125
    assert "the guest died (status 137)" in stderr


@needs_uml
def test_why_a_large_process_of_the_guest_was_killed_is_told() -> None:
    said = "echo '<0>UML ran out of memory on the host side!' >/dev/kmsg; exit 137"
    done = run(WITH_ESP, "bash", "-c", said, PCSCF_ESP="uml")
    assert done.returncode == 137
    assert "sysctl -w vm.max_map_count=" in done.stderr
    assert run(WITH_ESP, "true", PCSCF_ESP="uml").stderr == ""


def test_a_guest_that_cannot_start_shows_what_it_said(tmp_path: Path) -> None:
    uml = stand_in(tmp_path / "uml", "echo ptrace is not allowed; exit 1")
    done = run(WITH_ESP, "true", PCSCF_ESP="uml", PCSCF_UML=str(uml))
    assert done.returncode == 125
    assert "the guest died (status 1)" in done.stderr
    assert "ptrace is not allowed" in done.stderr


def test_a_guest_runs_on_one_of_our_cpus(tmp_path: Path) -> None:
    uml = stand_in(tmp_path / "uml", "taskset -cp $$; exit 1")
    done = run(WITH_ESP, "true", PCSCF_ESP="uml", PCSCF_UML=str(uml))
    listed = re.search(r"affinity list: ([0-9]+)$", done.stderr, re.MULTILINE)
    assert listed is not None
    assert int(listed[1]) in os.sched_getaffinity(0)


def test_a_guest_that_hangs_is_ended(tmp_path: Path) -> None:
    uml = stand_in(tmp_path / "uml", "exec sleep 60")
    done = run(WITH_ESP, "true", PCSCF_ESP="uml", PCSCF_UML=str(uml), PCSCF_UML_TIMEOUT="1")
    assert done.returncode == 124
    assert "ended after 1 s (PCSCF_UML_TIMEOUT)" in done.stderr


def test_without_uml_it_names_the_package() -> None:
    done = run(WITH_ESP, "true", PCSCF_ESP="uml", PCSCF_UML="no-such-uml")
    assert done.returncode == 125
    assert "install the package user-mode-linux" in done.stderr


# It tells its process id and its directory once it runs.
WAITING_UML = r"""
printf '%s\n' $$ "$@" >{0}/new
mv {0}/new {0}/running
sleep 60
"""


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_the_guest_ends_with_us(tmp_path: Path, ending: signal.Signals) -> None:
    uml = stand_in(tmp_path / "uml", WAITING_UML.format(tmp_path))
    process = subprocess.Popen(
        [WITH_ESP, "true"], env={**os.environ, "PCSCF_ESP": "uml", "PCSCF_UML": str(uml)}
    )
    assert within_seconds((tmp_path / "running").exists)
    pid, *arguments = (tmp_path / "running").read_text().splitlines()
    (directory,) = [Path(given[8:]) for given in arguments if given.startswith("uml_dir=")]
    assert directory.exists()
    process.send_signal(ending)
    status = process.wait(timeout=10)
    assert status == (-ending if ending is signal.SIGKILL else 128 + ending)
    assert within_seconds(lambda: not Path("/proc", pid).exists())
    if ending is signal.SIGKILL:
        shutil.rmtree(directory)  # nobody is left to do it
    assert not directory.exists()


def within_seconds(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def test_a_wrong_mode_or_no_command_is_refused() -> None:
    assert run(WITH_ESP).returncode == 125
    done = run(WITH_ESP, "true", PCSCF_ESP="maybe")
    assert (done.returncode, done.stderr) == (
        125,
        "with-esp: PCSCF_ESP is 'maybe'; it is either direct or uml\n",
    )
