"""sipp with the scenarios of tests/sipp, in whatever namespace the caller starts processes.

::

    core, phone = core_side(Address(lab.v4.core, 5070)), handset(registered, PEER)
    with running(lab.core.popen, tmp_path, "answer_message", core, calls=500) as uas:
        with running(lab.ue.popen, tmp_path, "message", phone, calls=500) as uac:
            assert uac.result() == Result(successful=500, failed=0)
        assert uas.result() == Result(successful=500, failed=0)

``handset`` makes sipp the phone: one of the tests' phones has registered, and leaves its SAs.
"""

import contextlib
import csv
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peers.phone import Phone
from tests.peers.text import Address, bracketed

SCENARIOS = Path(__file__).parent.parent / "sipp"
PATIENCE = 60  # seconds that a run may take unless the test says otherwise
_BACKLOG = 16  # calls at a time: in a guest with one CPU, 64 overrun the buffer of the socket

Popen = Callable[..., "subprocess.Popen[Any]"]


@dataclass(frozen=True, slots=True)
class Result:
    """Calls that went as the scenario says, and those that did not."""

    successful: int
    failed: int


@dataclass(frozen=True, slots=True)
class Side:
    """Where sipp is, whom it speaks to (None: to who asks), and the scenario's keys."""

    local: Address
    remote: Address | None
    keys: Mapping[str, str]


class Sipp:
    """One run. Its files are in ``directory``."""

    def __init__(self, process: "subprocess.Popen[Any]", statistics: Path, errors: Path) -> None:
        self.process = process
        self._statistics = statistics
        self._errors = errors

    def result(self, seconds: float = PATIENCE) -> Result:
        """Wait for the end, and read what sipp has counted."""
        self.process.wait(seconds)
        with self._statistics.open(newline="") as file:
            *_, last = csv.DictReader(file, delimiter=";")
        return Result(int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"]))

    @property
    def errors(self) -> str:
        """What sipp says of messages that it did not expect."""
        return self._errors.read_text(errors="replace") if self._errors.exists() else ""


def handset(phone: Phone, target: str = "") -> Side:
    """Close the phone's sockets, not its SAs, and give its place to sipp; ``target`` for a caller.

    Over UDP sipp has one port for everything: us, and so pc is where it sends to.
    """
    current = phone.current
    assert current is not None, "the phone is not registered"
    phone._ports.close(current.own)
    verify = [f"Security-Verify: {value}" for value in current.server]
    keys = {
        "target": target,
        "identity": phone.identity,
        "route": f"Route: {', '.join(phone._route(current))}",
        "extra": "\r\n".join(["Require: sec-agree", "Proxy-Require: sec-agree", *verify]),
        "contact": f"sip:{Address(phone.address, current.own.port_s)}",
    }
    local = Address(phone.address, current.own.port_s)
    return Side(local, Address(phone.pcscf.host, current.peer.port_c), keys)


def core_side(local: Address, pcscf: Address | None = None, path: str = "", uri: str = "") -> Side:
    """The core at an address; to ask, it needs the P-CSCF's, and a contact's Path and URI."""
    identity = f"sip:caller@{local}"
    keys = {
        "target": uri,
        "identity": identity,
        "route": f"Route: {path}",
        "extra": f"P-Asserted-Identity: <{identity}>",
        "contact": f"sip:core@{local}",
    }
    return Side(local, pcscf, keys)


@contextlib.contextmanager
def running(
    popen: Popen, directory: Path, scenario: str, side: Side, *, calls: int, rate: int = 200
) -> Iterator[Sipp]:
    """Run a scenario for so many calls, begun at ``rate`` a second; kill it at the block's end."""
    statistics, errors = (directory / f"{scenario}.{kind}" for kind in ("csv", "errors"))
    keys = [option for pair in side.keys.items() for option in ("-key", *pair)]
    process = popen(
        *("sipp", *([str(side.remote)] if side.remote else [])),
        *("-sf", str(SCENARIOS / f"{scenario}.xml"), *keys),
        *("-i", bracketed(side.local.host), "-p", str(side.local.port)),
        *("-m", str(calls), "-r", str(rate), "-l", str(_BACKLOG)),
        *("-trace_stat", "-stf", str(statistics), "-trace_err", "-error_file", str(errors)),
        *("-nostdin", "-timeout", str(PATIENCE), "-timeout_error"),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Sipp(process, statistics, errors)
    finally:
        process.kill()
        process.wait()
