"""Debian's keepalived moves the addresses of a pair, configured as docs/restart.md has it."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.netns.lab import Lab
from tests.netns.namespace import wait_until
from tests.netns.pair import give_back, take_away
from tests.netns.pcscf_process import PcscfProcess
from tests.netns.test_takeover import ALSO_VALKEY, MOVED, Twins, addresses, pair, twins
from tests.peers.phone import Phone

pytestmark = pytest.mark.esp
__all__ = ["pair", "twins"]

MANUAL = Path(__file__).parents[2] / "docs/restart.md"
CONFIGURATION = "    global_defs {\n"
SOCKET = "/run/pcscf/admin.sock"
PATIENCE = 20.0  # seconds; how fast another program is to be is not ours to promise
NAMES = {"eth0": "gm", "eth1": "core"}  # of the devices: in the manual, and in a lab


def configuration() -> str:
    """What the manual has, as it stands there."""
    lines = (CONFIGURATION + MANUAL.read_text().partition(CONFIGURATION)[2]).splitlines()
    end = next(n for n, line in enumerate(lines) if line.strip() and line[0] != " ")
    return dedent("\n".join(lines[:end]))


class Keepalived:
    """One keepalived on the machine of a P-CSCF. ``socket`` is where that one is asked."""

    def __init__(self, lab: Lab, directory: Path, socket: Path) -> None:
        file, text = directory / "keepalived.conf", configuration()
        for theirs, ours in {**NAMES, SOCKET: str(socket)}.items():
            assert theirs in text
            text = text.replace(theirs, ours)
        file.write_text(text)
        self._log = directory / "keepalived.log"
        with self._log.open("wb") as log:
            self.process: subprocess.Popen[Any] = lab.pcscf.popen(
                *("keepalived", "--dont-fork", "--log-console", "--vrrp", "-f", str(file)),
                *("--pid", str(directory / "pid"), "--vrrp_pid", str(directory / "vrrp.pid")),
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                # Debian keeps it in sbin, which only root's PATH has.
                env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"},
            )
        wait_until(lambda: "VRRP_Script" in self.log or self._has_ended, "it has asked", 20)
        assert not self._has_ended, self.log

    @property
    def _has_ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def log(self) -> str:
        """All it has said so far."""
        return self._log.read_text(errors="replace")

    def close(self) -> None:
        """End it, and give up its addresses."""
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


@contextlib.contextmanager
def moved(process: PcscfProcess, directory: Path) -> Iterator[None]:
    """Have keepalived move a P-CSCF's addresses within the block."""
    mover = Keepalived(process.lab, directory, process.socket)
    try:
        yield
    finally:
        mover.close()


def have_moved(lab: Lab, other: Lab) -> bool:
    """All addresses are on one machine, and none is on the other."""
    here, there = addresses(lab), addresses(other)
    return all(one in here and one not in there for one in MOVED)


def serves_at(lab: Lab, other: Lab, twins: Twins, phones: list[Phone]) -> None:
    """The phones are served, by the one that has the addresses."""
    for phone in phones:
        twins.serves(phone, PATIENCE)
    wait_until(lambda: have_moved(lab, other), "the addresses are there alone")


def test_keepalived_follows_the_lease(twins: Twins) -> None:
    lab_one, lab_two = twins.pair.one, twins.pair.two
    one = twins.begin(lab_one, "one", says="lease", moves=False)
    two = twins.begin(lab_two, "two", says="standing_by", moves=False)
    at_one, at_two = (twins.directory / name for name in ("one", "two"))
    with moved(two, at_two):
        with moved(one, at_one):
            wait_until(lambda: have_moved(lab_one, lab_two), "they are at the lease", PATIENCE)
            wait_until(lambda: one.said("ready") == 1, "it serves", PATIENCE)
            twins.site.lab = lab_one
            phones = twins.registered()
            one.kill()
            take_away(lab_one)
            serves_at(lab_two, lab_one, twins, phones)
        assert "address_absent" not in two.log

        give_back(lab_one)
        one.start_again("standing_by")
        with moved(one, at_one):
            serves_at(lab_two, lab_one, twins, phones)
            assert two.stop() == 0
            serves_at(lab_one, lab_two, twins, phones)


def test_who_is_cut_off_from_the_store_alone_loses_the_addresses(twins: Twins) -> None:
    """It serves on, as far as it knows; the other one is sure, and has the higher priority."""
    lab_one, lab_two = twins.pair.one, twins.pair.two
    url = twins.valkey.url.replace(lab_one.v4.core, ALSO_VALKEY)
    one = twins.begin(lab_one, "one", says="lease", url=url, moves=False)
    two = twins.begin(lab_two, "two", says="standing_by", moves=False)
    at_one, at_two = (twins.directory / name for name in ("one", "two"))
    with moved(two, at_two), moved(one, at_one):
        wait_until(lambda: one.said("ready") == 1, "it serves", PATIENCE)
        twins.site.lab = lab_one
        phones = twins.registered()
        lab_one.pcscf.ip(f"route add blackhole {ALSO_VALKEY}/32")
        wait_until(lambda: have_moved(lab_two, lab_one), "they move", PATIENCE)
        serves_at(lab_two, lab_one, twins, phones)
        assert "hold=unsure" in one.log
        assert one.process.poll() is None


def test_without_the_store_the_addresses_stay_where_they_are(twins: Twins) -> None:
    """Nobody is sure then, so nobody has the higher priority."""
    lab_one, lab_two = twins.pair.one, twins.pair.two
    one = twins.begin(lab_one, "one", says="lease", moves=False)
    two = twins.begin(lab_two, "two", says="standing_by", moves=False)
    at_one, at_two = (twins.directory / name for name in ("one", "two"))
    with moved(two, at_two), moved(one, at_one):
        wait_until(lambda: one.said("ready") == 1, "it serves", PATIENCE)
        twins.site.lab = lab_one
        phones = twins.registered()
        twins.valkey.kill()
        wait_until(lambda: "hold=unsure" in one.log, "nobody is sure", PATIENCE)
        time.sleep(3)  # in which keepalived has asked, and moved what was to move
        serves_at(lab_one, lab_two, twins, phones)
