"""Which way answers and requests take to a phone, and what never goes in clear."""

import re
import socket
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.netns.lab import Lab, open_lab
from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import config, running
from tests.netns.site import PEER, LabXfrm, Site, every_way, open_site
from tests.peers.agreement import draw
from tests.peers.core import Reaction
from tests.peers.peer import NothingCameError, Received, Sent
from tests.peers.phone import Phone
from tests.peers.sas import REQID, PhoneSas, install_lines
from tests.peers.text import Address, Message
from tests.peers.wire import TcpLink

pytestmark = pytest.mark.esp

PORT_PS, FIRST_PC = 6100, 6112
ESP = socket.IPPROTO_ESP


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    """A P-CSCF that gives up on a phone after 3.2 s over UDP, 1 s over TCP."""
    return {"timers__gm": "t1 = 0.05\nt2 = 0.4", "limits": "connect_timeout = 1.0"}


# --- where answers and requests arrive


@pytest.mark.parametrize("version", [4, 6])
def test_over_udp_answers_come_from_pc_to_us(site: Site, version: int) -> None:
    phone = site.phone(version)
    answers = [phone.register(), phone.message(PEER)]
    assert phone.current
    for answer in answers:
        assert answer.status == 200
        assert _way(answer) == ("UDP", phone.current.peer.port_c, phone.current.own.port_s)


@pytest.mark.parametrize("version", [4, 6])
def test_over_tcp_answers_come_on_the_requests_connection(site: Site, version: int) -> None:
    phone = site.phone(version, transport="TCP")
    answers = [phone.register(), phone.message(PEER)]
    assert phone.current
    for answer in answers:
        assert answer.status == 200
        assert _way(answer) == ("TCP", phone.current.peer.port_s, phone.current.own.port_c)
    assert site.core.request(phone.identity).status == 200
    # While the phone's connection stands, requests to it take that one.
    assert _way(phone.requests("MESSAGE")[0]) == _way(answers[0])


@pytest.mark.parametrize("version", [4, 6])
def test_a_fin_deregisters_nobody_and_the_next_request_opens_pc_to_us(
    site: Site, version: int
) -> None:
    phone = site.phone(version, transport="TCP")
    phone.register()
    assert phone.current
    hang_up(site, phone)
    assert site.core.request(phone.identity, body=b"one").status == 200
    assert site.core.request(phone.identity, body=b"two").status == 200
    port = phone.current.own.port_s
    for link in phone._ports._tcp[port].links:
        link.close()
    wait_until(lambda: not _connections(site.lab, port), "the P-CSCF has seen the FIN")
    assert site.core.request(phone.identity, body=b"three").status == 200
    ways = [_way(request) for request in phone.requests("MESSAGE")]
    assert ways == [("TCP", phone.current.peer.port_c, phone.current.own.port_s)] * 3
    assert phone.message(PEER, transport="UDP").status == 200


@pytest.mark.parametrize("version", [4, 6])
def test_an_answer_whose_connection_is_gone_opens_pc_to_us(site: Site, version: int) -> None:
    phone = site.phone(version, transport="TCP")
    phone.register()
    assert phone.current
    sent, register = site.unanswered(phone.send_sm1)
    hang_up(site, phone)
    site.answer_late(register)
    answer = phone.accept(phone.finish(sent))
    assert _way(answer) == ("TCP", phone.current.peer.port_c, phone.current.own.port_s)


@pytest.mark.parametrize("version", [4, 6])
def test_transports_may_be_mixed_under_one_set(site: Site, version: int) -> None:
    """As phones do that register over TCP and send their messages over UDP."""
    phone = site.phone(version, transport="TCP")
    phone.register()
    assert phone.current
    own, peer = phone.current.own, phone.current.peer
    for _ in range(2):
        assert _way(phone.message(PEER, transport="UDP")) == ("UDP", peer.port_c, own.port_s)
        assert _way(phone.message(PEER, transport="TCP")) == ("TCP", peer.port_s, own.port_c)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(("first", "second"), [("UDP", "TCP"), ("TCP", "UDP")])
def test_a_registration_may_go_from_one_transport_to_the_other(
    site: Site, version: int, first: str, second: str
) -> None:
    phone = site.phone(version)
    phone.take_challenge(phone.sm1(transport=first))
    phone.install()
    phone.accept(phone.sm7(transport=second))
    site.talks(phone)
    site.core.next.append(Reaction(challenge=False))
    phone.register(transport=first)
    site.talks(phone)


