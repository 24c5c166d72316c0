"""One security agreement of the phone, and the sockets on its protected ports."""

import contextlib
import itertools
import secrets
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from tests.peers.aka import AkaResult
from tests.peers.offers import Mechanism
from tests.peers.registering import Knobs
from tests.peers.sas import Numbers, PhoneSas
from tests.peers.text import Address
from tests.peers.wire import Deliver, Pump, Send, SocketFactory, TcpLink, TcpPort, UdpPort, connect

# Below the ports that Linux gives to outgoing connections (32768 and up).
FIRST_PORT, PORTS = 20_000, 12_000
# Each pair of ports in its turn: one that was drawn again at once could still be in TIME_WAIT.
_turns = itertools.count(secrets.randbelow(PORTS // 2))
FIRST_SPI, SPIS = 1_000_000_000, 3_000_000_000  # ten digits, as RFC 3329's grammar has it


@dataclass(eq=False, slots=True)
class Agreement:
    """From the offer in SM1 to the SAs in use. ``sas`` is None until they are installed."""

    own: Numbers
    client: list[str]
    knobs: Knobs
    server: list[str] = field(default_factory=list)
    challenge: dict[str, str] = field(default_factory=dict)
    chosen: Mechanism | None = None
    result: AkaResult | None = None
    sas: PhoneSas | None = None
    link: TcpLink | None = None

    @property
    def peer(self) -> Numbers:
        """The P-CSCF's SPIs and ports; ValueError before the choice is made."""
        if self.chosen is None:
            raise ValueError("no mechanism was chosen")
        return self.chosen.numbers

    def make_sas(self, ue: str, pcscf: str) -> PhoneSas:
        """The SAs between these addresses; ValueError before the challenge was taken."""
        if self.chosen is None or self.result is None:
            raise ValueError("no mechanism was chosen")
        alg, ealg = self.chosen.alg, self.chosen.ealg
        return PhoneSas(
            ue, pcscf, alg, ealg, self.own, self.peer, ck=self.result.ck, ik=self.result.ik
        )


def draw(used: Numbers | None) -> Numbers:
    """New SPIs and a new client port beside the numbers in use.

    The server port stays the one in use, if any (TS 33.203 section 7.4).
    """
    first, second = secrets.randbelow(SPIS // 2), secrets.randbelow(SPIS // 2)
    port = FIRST_PORT + 2 * (next(_turns) % (PORTS // 2))
    if used and port == used.port_c:
        return draw(used)
    kept = used.port_s if used else port + 1
    return Numbers(FIRST_SPI + 2 * first, FIRST_SPI + 2 * second + 1, port, kept)


P = TypeVar("P", UdpPort, TcpPort)


class ProtectedPorts:
    """The sockets on protected ports: UDP on both, and TCP accepting on the server port.

    Two agreements share a server port during a rotation, so opened ports are counted.
    """

    def __init__(self, pump: Pump, factory: SocketFactory, deliver: Deliver) -> None:
        self._pump, self._factory, self._deliver = pump, factory, deliver
        self._udp: dict[int, UdpPort] = {}
        self._tcp: dict[int, TcpPort] = {}
        self._users: Counter[int] = Counter()

    def open(self, host: str, numbers: Numbers) -> None:
        """Bind what is not bound yet; OSError if a port is taken."""
        for port, role in ((numbers.port_c, "uc"), (numbers.port_s, "us")):
            if not self._users[port]:
                local = Address(host, port)
                self._udp[port] = self._make(UdpPort, local, role)
                if role == "us":
                    self._tcp[port] = self._make(TcpPort, local, role)
            self._users[port] += 1

    def _make(self, kind: type[P], local: Address, role: str) -> P:
        return kind(self._pump, self._factory, local, role=role, deliver=self._deliver)

    def close(self, numbers: Numbers) -> None:
        """Close what no other agreement uses."""
        for port in (numbers.port_c, numbers.port_s):
            self._users[port] -= 1
            if not self._users[port]:
                for table in (self._udp, self._tcp):
                    with contextlib.suppress(KeyError):
                        table.pop(port).close()

    def refuse_tcp(self) -> None:
        """Take no connections any more on the ports that are open."""
        for port in list(self._tcp):
            self._tcp.pop(port).close()

    def reset(self) -> None:
        """End the connections that were accepted at once."""
        for port in self._tcp.values():
            port.reset()

    def udp(self, port: int, remote: Address) -> Send:
        """A way to send datagrams from a protected port."""
        return partial(self._udp[port].send, remote=remote)

    def connect(self, local: Address, remote: Address) -> TcpLink:
        """Open the phone's own connection, from its client port."""
        return connect(self._pump, self._factory, local, remote, role="uc", deliver=self._deliver)
