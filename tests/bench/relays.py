"""The two proxies at work: processes of their own, and the load that goes through each.

A ``Place`` is where they run: a lab of namespaces on a kernel with ESP, or addresses of the
loopback device without any. Ours is asked by a phone that has registered at it; Kamailio is
given SAs of the same kind by hand, and knows nothing of them.
"""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.bench.load import MARK, SIZE, Load
from tests.netns.kamailio import CONFIGURATIONS, Kamailio
from tests.netns.lab import Lab
from tests.netns.namespace import Namespace, wait_until
from tests.netns.site import LabXfrm
from tests.peers.core import Core
from tests.peers.offers import samsung
from tests.peers.phone import Phone
from tests.peers.registrar import Behaviour
from tests.peers.sas import IpXfrm, NoSas, Numbers, PhoneSas, install_lines
from tests.peers.subscription import subscriber
from tests.peers.text import Address, Headers, Message
from tests.peers.wire import placed_in

ROOT = Path(__file__).parent.parent.parent
_START = 20.0  # seconds
_NO_ADMIN = {"PCSCF_ADMIN__SOCKET": "", "PCSCF_ADMIN__HTTP": ""}
_CLEAR = 5060  # the P-CSCF's port and the core's
_SINKS = (5070, 5071, 5072)  # of who answers MESSAGEs: ours, Kamailio's, those in clear
_PS, _PC = 5200, 5203  # Kamailio's protected ports
_PLAIN, _UPWARDS = 5202, 5201  # its port for phones in clear, and the one towards the core
_UC, _US = 19_000, 19_001  # below those that the phones draw
_SUITES = ("hmac-sha-1-96/aes-cbc", "hmac-sha-1-96/null")  # that Security-Verify fits in SIZE
# Round trips take milliseconds here. With a _T1 of 2 s the timers would run when all is over.
_T1 = 0.1


class Where(Protocol):
    """A namespace, or this one."""

    def entered(self) -> AbstractContextManager[None]: ...

    def socket(self, address: tuple[str, int]) -> socket.socket: ...

    def popen(self, *command: str, **options: Any) -> "subprocess.Popen[Any]": ...


class Here:
    """The namespace that we are in."""

    def entered(self) -> AbstractContextManager[None]:
        return nullcontext()

    def socket(self, address: tuple[str, int]) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(address)
        return made

    def popen(self, *command: str, **options: Any) -> "subprocess.Popen[Any]":
        return subprocess.Popen(command, **options)


@dataclass(frozen=True, slots=True)
class Place:
    """Namespaces and addresses. ``installer`` is None where there is no ESP."""

    ue: Where
    pcscf: Where
    core: Where
    phone: str
    gm: str
    upwards: str
    sink: str
    installer: IpXfrm | None = None


def in_lab(lab: Lab) -> Place:
    """With ESP."""
    at = lab.v4
    installer = LabXfrm(lab.ue)
    return Place(lab.ue, lab.pcscf, lab.core, at.ue, at.pcscf_gm, at.pcscf_core, at.core, installer)


def on_loopback() -> Place:
    """Without ESP and any rights, at addresses that nobody else is likely to use."""
    here, net = Here(), f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(256)}"
    return Place(here, here, here, f"{net}.10", f"{net}.1", f"{net}.2", f"{net}.3")


@dataclass(frozen=True, slots=True)
class Relay:
    """A proxy that runs: its processes, and what goes through it."""

    pids: Callable[[], list[int]]
    load: Load


# -- ours


@contextlib.contextmanager
def ours(
    place: Place, directory: Path, program: Path = ROOT, profile: Path | None = None
) -> Iterator[Relay]:
    """Our P-CSCF with one phone; its profile is in the file ``profile`` at the end.

    ``program`` is the directory that has ``pcscf``: this one, or what ``scripts/compile`` made.
    """
    file, log = directory / "pcscf.toml", directory / "pcscf.log"
    file.write_text(_settings(place))
    command = ["-m", "pcscf"]
    if profile or place.installer is None:
        without = ["--without-esp"] if place.installer is None else []
        kept = ["--profile", str(profile)] if profile else []
        command = ["-m", "tests.bench.launcher", *without, *kept, "--"]
    with log.open("wb") as output:
        process = place.pcscf.popen(
            *(sys.executable, *command, "run", "--config", str(file)),
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=program,
            env={**os.environ, "PYTHONPATH": str(ROOT), **_NO_ADMIN},
        )
    try:
        wait_until(
            lambda: " ready " in log.read_text() or process.poll() is not None, "pcscf", _START
        )
        assert process.poll() is None, log.read_text()
        assert _is_compiled(process.pid) is (program != ROOT)
        with _registered(place) as phone:
            load = _from_phone(place, phone)
            with contextlib.closing(load):
                yield Relay(lambda: [process.pid], load)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_START)


def _is_compiled(pid: int) -> bool:
    return "__mypyc." in Path(f"/proc/{pid}/maps").read_text()


def _settings(place: Place) -> str:
    return f"""
[gm]
addresses = ["{place.gm}"]
[core]
addresses = ["{place.upwards}"]
port = {_CLEAR}
next_hops = ["udp:{place.sink}:{_CLEAR}"]
[network]
visited_network = "visited.example"
[security]
algorithms = [{", ".join(f'"{suite}"' for suite in _SUITES)}]
[core.health]
interval = 0
[reg_event]
enabled = false
[guard]
user_rate = 0
[limits]
max_transactions = 1_000_000
[timers.gm]
t1 = {_T1}
"""


