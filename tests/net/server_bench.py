"""A server on loopback with a scripted Edge, a kernel in a dict, and a lease that a test gives."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from pcscf.config import Settings
from pcscf.core.effects import Effect, SendSip
from pcscf.core.events import Event
from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.net.key_log import KeyLog
from pcscf.net.server import Server
from tests.net.support import HOST, settings, udp_peer
from xfrm.algorithms import Suite
from xfrm.memory import MemoryKernel
from xfrm.model import AkaKeys, SaId, SaSet

CK, IK = bytes(range(16)), bytes(range(16, 32))
KEYS = AkaKeys(CK, IK)
SAS = SaSet(
    "192.0.2.9", HOST, Suite("hmac-sha-1-96", "aes-cbc"), 1001, 1002, 1003, 1004, 9001, 9002, 5, 6
)
REGISTER = b"REGISTER sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n"


class Script:
    """An Edge that answers each event with what the test says, and keeps a diary."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.times: list[float] = []
        self.answers: dict[type, list[Effect] | Callable[[Any], list[Effect]]] = {}
        self.deadline: float | None = None

    def handle(self, event: Event, now: float) -> list[Effect]:
        self.events.append(event)
        self.times.append(now)
        answer = self.answers.get(type(event), [])
        return answer(event) if callable(answer) else answer

    def next_deadline(self) -> float | None:
        return self.deadline

    def held(self) -> dict[str, int]:
        return {"registrations": 3}

    def counted(self) -> dict[str, int]:
        return {"guard_blocked": 2}

    @property
    def unanswered(self) -> int:
        return 0

    def rest(self, event: Event) -> list[Effect]:
        """An answer: nothing to do, and nothing more to wait for."""
        self.deadline = None
        return []

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


class FakeMonitor:
    """Expirations come through a socket pair; an exception in the queue is raised."""

    def __init__(self) -> None:
        self._ours, self._kernels = socket.socketpair()
        self._queue: list[list[SaId] | Exception] = []
        self.is_closed = False

    def tell(self, what: list[SaId] | Exception) -> None:
        self._queue.append(what)
        self._kernels.send(b".")

    def fileno(self) -> int:
        return self._ours.fileno()

    def read(self) -> list[SaId]:
        self._ours.recv(1)
        what = self._queue.pop(0)
        if isinstance(what, Exception):
            raise what
        return what

    def close(self) -> None:
        self._ours.close()
        self._kernels.close()
        self.is_closed = True


class Lease:
    """An ownership that a test gives and takes."""

    def __init__(self) -> None:
        self.may_act = True
        self.lost = asyncio.Event()
        self.go_on: Callable[[], None]

    def when_sure(self, call: Callable[[], None]) -> None:
        self.go_on = call


class Onlooker:
    """A tap and a journal that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def seen(self, flow: Flow, data: bytes, *, sent: bool) -> None:
        self.told.append(("sent" if sent else "received", flow, data))

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *told: self.told.append((name, *told))


class Bench:
    """A server that is up, with everything around it."""

    def __init__(self, given: Settings) -> None:
        lease: Any = Lease()  # it plays an ownership
        self.lease = lease
        self.settings = given
        self.edge = Script()
        self.kernel = MemoryKernel()
        self.monitor = FakeMonitor()
        key_log = KeyLog(given.log.key_file) if given.log.key_file else None
        self.journal = Onlooker()
        self.server = Server(
            given,
            self.edge,
            self.kernel,
            self.monitor,
            key_log=key_log,
            journal=self.journal,
            ownership=lease,
        )
        self.peer, self.remote = udp_peer()

    def local(self, port: int) -> Endpoint:
        return Endpoint(HOST, port)

    @property
    def clear(self) -> Flow:
        """The peer's flow to the unprotected port."""
        local = self.local(self.settings.gm.port)
        return Flow(Transport.UDP, Side.CLEAR, local, self.remote)

    def send(self, text: bytes, ref: str = "") -> SendSip:
        return SendSip(self.clear, text, ref)

    def receive(self, data: bytes) -> None:
        self.peer.sendto(data, self.clear.local)


@asynccontextmanager
async def bench(**sections: dict[str, object]) -> AsyncIterator[Bench]:
    subject = Bench(settings(**sections))
    try:
        await subject.server.start()
        yield subject
    finally:
        await subject.server.close()
        subject.peer.close()


def in_use(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
        return False