@pytest.mark.parametrize("version", [4, 6])
def test_a_phone_may_answer_from_us(site: Site, version: int) -> None:
    """Some do: us -> pc is the SA for the reverse of a connection, and takes datagrams too."""
    phone = site.phone(version)
    phone.register()
    phone.answer_from_us = True
    site.talks(phone)


# --- connections that end while a request is on its way


def fin(sock: socket.socket) -> None:
    """Say goodbye and read no more: the kernel acknowledges what still comes, nobody gets it."""
    sock.shutdown(socket.SHUT_WR)


def rst(sock: socket.socket) -> None:
    """Forget the connection at once."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize("end", [fin, rst])
@pytest.mark.parametrize("version", [4, 6])
def test_a_request_that_meets_the_end_of_the_phones_connection_arrives_from_pc_to_us(
    site: Site, version: int, end: Callable[[socket.socket], None]
) -> None:
    phone = site.phone(version, transport="TCP")
    phone.register()
    assert phone.current
    assert phone.current.link
    asked = crossing(site, phone, phone.current.link, end)
    assert site.core.finish(asked).status == 200
    (request,) = phone.requests("MESSAGE")
    assert _way(request) == ("TCP", phone.current.peer.port_c, phone.current.own.port_s)


@pytest.mark.parametrize("end", [fin, rst])
@pytest.mark.parametrize("version", [4, 6])
def test_a_request_that_meets_the_end_of_our_connection_fails_at_once(
    site: Site, version: int, end: Callable[[socket.socket], None]
) -> None:
    phone = site.phone(version, transport="TCP")
    phone.register()
    assert phone.current
    hang_up(site, phone)
    assert site.core.request(phone.identity, body=b"opens pc to us").status == 200
    (ours,) = phone._ports._tcp[phone.current.own.port_s].links
    asked = crossing(site, phone, ours, end)
    assert site.core.finish(asked).status == 480
    assert len(phone.requests("MESSAGE")) == 1
    # The phone is there as before.
    assert phone.message(PEER, transport="UDP").status == 200


def crossing(site: Site, phone: Phone, link: TcpLink, end: Callable[[socket.socket], None]) -> Sent:
    """Let a request of the core and the end of the phone's connection pass each other.

    Nothing leaves the phone until the P-CSCF has written to the connection.
    """
    port = link.origin.local.port
    wait_until(lambda: not _has_unacknowledged(site.lab, port), "what came before has arrived")
    with link._sock.dup() as held:
        link.close()
        with site.lab.ue.impaired("gm", "loss 100%"):
            end(held)
            asked = site.core.start_request(phone.identity)
            wait_until(lambda: _has_unacknowledged(site.lab, port), "the request is in it")
        wait_until(lambda: not _connections(site.lab, port), "the P-CSCF has seen the end")
    return asked


def hang_up(site: Site, phone: Phone) -> None:
    """End the phone's connection, and wait until the P-CSCF has noticed."""
    assert phone.current
    assert phone.current.link
    phone.current.link.close()
    port = phone.current.own.port_c
    wait_until(lambda: not _connections(site.lab, port), "the P-CSCF has seen the FIN")


def _has_unacknowledged(lab: Lab, port: int) -> bool:
    """Whether the P-CSCF has sent to this port what the phone has not acknowledged."""
    return any(int(row[4].partition(":")[0], 16) for row in _connections(lab, port))


def _connections(lab: Lab, port: int) -> list[list[str]]:
    """The P-CSCF's connections to this port, whole or in CLOSE_WAIT: rows of proc_net_tcp."""
    with lab.pcscf.entered():
        tables = [Path(f"/proc/thread-self/net/{name}").read_text() for name in ("tcp", "tcp6")]
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    return [row for row in rows if row[2].endswith(f":{port:04X}") and row[3] in {"01", "08"}]


