"""Handing over to the next version of the program, which this process becomes (execve(2)).

Sockets stay open, so nobody finds a port closed: datagrams and connections that come meanwhile
wait in the kernel. Connections stay too, each with what was read of a message that is not whole;
and so do requests that came when no new one was taken any more. All of it is listed in a file that
is in memory only, whose descriptor is named in the environment.
"""

import base64
import json
import os
import socket
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn

from pcscf.core.events import SipReceived
from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.errors import StartError
from pcscf.net.plan import Bind
from pcscf.net.sockets import endpoint, reset_on_close

VARIABLE: Final = "PCSCF_HANDOVER"
_LISTING: Final = "pcscf-handover"

Bound = tuple[Side, Transport, Endpoint]


class OpenConnection(NamedTuple):
    """A TCP connection that goes on; ``begun`` are octets of a message that is not whole yet."""

    sock: socket.socket
    side: Side
    accepted: bool
    begun: bytes


@dataclass(slots=True)
class Handover:
    """What one process leaves to the next; all sockets are its own until they are taken.

    ``withdrawn`` says whether there is to be no next one after all.
    """

    sockets: dict[Bound, socket.socket] = field(default_factory=dict)
    connections: list[OpenConnection] = field(default_factory=list)
    messages: list[SipReceived] = field(default_factory=list)
    withdrawn: Callable[[], bool] = field(default=bool, compare=False, repr=False)

    def add(self, side: Side, sock: socket.socket) -> None:
        """Have a bound socket go on."""
        transport = Transport.UDP if sock.type == socket.SOCK_DGRAM else Transport.TCP
        self.sockets[side, transport, endpoint(sock.getsockname())] = sock

    def take(self, bind: Bind) -> socket.socket | None:
        """Give the socket that is bound there, on the same side, if there is one."""
        return self.sockets.pop(bind[:3], None)

    def keep(self, binds: Collection[Bind]) -> None:
        """Let go of all that is at none of these places.

        Call it while the policies of the program before are there: nothing leaves in clear.
        """
        wanted = {bind[:3] for bind in binds}
        places = {(bind.side, bind.local) for bind in binds}
        # Connections to the core start from any port.
        hosts = {(bind.side, bind.local.host) for bind in binds if bind.side is Side.CORE}

        def stays(side: Side, local: Endpoint) -> bool:
            return (side, local) in places or (side, local.host) in hosts

        for one in [one for one in self.sockets if one not in wanted]:
            self.sockets.pop(one).close()
        self.messages = [one for one in self.messages if stays(one.flow.side, one.flow.local)]
        for connection in list(self.connections):
            if not stays(connection.side, endpoint(connection.sock.getsockname())):
                self.connections.remove(connection)
                _reset(connection.sock)

    def close(self) -> None:
        """Close what was not taken."""
        for sock in self.sockets.values():
            sock.close()
        for one in self.connections:
            _reset(one.sock)
        self.sockets.clear()
        self.connections.clear()

    def go_on(self) -> NoReturn:
        """Become the program that this one was started as, as it is now. Raises OSError."""
        os.environ[VARIABLE] = str(self._listed())
        script = _script()
        command = [script, *sys.orig_argv[2:]] if script else [sys.executable, *sys.orig_argv[1:]]
        os.execv(command[0], command)  # noqa: S606 - no shell

    def _listed(self) -> int:
        """List all in a file of which the next program gets the descriptor, and all others."""
        listing = {
            "sockets": [(_inherited(sock), side) for (side, *_), sock in self.sockets.items()],
            "connections": [
                (_inherited(one.sock), one.side, one.accepted, _text(one.begun))
                for one in self.connections
            ],
            "messages": [(one.flow, _text(one.data)) for one in self.messages],
        }
        file = os.memfd_create(_LISTING, 0)
        with os.fdopen(file, "w", closefd=False) as out:
            json.dump(listing, out)
        os.lseek(file, 0, os.SEEK_SET)
        return file


def program() -> list[str]:
    """Say how this program was started, without its arguments.

    A script is run as itself: by now it may belong to another environment, with another
    interpreter, if its directory is a link.
    """
    script = _script()
    return [script] if script else [sys.executable, "-m", "pcscf"]


def _script() -> str:
    path = sys.orig_argv[1] if len(sys.orig_argv) > 1 else ""
    return path if Path(path).is_file() and os.access(path, os.X_OK) else ""


def received() -> Handover:
    """Take what the program before has left; nothing if there was none. Raises StartError."""
    number = os.environ.pop(VARIABLE, "")
    if not number:
        return Handover()
    try:
        with os.fdopen(int(number)) as file:
            listing = json.load(file)
        return _read(listing)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StartError(f"{VARIABLE} is set, and not to what was handed over: {error}") from None


def _read(listing: dict[str, Any]) -> Handover:
    made = Handover()
    for number, side in listing["sockets"]:
        made.add(Side(side), _own(number))
    for number, side, accepted, begun in listing["connections"]:
        sock = _own(number)
        made.connections.append(OpenConnection(sock, Side(side), accepted, _octets(begun)))
    for (transport, side, local, remote), data in listing["messages"]:
        flow = Flow(Transport(transport), Side(side), Endpoint(*local), Endpoint(*remote))
        made.messages.append(SipReceived(flow, _octets(data)))
    return made


def _inherited(sock: socket.socket) -> int:
    """Let a descriptor outlive this program."""
    sock.set_inheritable(True)
    return sock.fileno()


def _own(number: int) -> socket.socket:
    sock = socket.socket(fileno=number)
    sock.set_inheritable(False)
    sock.setblocking(False)
    return sock


def _reset(sock: socket.socket) -> None:
    reset_on_close(sock)
    sock.close()


def is_alive(sock: socket.socket) -> bool:
    """Whether a connection has another end still."""
    with suppress(OSError):
        sock.getpeername()
        return True
    return False


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _octets(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
