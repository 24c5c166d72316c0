"""All checks together, on this machine's loopback: what ends a start, and what is only told."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pcscf.core.flow import Endpoint, Side, Transport
from pcscf.core.ids import Ids
from pcscf.errors import StartError
from pcscf.net.checks import kernel, machine, rights
from pcscf.net.checks.finding import Finding, Level, error, ok, warning
from tests.net.support import HOST, free_block, free_port, looped, settings, udp_peer

pytestmark = pytest.mark.usefixtures("written")

IDS = Ids(Random(1).randbytes)
NOWHERE = "192.0.2.213"  # an address of documentation that no interface here has


@pytest.fixture
def esp(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What is found of ESP: all is there, whatever the kernel of this machine has."""
    found = [ok("ESP", "the kernel has all")]
    monkeypatch.setattr(kernel, "esp", lambda _: iter(found))
    return found


def taken_port() -> tuple[socket.socket, Endpoint]:
    """A UDP port that is in use; of TCP it is free, so not in TIME_WAIT either."""
    return udp_peer(port=free_block(1)[0])


@pytest.mark.usefixtures("esp")
def test_a_machine_that_has_all_starts(written: Callable[[], list[dict[str, Any]]]) -> None:
    machine.before_start(settings())
    assert {line["event"] for line in written()} <= {"check_failed"}
    assert all(line["level"] == "warning" for line in written())


def test_all_that_is_in_the_way_is_said_at_once(esp: list[Finding]) -> None:
    esp[:] = [error("ESP", "no ESP in this kernel", "modprobe esp4"), warning("ESP", "no aes-gcm")]
    sock, local = taken_port()
    given = settings(
        gm={"addresses": [NOWHERE, HOST], "port": local.port}, log={"key_file": "/nonexistent/x"}
    )
    with pytest.raises(StartError) as caught:
        machine.before_start(given)
    sock.close()
    no_esp, address, port, directory = str(caught.value).splitlines()
    assert no_esp == "no ESP in this kernel (mended by: modprobe esp4)"
    assert address.startswith(f"gm.addresses[1]: {NOWHERE} is on no interface")
    assert f"ip address add {NOWHERE}/" in address
    assert port.startswith(f"UDP {local} is in use by ")
    assert directory.startswith("log.key_file: /nonexistent is no directory")


@pytest.mark.usefixtures("esp")
def test_ports_that_the_program_before_has_left_are_no_others() -> None:
    sock, local = taken_port()
    given = settings(gm={"port": local.port})
    with pytest.raises(StartError, match="is in use"):
        machine.before_start(given)
    machine.before_start(given, [(Side.CORE, Transport.UDP, local)])
    sock.close()


@looped
async def test_next_hops_that_are_sent_options_are_asked_beside_the_start(
    written: Callable[[], list[dict[str, Any]]],
) -> None:
    hop = f"udp:{HOST}:{free_port()}"
    for interval in (0, 30):
        given = settings(core={"next_hops": [hop], "health": {"interval": interval}})
        await machine.beside(given, IDS)
    (line,) = written()
    assert (line["event"], line["about"]) == ("check_failed", "next hops")
    assert line["reason"] == f"{hop}: connection refused"


@pytest.mark.usefixtures("esp")
def test_a_start_looks_at_the_stores_keys(tmp_path: Path) -> None:
    keys = f"{tmp_path}/none"
    given = settings(store={"kind": "sqlite", "path": f"{tmp_path}/store", "key_file": keys})
    with pytest.raises(StartError, match=r"^store\.key_file: .*: there is no such file"):
        machine.before_start(given)


@looped
async def test_the_stores_server_is_around() -> None:
    url = f"valkey://127.0.0.1:{free_port()}"
    given = settings(store={"kind": "valkey", "key_file": "k", "url": url})
    found = [finding async for finding in machine.around(given, IDS)]
    assert [one.about for one in found if one.level is Level.ERROR] == ["store"]


@looped
async def test_what_is_around_has_routes_and_answers() -> None:
    given = settings(core={"next_hops": [f"tcp:{HOST}:{free_port()}"]})
    found = [finding async for finding in machine.around(given, IDS)]
    assert [(one.level, one.about) for one in found] == [
        (Level.OK, "routes"),
        (Level.WARNING, "next hops"),
    ]
    await asyncio.sleep(0)


@pytest.mark.parametrize("may", [True, False])
def test_the_kernel_is_asked_only_by_who_may(monkeypatch: pytest.MonkeyPatch, may: bool) -> None:
    right = ok("capabilities", "there") if may else error("capabilities", "missing")
    esp = ok("ESP", "all")
    monkeypatch.setattr(rights, "capabilities", lambda: iter([right]))
    monkeypatch.setattr(kernel, "esp", lambda _: iter([esp]))
    found: list[Finding] = list(machine.whole(settings()))
    assert found[0] == right
    assert (esp in found) == may
    assert any("not looked at" in one.text for one in found) != may
