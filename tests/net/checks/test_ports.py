"""Ports that are free, taken, or given out by the kernel; and who has them."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pcscf.core.flow import Endpoint, Side, Transport
from pcscf.net.checks import ports
from pcscf.net.checks.finding import Level
from pcscf.net.plan import Bind
from tests.net.support import HOST, free_port, udp_peer


def at(port: int, transport: Transport = Transport.UDP, host: str = HOST) -> Bind:
    return Bind(Side.CLEAR, transport, Endpoint(host, port))


def test_free_ports_are_free_again_afterwards() -> None:
    port = free_port()
    for _ in range(2):
        (finding,) = ports.free([at(port), at(port, Transport.TCP)])
        assert (finding.level, finding.text) == (Level.OK, "2 sockets can be bound")


def test_all_ports_of_one_program_are_one_error_which_names_it() -> None:
    socks = [udp_peer() for _ in range(5)]
    (finding,) = ports.free([at(local.port) for _, local in socks])
    assert finding.level is Level.ERROR
    assert " and 2 more are in use by " in finding.text
    assert finding.text.endswith(f"(pid {os.getpid()})")
    assert finding.mends.startswith(f"kill {os.getpid()}")
    for sock, _ in socks:
        sock.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_one_that_has_the_port_at_all_addresses_is_found(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.bind((host, 0))
        sock.listen()
        (finding,) = ports.free([at(sock.getsockname()[1], Transport.TCP)])
    assert str(os.getpid()) in finding.text


PROGRAM = """
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", 0))
print(sock.getsockname()[1], flush=True)
sys.stdin.read()
"""


def test_a_p_cscf_that_runs_here_may_have_them(tmp_path: Path) -> None:
    script = tmp_path / "pcscf"
    script.write_text(PROGRAM)
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        binds = [at(int(process.stdout.readline()))]
        (running,), (in_the_way,) = ports.free(binds, by_us=True), ports.free(binds)
        process.stdin.close()
    assert (running.level, in_the_way.level) == (Level.OK, Level.ERROR)
    assert f"pcscf (pid {process.pid})" in running.text


def test_a_program_that_proc_hides_is_another_program(tmp_path: Path) -> None:
    sock, local = udp_peer()
    (finding,) = ports.free([at(local.port)], proc=tmp_path)
    sock.close()
    assert "is in use by another program" in finding.text
    assert "ss -lntup" in finding.mends


def test_an_address_that_is_not_there_is_not_its_business() -> None:
    assert list(ports.free([at(5060, host="192.0.2.213")])) == []


def test_a_right_that_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(ports, "bound", refuse)
    (finding,) = ports.free([at(500)])
    assert finding.level is Level.ERROR
    assert "CAP_NET_BIND_SERVICE" in finding.mends


@pytest.mark.parametrize(
    ("given_out", "reserved", "complaint"),
    [
        ("32768\t60999", "\n", None),
        ("1024\t60999", "\n", "net.ipv4.ip_local_reserved_ports=5060,6100"),
        ("1024\t60999", "5000-5070\n", "net.ipv4.ip_local_reserved_ports=6100"),
        ("1024\t60999", "5060,6100\n", None),
    ],
)
def test_ports_that_the_kernel_gives_to_others(
    tmp_path: Path, given_out: str, reserved: str, complaint: str | None
) -> None:
    net = tmp_path / "sys/net/ipv4"
    net.mkdir(parents=True)
    (net / "ip_local_port_range").write_text(given_out)
    (net / "ip_local_reserved_ports").write_text(reserved)
    found = list(ports.not_given_out([6100, 5060, 5060], tmp_path))
    assert [one.mends for one in found] == ([f"sysctl -w {complaint}"] if complaint else [])


def test_without_proc_nothing_is_said(tmp_path: Path) -> None:
    assert list(ports.not_given_out([5060], tmp_path)) == []