def test_a_phone_that_vanished_is_reached_again_on_the_same_ports(tmp_path: Path) -> None:
    """Our ends of its old connections, without SAs, cannot even say goodbye."""
    with (
        open_lab() as lab,
        running(lab, tmp_path, config(lab, gm='ports_pc = "6112-6113"')),
        open_site(lab) as site,
    ):
        phone = site.phone(transport="TCP")
        numbers = draw(None)
        ways = []
        for _ in range(3):  # the third time both are as they were the first time
            phone.register(numbers=numbers)
            hang_up(site, phone)
            ways.append(_way(site.request_to(phone)))
            forgets(phone)
            phone.restart()
            site.core.registrar.records[phone.subscription.impi].bindings.clear()
            numbers = draw(None)._replace(port_s=numbers.port_s)
        assert ways[0] == ways[2] != ways[1]


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
    phone = site.phone(version, transport=transport)
    phone.register()
    assert phone.current
    if transport == "TCP":
        hang_up(site, phone)
    happens(phone)
    with site.lab.pcscf.capture("gm") as capture:
        assert site.core.request(phone.identity, timeout=20).status == status
    assert capture.protocols(phone.address) == {ESP}
    assert phone.requests("MESSAGE") == []


@pytest.mark.parametrize("version", [4, 6])
def test_a_phone_cannot_send_under_anothers_sas(site: Site, version: int) -> None:
    """Its keys would do; the selector binds the address (TS 33.203 7.1)."""
    victim, thief = site.phone(version), site.phone(version)
    victim.register()
    agreement = victim.current
    assert agreement
    assert agreement.sas
    stolen = replace(agreement.sas, ue=thief.address)
    forgets(victim)  # two states of one SPI cannot be in one namespace
    before, mismatches = len(site.core.received), _mismatches(site)
    site.lab.ue.ip(*install_lines(stolen)[:2])
    request = _request(victim, victim.contact_at(agreement), "UDP", "MESSAGE", PEER)
    with site.lab.ue.socket((thief.address, stolen.own.port_c)) as uc:
        for _ in range(2):  # the first one has the sequence number of SM7
            uc.sendto(request.to_bytes(), (stolen.pcscf, stolen.peer.port_s))
        wait_until(lambda: _mismatches(site) > mismatches, "the kernel has dropped it")
    assert len(site.core.received) == before
    assert victim.received[-1].message.method == "REGISTER"
    assert thief.received == []


def _mismatches(site: Site) -> int:
    return site.lab.pcscf.xfrm_errors().get("XfrmInStateMismatch", 0)


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


@every_way
@pytest.mark.parametrize("method", ["MESSAGE", "SUBSCRIBE", "OPTIONS", "PUBLISH"])
def test_what_is_no_register_is_refused_in_clear(
    site: Site, version: int, transport: str, method: str
) -> None:
    registered, stranger = site.phone(version), site.phone(version)
    registered.register()
    before = len(site.core.received)
    for phone in (registered, stranger):
        answer = _in_clear(phone, transport, method, PEER)
        assert (answer.status, answer.origin.role) == (403, "clear")
    assert len(site.core.received) == before


@every_way
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
@pytest.mark.parametrize("uri", ["urn:service:sos", "urn:service:sos.fire", "URN:service:SOS"])
def test_a_phone_in_need_is_sent_elsewhere(
    site: Site, version: int, transport: str, uri: str, method: str
) -> None:
    phone = site.phone(version)
    answer = _in_clear(phone, transport, method, uri)
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


class LooseXfrm(LabXfrm):
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
    strict = site.phone(sas=LooseXfrm(site.lab.ue))
    strict.register()
    before = _mismatches(site)
    with pytest.raises(NothingCameError):
        _message_to_pc(strict)
    assert _mismatches(site) == before + 1
    assert strict.message(PEER).status == 200
    with (
        open_lab(phones=2) as lab,
        running(lab, tmp_path, config(lab, gm='selectors = "tolerant"')),
        open_site(lab) as other,
    ):
        for version in (4, 6):
            phone = other.phone(version, sas=LooseXfrm(other.lab.ue))
            phone.register()
            assert phone.message(PEER).status == 200
            assert _message_to_pc(phone).status == 200
            assert other.core.request(phone.identity).status == 200
            phone.assert_clean()
        assert other.lab.pcscf.xfrm_errors() == {}


def _message_to_pc(phone: Phone) -> Received:
    over = phone.current
    assert over
    request = _request(phone, phone.contact_at(over), "UDP", "MESSAGE", PEER)
    to_pc = phone._ports.udp(over.own.port_c, Address(phone.pcscf.host, over.peer.port_c))
    return phone.finish(phone.start(request, to_pc, role="uc", reliable=False), timeout=1)
