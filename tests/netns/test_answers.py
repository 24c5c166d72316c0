"""Which way answers and requests take to a phone, and what never goes in clear."""

import contextlib
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from tests.netns.lab import Lab, open_lab
from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import config, running
from tests.peers.core import Core
from tests.peers.peer import NothingCameError, Received
from tests.peers.phone import Phone
from tests.peers.sas import REQID, IpXfrm, PhoneSas, SaInstaller, install_lines
from tests.peers.subscription import subscriber
from tests.peers.text import Address, Message
from tests.peers.wire import Pump, placed_in

pytestmark = pytest.mark.esp

PHONES = 20
PORT = 5060
PORT_PS, FIRST_PC = 6100, 6112
ESP = socket.IPPROTO_ESP


@dataclass
class Site:
    """A P-CSCF with its core, and phones as they are asked for: each test has its own."""

    lab: Lab
    core: Core
    pump: Pump
    numbers: Iterator[int]
    phones: list[Phone]

    def phone(
        self, version: int = 4, transport: str = "UDP", sas: SaInstaller | None = None
    ) -> Phone:
        number, at = next(self.numbers), self.lab.addresses(version)
        made = Phone(
            subscriber(number),
            at.phones[number],
            Address(at.pcscf_gm, PORT),
            sas=sas or IpXfrm(self.lab.ue.name),
            transport=transport,
            socket_factory=placed_in(self.lab.ue.entered),
            pump=self.pump,
        )
        self.phones.append(made)
        return made


def impatient(lab: Lab, gm: str) -> str:
    """Give up on a phone after 3.2 s over UDP, 1 s over TCP."""
    return config(lab, gm=gm, timers__gm="t1 = 0.05\nt2 = 0.4", limits="connect_timeout = 1.0")


@contextlib.contextmanager
def open_site(directory: Path, gm: str = "") -> Iterator[Site]:
    with open_lab(phones=PHONES) as lab, running(lab, directory, impatient(lab, gm)):
        pump = Pump()
        core = Core(
            Address(lab.v4.core, PORT),
            [subscriber(number) for number in range(PHONES)],
            socket_factory=placed_in(lab.core.entered),
            pump=pump,
        )
        site = Site(lab, core, pump, count(), [])
        try:
            yield site
        finally:
            for peer in (*site.phones, core):
                peer.close()
            pump.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_site(tmp_path_factory.mktemp("site")) as made:
        yield made


# --- where answers and requests arrive


@pytest.mark.parametrize("version", [4, 6])
def test_over_udp_answers_come_from_pc_to_us(site: Site, version: int) -> None:
    phone = site.phone(version)
    answers = [phone.register(), phone.message("sip:bob@example.com")]
    assert phone.current
    for answer in answers:
        assert answer.status == 200
        assert _way(answer) == ("UDP", phone.current.peer.port_c, phone.current.own.port_s)
    phone.assert_clean()


@pytest.mark.parametrize("version", [4, 6])
def test_over_tcp_answers_come_on_the_requests_connection(site: Site, version: int) -> None:
    phone = site.phone(version, "TCP")
    answers = [phone.register(), phone.message("sip:bob@example.com")]
    assert phone.current
    for answer in answers:
        assert answer.status == 200
        assert _way(answer) == ("TCP", phone.current.peer.port_s, phone.current.own.port_c)
    assert site.core.request(phone.identity).status == 200
    # While the phone's connection stands, requests to it take that one.
    assert _way(phone.requests("MESSAGE")[0]) == _way(answers[0])
    phone.assert_clean()


@pytest.mark.parametrize("version", [4, 6])
def test_a_fin_deregisters_nobody_and_the_next_request_opens_pc_to_us(
    site: Site, version: int
) -> None:
    phone = site.phone(version, "TCP")
    phone.register()
    assert phone.current
    hang_up(site, phone)
    assert site.core.request(phone.identity, body=b"one").status == 200
    assert site.core.request(phone.identity, body=b"two").status == 200
    ways = {_way(request) for request in phone.requests("MESSAGE")}
    assert ways == {("TCP", phone.current.peer.port_c, phone.current.own.port_s)}
    assert phone.message("sip:bob@example.com", transport="UDP").status == 200
    phone.assert_clean()


def hang_up(site: Site, phone: Phone) -> None:
    """End the phone's connection, and wait until the P-CSCF has noticed."""
    assert phone.current
    assert phone.current.link
    phone.current.link.close()
    port = phone.current.own.port_c
    wait_until(lambda: not _is_connected(site.lab, port), "the P-CSCF has seen the FIN")


def _is_connected(lab: Lab, remote_port: int) -> bool:
    """Whether the P-CSCF has a connection to this port, whole or in CLOSE_WAIT."""
    with lab.pcscf.entered():
        tables = [Path(f"/proc/thread-self/net/{name}").read_text() for name in ("tcp", "tcp6")]
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    return any(row[2].endswith(f":{remote_port:04X}") and row[3] in {"01", "08"} for row in rows)


def _way(received: Received) -> tuple[str, int, int]:
    """Transport, the P-CSCF's port, the phone's port."""
    origin = received.origin
    return origin.transport, origin.remote.port, origin.local.port


# --- nothing in clear


def refuses(phone: Phone) -> None:
    """Nothing listens on us, as on a phone whose SIP stack has gone."""
    assert phone.current
    phone._ports._tcp[phone.current.own.port_s].close()


