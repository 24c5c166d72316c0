"""From one program to the next: what is open stays open, and what has come is not lost."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pcscf.core.events import SipReceived
from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.errors import StartError
from pcscf.net.handover import VARIABLE, Handover, OpenConnection, is_alive, received
from pcscf.net.plan import Bind
from pcscf.net.sockets import bound, endpoint
from tests.net.support import HOST, PATIENCE

ROOT = Path(__file__).parent.parent.parent
ANY = Endpoint(HOST, 0)
MESSAGE = b"MESSAGE sip:a SIP/2.0\r\n\r\n\xff\x00"

# Two programs in one file: which one it is, the handover says.
PROGRAM = """
import socket, sys
from pcscf.core.flow import Side
from pcscf.net.handover import Handover, OpenConnection, received

before = received()
if not before.sockets:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    tcp = socket.create_server(("127.0.0.1", 0))
    print(udp.getsockname()[1], tcp.getsockname()[1], flush=True)
    accepted, _ = tcp.accept()
    sys.stdin.readline()  # all has been sent
    left = Handover(connections=[OpenConnection(accepted, Side.CLEAR, True, accepted.recv(4))])
    left.add(Side.CLEAR, udp)
    left.add(Side.CLEAR, tcp)
    left.go_on()
udp, tcp = sorted(before.sockets.values(), key=lambda one: one.type == socket.SOCK_STREAM)
(one,) = before.connections
one.sock.setblocking(True)
waiting, _ = tcp.accept()
print(sys.argv[1], udp.recv(99), one.begun + one.sock.recv(99), flush=True)
one.sock.sendall(b"answer")
"""


def read_back(left: Handover, monkeypatch: pytest.MonkeyPatch) -> Handover:
    """What the next program reads; the descriptors are those of ``left``, and its own now."""
    monkeypatch.setenv(VARIABLE, str(left._listed()))
    for sock in (*left.sockets.values(), *(one.sock for one in left.connections)):
        sock.detach()
    return received()


def started(*program: str) -> subprocess.Popen[str]:
    """Start a program with one argument, and talk with it."""
    return subprocess.Popen(
        [*program, "a word"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
    )


def test_a_program_goes_on_with_the_sockets_of_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    with started(sys.executable, str(file)) as process:
        assert process.stdin
        assert process.stdout
        udp, tcp = map(int, process.stdout.readline().split())
        with (
            socket.create_connection((HOST, tcp), PATIENCE) as connection,
            socket.create_connection((HOST, tcp), PATIENCE),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
        ):
            connection.sendall(b"half and half")
            sender.sendto(b"datagram", (HOST, udp))
            process.stdin.write("\n")
            process.stdin.flush()
            said = process.stdout.readline()
            assert said == "a word b'datagram' b'half and half'\n"
            assert connection.recv(99) == b"answer"


def test_a_script_is_run_as_what_it_is_by_then(tmp_path: Path) -> None:
    """Its directory is a link, which leads to another environment after an upgrade."""
    for version in "one", "two":
        script = tmp_path / version / "script"
        script.parent.mkdir()
        last = "Handover().go_on()" if version == "one" else "print(sys.argv[1:])"
        script.write_text(
            f"#!{sys.executable}\nimport sys\nfrom pcscf.net.handover import Handover\n"
            f"print({version!r}, flush=True)\nsys.stdin.readline()\n{last}\n"
        )
        script.chmod(0o755)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "one")
    with started(str(link / "script")) as process:
        assert process.stdout
        assert process.stdout.readline() == "one\n"
        link.unlink()
        link.symlink_to(tmp_path / "two")
        said, _ = process.communicate("\n\n", PATIENCE)
    assert said == "two\n['a word']\n"


def test_all_of_it_is_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    near, far = socket.socketpair()
    sockets = [bound(way, ANY) for way in Transport]
    places = [endpoint(sock.getsockname()) for sock in sockets]
    flow = Flow(Transport.TCP, Side.PROTECTED, Endpoint("2001:db8::1", 1), Endpoint("fe80::1%2", 2))
    left = Handover(
        connections=[OpenConnection(near, Side.CORE, False, MESSAGE)],
        messages=[SipReceived(flow, MESSAGE)],
    )
    for sock in sockets:
        left.add(Side.PROTECTED, sock)
    made = read_back(left, monkeypatch)
    assert made.messages == left.messages
    assert [one[1:] for one in made.connections] == [(Side.CORE, False, MESSAGE)]
    assert list(made.sockets) == [
        (Side.PROTECTED, way, place) for way, place in zip(Transport, places, strict=True)
    ]
    assert VARIABLE not in os.environ
    for sock in (*made.sockets.values(), made.connections[0].sock):
        assert (sock.get_inheritable(), sock.getblocking()) == (False, False)
    assert made.take(Bind(Side.CLEAR, Transport.UDP, places[0])) is None  # on another side
    taken = made.take(Bind(Side.PROTECTED, Transport.UDP, places[0]))
    assert taken
    assert made.take(Bind(Side.PROTECTED, Transport.UDP, places[0])) is None
    made.close()
    assert taken.fileno() >= 0
    assert far.recv(1) == b""
    assert (made.sockets, made.connections) == ({}, [])
    taken.close()
    far.close()


def test_what_is_at_none_of_our_places_is_let_go() -> None:
    """Above all what is protected: there is no policy any more that would keep it under ESP."""
    with socket.create_server((HOST, 0)) as listener:
        left, far = Handover(), []
        here = endpoint(listener.getsockname())
        for side in Side:
            far.append(socket.create_connection(here))
            near, _ = listener.accept()
            left.connections.append(OpenConnection(near, side, True, b""))
            flow = Flow(Transport.TCP, side, here, Endpoint(HOST, 1))
            left.messages.append(SipReceived(flow, MESSAGE))
            left.add(side, bound(Transport.UDP, ANY))
        places = {side: local for side, _, local in left.sockets}
        left.keep(
            [
                Bind(Side.CLEAR, Transport.TCP, here),
                Bind(Side.PROTECTED, Transport.UDP, places[Side.PROTECTED]),
                Bind(Side.CORE, Transport.TCP, Endpoint(HOST, 1)),  # from any port of that host
            ]
        )
        assert [one.side for one in left.connections] == [Side.CLEAR, Side.CORE]
        assert [one.flow.side for one in left.messages] == [Side.CLEAR, Side.CORE]
        assert [side for side, *_ in left.sockets] == [Side.PROTECTED]
        with pytest.raises(ConnectionResetError):
            far[1].recv(1)
        left.close()
        for sock in far:
            sock.close()


def test_without_a_program_before_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert received() == Handover()


@pytest.mark.parametrize("value", ["x", "-1", "999999", "{file}", "{half}"])
def test_what_is_no_handover_is_refused_in_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str
) -> None:
    texts = {"file": "no JSON", "half": '{"sockets": [], "connections": [[1]]}'}
    numbers = {}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        numbers[name] = os.open(tmp_path / name, os.O_RDONLY)
    monkeypatch.setenv(VARIABLE, value.format(**numbers))
    with pytest.raises(StartError, match=rf"^{VARIABLE} is set, and not to what was .*$"):
        received()
    for number in numbers.values():
        if str(number) != value.format(**numbers):
            os.close(number)


def test_a_program_that_has_gone_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "pcscf"])
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setattr(os, "environ", {})
    with pytest.raises(FileNotFoundError):
        Handover().go_on()


def test_a_connection_without_another_end_is_dead() -> None:
    with socket.create_server((HOST, 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
        assert is_alive(near)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        near.close()
        assert not is_alive(far)
        far.close()