@contextlib.contextmanager
def _registered(place: Place) -> Iterator[Phone]:
    """A phone whose Service-Route leads to the sink. Its SAs are there until the end."""
    card = subscriber()
    behaviour = Behaviour(service_route=(f"<sip:orig@{place.sink}:{_SINKS[0]};lr>",))
    core = Core(
        Address(place.sink, _CLEAR),
        [card],
        behaviour,
        socket_factory=placed_in(place.core.entered),
    )
    phone = Phone(
        card,
        place.phone,
        Address(place.gm, _CLEAR),
        sas=place.installer or NoSas(),
        offer=samsung,
        socket_factory=placed_in(place.ue.entered),
    )
    try:
        phone.register()
        yield phone
    finally:
        phone.close()
        core.close()


def _from_phone(place: Place, phone: Phone) -> Load:
    """UDP as TS 33.203 7.1 has it: requests uc to ps, answers pc to us."""
    current = phone.current
    assert current is not None
    phone._ports.close(current.own)
    uc, us = current.own.port_c, current.own.port_s
    verify = [("Security-Verify", value) for value in current.server]
    return Load(
        _message(phone._route(current), Address(place.phone, us), verify),
        (place.gm, current.peer.port_s),
        place.ue.socket((place.phone, uc)),
        place.ue.socket((place.phone, us)),
        place.core.socket((place.sink, _SINKS[0])),
    )


# -- Kamailio


@contextlib.contextmanager
def kamailio(place: Place, directory: Path) -> Iterator[tuple[Relay, Relay]]:
    """Kamailio under SAs of the same kind (in clear where there are none), and in clear."""
    core_socket = f"udp:{place.upwards}:{_UPWARDS}"
    text = (
        f'#!substdef "!CORE_SOCKET!{core_socket}!g"\n'
        f'include_file "{CONFIGURATIONS / "relay.cfg"}"\n'
    )
    listen = [f"udp:{place.gm}:{_PS}", f"udp:{place.gm}:{_PLAIN}", core_socket]
    if isinstance(place.ue, Namespace) and isinstance(place.pcscf, Namespace):
        _install(place, place.ue, place.pcscf)
    running = Kamailio(place.pcscf, directory, text, listen)
    try:
        protected = _to_kamailio(place, _UC, _PS, _SINKS[1])
        plain = _to_kamailio(place, _PLAIN, _PLAIN, _SINKS[2])
        with contextlib.closing(protected), contextlib.closing(plain):
            yield Relay(lambda: running.pids, protected), Relay(lambda: running.pids, plain)
    finally:
        running.close()


def _install(place: Place, ue: Namespace, pcscf: Namespace) -> None:
    """Four SAs with the suite that ours takes first, and policies for each, at both ends."""
    own = Numbers(1_000_000, 1_000_001, _UC, _US)
    peer = Numbers(1_000_002, 1_000_003, _PC, _PS)
    ck, ik = secrets.token_bytes(16), secrets.token_bytes(16)
    alg, ealg = _SUITES[0].split("/")
    ue.ip(*install_lines(PhoneSas(place.phone, place.gm, alg, ealg, own, peer, ck=ck, ik=ik)))
    pcscf.ip(*install_lines(PhoneSas(place.gm, place.phone, alg, ealg, peer, own, ck=ck, ik=ik)))


def _to_kamailio(place: Place, own_port: int, port: int, sink: int) -> Load:
    """It answers to the Via, from the port that was asked: so over the pair uc and ps."""
    own = Address(place.phone, own_port)
    # What a phone would repeat of our Security-Server; it is no matter to Kamailio but its size.
    verify = ", ".join(
        f"ipsec-3gpp; q=0.9; alg={alg}; ealg={ealg}; prot=esp; mod=trans; "
        f"spi-c=1000002; spi-s=1000003; port-c={_PC}; port-s={_PS}"
        for alg, ealg in (suite.split("/") for suite in _SUITES)
    )
    client = place.ue.socket(own)
    route = [f"<sip:{place.gm}:{port};lr>", f"<sip:orig@{place.sink}:{sink};lr>"]
    template = _message(route, own, [("Security-Verify", verify)])
    answers = place.core.socket((place.sink, sink))
    return Load(template, (place.gm, port), client, client, answers)


# -- what both are asked


def _message(route: list[str], own: Address, verify: Headers) -> bytes:
    """A MESSAGE of SIZE octets as a registered phone sends it."""
    card = subscriber()
    headers = [
        ("Via", f"SIP/2.0/UDP {own};branch=z9hG4bK{MARK}"),
        ("Max-Forwards", "70"),
        *(("Route", one) for one in route),
        ("From", f"<{card.impus[0]}>;tag=phone"),
        ("To", "<sip:bob@example.com>"),
        ("Call-ID", f"{MARK}@{own.host}"),
        ("CSeq", "1 MESSAGE"),
        ("P-Preferred-Identity", f"<{card.impus[0]}>"),
        ("Require", "sec-agree"),
        ("Proxy-Require", "sec-agree"),
        *verify,
        ("Content-Type", "text/plain"),
    ]
    start, some = "MESSAGE sip:bob@example.com SIP/2.0", 100  # octets; Content-Length has 3 digits
    missing = SIZE - len(Message(start, headers, b"." * some).to_bytes())
    return Message(start, headers, b"." * (some + missing)).to_bytes()