def forgets(phone: Phone) -> None:
    """The phone has lost its SAs: what comes under them vanishes."""
    assert phone.current
    assert phone.current.sas
    phone.installer.remove(phone.current.sas)
    phone.current.sas = None


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(
    ("transport", "happens", "status"),
    [("TCP", refuses, 480), ("TCP", forgets, 480), ("UDP", forgets, 408)],
)
def test_what_cannot_be_delivered_under_the_sas_is_not_delivered(
    site: Site, version: int, transport: str, happens: Callable[[Phone], None], status: int
) -> None:
    phone = site.phone(version, transport)
    phone.register()
    assert phone.current
    if transport == "TCP":
        hang_up(site, phone)
    happens(phone)
    with site.lab.pcscf.capture("gm") as capture:
        assert site.core.request(phone.identity, timeout=20).status == status
    assert capture.protocols(phone.address) == {ESP}
    assert phone.requests("MESSAGE") == []


def test_clear_text_to_protected_ports_vanishes(site: Site) -> None:
    lab, before = site.lab, site.lab.pcscf.xfrm_errors()
    for version in (4, 6):
        at = lab.addresses(version)
        with lab.ue.socket((at.ue, 5999)) as stranger:
            for port in (PORT_PS, FIRST_PC):
                stranger.sendto(b"OPTIONS sip:a SIP/2.0\r\n\r\n", (at.pcscf_gm, port))
            stranger.settimeout(0.2)
            with pytest.raises(TimeoutError):
                stranger.recv(2048)
        with lab.ue.socket((at.ue, 0), socket.SOCK_STREAM) as stranger:
            stranger.settimeout(0.2)
            with pytest.raises(TimeoutError):
                stranger.connect((at.pcscf_gm, PORT_PS))
    after = lab.pcscf.xfrm_errors()
    assert after["XfrmInTmplMismatch"] - before.get("XfrmInTmplMismatch", 0) >= 6


# --- the unprotected port


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_registered_phones_message_in_clear_is_refused(site: Site, transport: str) -> None:
    phone = site.phone()
    phone.register()
    before = len(site.core.requests("MESSAGE"))
    answer = _in_clear(phone, transport, "MESSAGE", "sip:bob@example.com")
    assert (answer.status, answer.origin.role) == (403, "clear")
    assert len(site.core.requests("MESSAGE")) == before


@pytest.mark.parametrize("uri", ["urn:service:sos", "urn:service:sos.fire"])
def test_a_phone_in_need_is_sent_elsewhere(site: Site, uri: str) -> None:
    phone = site.phone()
    answer = _in_clear(phone, "UDP", "MESSAGE", uri)
    assert answer.status == 380
    assert answer.message.header("content-type") == "application/3gpp-ims+xml"
    assert b"<type>emergency</type>" in answer.message.body


def _in_clear(phone: Phone, transport: str, method: str, uri: str) -> Received:
    request = _request(phone, phone.contact_at(None), transport, method, uri)
    return phone.finish(phone.send_over(None, request, transport))


def _request(phone: Phone, at: Address, transport: str, method: str, uri: str) -> Message:
    headers = [
        ("Via", f"SIP/2.0/{transport} {at};branch={phone.new_branch()}"),
        ("Max-Forwards", "70"),
        ("From", f"<{phone.identity}>;tag={phone.new_id()}"),
        ("To", f"<{uri}>"),
        ("Call-ID", phone.new_id()),
        ("CSeq", f"1 {method}"),
    ]
    return Message(f"{method} {uri} SIP/2.0", headers)


# --- selectors


class LooseXfrm(IpXfrm):
    """The SAs of a phone that sends to pc from uc as well.

    Its SA to ps has no ports, and one more policy sends uc -> pc under that SA.
    """

    def install(self, sas: PhoneSas) -> None:
        super().install(sas)
        ends = f"src {sas.ue} dst {sas.pcscf}"
        spi = sas.peer.spi_s
        self._run([f"xfrm state delete {ends} proto esp spi {spi}", self._without_ports(sas)])
        self._run(
            [
                f"xfrm policy add {ends} sport {sas.own.port_c} dport {sas.peer.port_c} dir out"
                f" priority 900 tmpl {ends} proto esp spi {spi} mode transport reqid {REQID}"
            ]
        )

    def _without_ports(self, sas: PhoneSas) -> str:
        return re.sub(r" [sd]port \d+", "", install_lines(sas)[0])


def test_tolerant_selectors_take_what_strict_ones_drop(site: Site, tmp_path: Path) -> None:
    strict = site.phone(sas=LooseXfrm(site.lab.ue.name))
    strict.register()
    with pytest.raises(NothingCameError):
        _message_to_pc(strict)
    assert site.lab.pcscf.xfrm_errors()["XfrmInStateMismatch"] > 0
    assert strict.message("sip:bob@example.com").status == 200
    with open_site(tmp_path, 'selectors = "tolerant"') as other:
        for version in (4, 6):
            phone = other.phone(version, sas=LooseXfrm(other.lab.ue.name))
            phone.register()
            assert phone.message("sip:bob@example.com").status == 200
            assert _message_to_pc(phone).status == 200
            assert other.core.request(phone.identity).status == 200
            phone.assert_clean()
        assert other.lab.pcscf.xfrm_errors() == {}


def _message_to_pc(phone: Phone) -> Received:
    over = phone.current
    assert over
    request = _request(phone, phone.contact_at(over), "UDP", "MESSAGE", "sip:bob@example.com")
    to_pc = phone._ports.udp(over.own.port_c, Address(phone.pcscf.host, over.peer.port_c))
    return phone.finish(phone.start(request, to_pc, role="uc", reliable=False), timeout=1)
