"""What a P-CSCF has to live through: its own crash, much coming and going, hostile input."""

import contextlib
import random
import socket
from collections.abc import Iterator
from itertools import cycle, islice, product
from pathlib import Path

import pytest

from tests.netns.lab import Lab, open_lab
from tests.netns.moments import MOMENTS
from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import PcscfProcess, config, running
from tests.netns.site import PEER, PORT, WAYS, Site, open_site
from tests.peers import text
from tests.peers.agreement import draw
from tests.peers.core import Reaction
from tests.peers.phone import Phone
from tests.peers.sas import hops
from tests.peers.text import Address
from tests.sip import samples
from tests.sip.mutations import MUTATIONS

pytestmark = pytest.mark.esp

LINGER = 0.3
PHONES = 50
OPERATIONS = 200
# Of another program in our namespace: SAs from and to addresses of ours, and policies.
FOREIGN = (
    "xfrm state add src 192.0.2.250 dst 192.0.2.1 proto esp spi 0x1234 reqid 99 mode transport"
    " auth-trunc hmac(sha1) 0x0102030405060708090a0b0c0d0e0f1011121314 96"
    ' enc ecb(cipher_null) ""',
    "xfrm state add src 2001:db8:1::1 dst 2001:db8:1::b proto esp spi 0x1234 mode transport"
    " aead rfc4106(gcm(aes)) 0x0102030405060708090a0b0c0d0e0f1011121314 128",
    "xfrm policy add src 192.0.2.250 dst 192.0.2.1 dport 7000 dir in"
    " tmpl proto esp mode transport reqid 99",
    "xfrm policy add src 2001:db8:1::/64 dst 2001:db8:1::1 dport 7000 dir in action block",
)


# --- a crash


def test_after_a_crash_only_our_own_leftovers_go(tmp_path: Path) -> None:
    """SIGKILL while phones are at every point of a registration, over every way."""
    with open_lab(phones=4 * len(MOMENTS)) as lab, open_site(lab) as site:
        lab.pcscf.ip(*FOREIGN)
        foreign = lab.pcscf.xfrm_states(), lab.pcscf.xfrm_policies()
        with running(lab, tmp_path, config(lab)) as pcscf:
            policies = sorted(map(str, lab.pcscf.xfrm_policies()))
            phones = []
            for (version, transport), moment in product(WAYS, MOMENTS):
                phones.append(site.phone(version, transport=transport))
                moment(site, phones[-1])
            held = site.spis()
            assert len(held) > 4 * len(phones)
            pcscf.kill()
            assert site.spis() == held  # nobody has cleared up yet
            assert sorted(map(str, lab.pcscf.xfrm_policies())) == policies  # nor opened a port
            pcscf.start_again()
            assert lab.pcscf.xfrm_states() == foreign[0]
            assert sorted(map(str, lab.pcscf.xfrm_policies())) == policies
            for register in site.dropped:
                site.answer_late(register)
            site.settle()
            assert lab.pcscf.xfrm_states() == foreign[0]
            for phone in phones:
                phone.restart()
                phone.register()
                assert phone.message(PEER).status == 200
            assert len(site.states()) == 4 * len(phones) + len(foreign[0])
            assert sorted(map(str, lab.pcscf.xfrm_policies())) == policies
            assert pcscf.stop() == 0
        assert (lab.pcscf.xfrm_states(), lab.pcscf.xfrm_policies()) == foreign


# --- much coming and going


def test_the_kernel_holds_the_sas_of_those_who_are_registered(tmp_path: Path) -> None:
    with (
        open_lab(phones=PHONES) as lab,
        running(lab, tmp_path, config(lab, security=f"sa_linger = {LINGER}")),
        open_site(lab) as site,
    ):
        ways = islice(cycle(WAYS), PHONES)
        phones = [site.phone(version, transport=transport) for version, transport in ways]
        policies = lab.pcscf.xfrm_policies()
        source = random.Random(33203)
        for peer in (site.core, *phones):
            peer.record = False
        for _ in range(OPERATIONS):
            _come_or_go(site, source.choice(phones), source)
        expected = {one for phone in phones for one in _states_of(phone)}
        assert 0 < len(expected) < 4 * PHONES  # both kinds of phones are there
        wait_until(lambda: _installed(lab) == expected, "the replaced SAs are gone")
        assert lab.pcscf.xfrm_policies() == policies
        for phone in phones:
            if phone.current:
                phone.deregister()
        wait_until(lambda: not _installed(lab), "all have left")
        assert lab.pcscf.xfrm_policies() == policies


def _come_or_go(site: Site, phone: Phone, source: random.Random) -> None:
    """A phone that is out registers; one that is in renews in one of four ways, or leaves."""
    what = source.choices(["challenged", "unchallenged", "in clear", "restarted", "leave"])[0]
    if phone.current and what == "leave":
        phone.deregister()
        return
    if phone.current and what == "unchallenged":
        site.core.next.append(Reaction(challenge=False))
        phone.register()
    elif phone.current and what == "in clear":
        phone.take_challenge(phone.sm1(protected=False, numbers=draw(None)))
        phone.install()
        phone.accept(phone.sm7(protected=None))
    else:
        if what == "restarted":
            phone.restart()
        phone.register()
    phone.drop_old()
    # TS 33.203 7.4: the old set goes once the new one was used.
    assert phone.message(PEER).status == 200


def _states_of(phone: Phone) -> set[tuple[str, int]]:
    """Destination and SPI of the phone's four SAs; nothing for one that has left."""
    if phone.current is None or phone.current.sas is None:
        return set()
    sas = phone.current.sas
    return {(sas.pcscf if hop.outbound else sas.ue, hop.spi) for hop in hops(sas)}


def _installed(lab: Lab) -> set[tuple[str, int]]:
    return {(state.dst, state.spi) for state in lab.pcscf.xfrm_states()}


# --- hostile input

SO_RCVBUFFORCE = 33  # asm-generic/socket.h
RECEIVE_BUFFER = 8 << 20  # octets; a burst and all its retransmissions
BURST = 50  # datagrams
STREAMS = 16  # connections that follow a burst
ROUNDS = 80  # of both, on both sides: 10,560 messages
WARM_UP = 60
# Messages are 1 KB and more: were they kept, this would not do. Collecting garbage in large
# lots (pcscf.net.start) lets some 5 MB pile up before it levels off.
MAX_GROWTH = 10 << 10  # KB
MAX_DATAGRAM = 65507  # octets over IPv4
MESSAGE_TIMEOUT = 0.5
TEXTS = (samples.REGISTER, samples.CHALLENGE, samples.OK)
WITH_KEYS = text.parse(samples.CHALLENGE).header("www-authenticate")
OPTIONS = (
    "OPTIONS sip:ping@example.com SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{call}\r\n"
    "Max-Forwards: 1\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\n"
    "Call-ID: {call}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


class Attacker:
    """Sends broken messages to one unprotected port, and sees that sound ones are answered."""

    def __init__(self, lab: Lab, *, at_core: bool) -> None:
        self.source = random.Random(5060)
        self.challenges = 0
        self._namespace = lab.core if at_core else lab.ue
        self._host = lab.v4.core if at_core else lab.v4.ue
        self._target = (lab.v4.pcscf_core if at_core else lab.v4.pcscf_gm, PORT)
        # OPTIONS of the core asks whether we live; on Gm nobody is registered here.
        self._expected = b"SIP/2.0 200 " if at_core else b"SIP/2.0 403 "
        self._udp = self._namespace.socket((self._host, PORT))
        # What is passed on to us while we send must not push out the answer that we wait for.
        # The constant has no name in Python; FORCE goes past net.core.rmem_max.
        self._udp.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)

    def close(self) -> None:
        self._udp.close()

    def mutated(self, data: bytes) -> bytes:
        for _ in range(self.source.randint(1, 4)):
            data = self.source.choice(MUTATIONS)(self.source, data)
        return data[:MAX_DATAGRAM]

    def _message(self) -> bytes:
        # A branch of its own, or it would be taken for a copy of the one before.
        branch = b"z9hG4bK%x" % self.source.getrandbits(64)
        return self.mutated(self.source.choice(TEXTS).replace(b"z9hG4bK-524287-1", branch))

    def attack(self) -> None:
        """Send a burst of datagrams, then some streams."""
        for _ in range(BURST):
            self.datagram(self._message())
        self.ping()
        for _ in range(STREAMS):
            self.stream(self._message())

    def datagram(self, data: bytes) -> None:
        self._udp.sendto(data, self._target)

    def ping(self) -> None:
        """Wait for the answer to a sound request, and so for all that was sent before it."""
        call = f"ping{self.source.getrandbits(64):x}"
        self.datagram(OPTIONS.format(at=Address(self._host, PORT), call=call).encode())
        while True:
            data = self._udp.recv(MAX_DATAGRAM)
            if f"Call-ID: {call}\r\n".encode() in data:
                assert data.startswith(self._expected)
                return
            self._challenge(data)

    def _challenge(self, data: bytes) -> None:
        """A REGISTER that came through to the core gets a broken challenge with keys."""
        with contextlib.suppress(ValueError, KeyError):
            request = text.parse(data)
            if request.is_request and request.method == "REGISTER":
                headers = [("WWW-Authenticate", WITH_KEYS)]
                answer = text.make_response(request, 401, "Unauthorized", headers)
                self.datagram(self.mutated(answer.to_bytes()))
                self.challenges += 1

    def connect(self) -> socket.socket:
        link = self._namespace.socket((self._host, 0), socket.SOCK_STREAM)
        link.connect(self._target)
        return link

    def stream(self, data: bytes) -> bytes:
        """Send octets on a connection of their own, end it, and return the first answer."""
        # It may be reset before all is sent.
        with self.connect() as link, contextlib.suppress(ConnectionError):
            link.sendall(data)
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_WR)
            return link.recv(MAX_DATAGRAM)
        return b""


def impatient(lab: Lab) -> str:
    """Short timers, and room for many registrations in progress of one phone."""
    return config(
        lab,
        limits=f"message_timeout = {MESSAGE_TIMEOUT}\nmax_pending_per_source = 1000",
        timers__core="t1 = 0.02\nt2 = 0.04",
        timers__gm="t1 = 0.02\nt2 = 0.04",
        security="reg_await_auth = 1.0",
    )


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, PcscfProcess]]:
    """One P-CSCF for all that is hostile: what one test breaks, the next ones may see."""
    directory = tmp_path_factory.mktemp("attacked")
    with open_lab(phones=2) as lab, running(lab, directory, impatient(lab)) as pcscf:
        yield lab, pcscf


@pytest.fixture
def attackers(attacked: tuple[Lab, PcscfProcess]) -> Iterator[list[Attacker]]:
    """One on each side. What they did must not be felt by phones that come behind them."""
    lab, pcscf = attacked
    made = [Attacker(lab, at_core=side) for side in (False, True)]
    yield made
    for attacker in made:
        attacker.close()
    assert pcscf.process.poll() is None
    assert "Traceback" not in pcscf.log
    assert "event_failed" not in pcscf.log
    with open_site(lab) as site:
        for phone in (site.phone(4), site.phone(6)):
            phone.register()
            assert phone.message(PEER).status == 200
            phone.deregister()


def test_of_mutated_messages_nothing_is_kept(
    attacked: tuple[Lab, PcscfProcess], attackers: list[Attacker]
) -> None:
    lab, pcscf = attacked
    for _ in range(WARM_UP):
        for attacker in attackers:
            attacker.attack()
    before = _resident(pcscf)
    for _ in range(ROUNDS):
        for attacker in attackers:
            attacker.attack()
    assert _resident(pcscf) - before < MAX_GROWTH
    assert sum(attacker.challenges for attacker in attackers) > ROUNDS  # some came that far
    wait_until(lambda: not lab.pcscf.xfrm_states(), "no SA of an unanswered challenge is left")


def test_what_is_too_large_is_refused(attackers: list[Attacker]) -> None:
    head = samples.REGISTER.replace(b"Content-Length: 0", b"Content-Length: 60000")
    for attacker in attackers:
        attacker.datagram(samples.REGISTER + bytes(MAX_DATAGRAM - len(samples.REGISTER)))
        attacker.datagram(b"x" * MAX_DATAGRAM)
        attacker.ping()
        assert attacker.stream(head).startswith((b"SIP/2.0 413 ", b"SIP/2.0 513 "))
        for endless in (b"a" * 1_000_000, samples.REGISTER[:-4] + b"\r\nX: y" * 100_000):
            # The answer is lost where the connection is reset while we still send.
            assert attacker.stream(endless)[:12] in {b"SIP/2.0 513 ", b""}


def test_half_a_head_is_no_message(attackers: list[Attacker]) -> None:
    for attacker in attackers:
        for length in range(1, len(samples.REGISTER), 97):
            attacker.datagram(samples.REGISTER[:length])
            assert attacker.stream(samples.REGISTER[:length]) == b""
        attacker.ping()


def test_slow_senders_are_cut_off(attackers: list[Attacker]) -> None:
    for attacker in attackers:
        with contextlib.ExitStack() as stack:
            links = [stack.enter_context(attacker.connect()) for _ in range(10)]
            patience = MESSAGE_TIMEOUT + 2
            wait_until(lambda: not any([_drips(link) for link in links]), "cut off", patience)  # noqa: B023, C419 - used at once; each is to send


def _drips(link: socket.socket) -> bool:
    """Send one more octet; whether anybody still takes it."""
    try:
        link.send(b"R")
    except ConnectionError:
        return False
    return True


def test_esp_with_wrong_spis_or_wrong_keys_is_dropped_by_the_kernel(
    attacked: tuple[Lab, PcscfProcess], attackers: list[Attacker]
) -> None:
    lab, _ = attacked
    for attacker in attackers:
        attacker.close()  # the phone and the core take their addresses
    with (
        open_site(lab) as site,
        lab.ue.entered(),
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ESP) as raw,
    ):
        phone = site.phone()
        phone.register()
        assert phone.current
        unknown, known = 0x7777, phone.current.peer.spi_s
        source, before = random.Random(50), lab.pcscf.xfrm_errors()
        for spi in [unknown, known] * 500:
            sequence = source.randint(1, 2**32 - 1)
            header = spi.to_bytes(4, "big") + sequence.to_bytes(4, "big")
            raw.sendto(header + source.randbytes(source.randint(0, 1400)), (lab.v4.pcscf_gm, 0))
        errors = lab.pcscf.xfrm_errors()
        assert errors["XfrmInNoStates"] - before.get("XfrmInNoStates", 0) == 500
        assert sum(errors.values()) - sum(before.values()) >= 1000
        assert phone.message(PEER).status == 200  # nor is its window moved
        phone.deregister()


def _resident(pcscf: PcscfProcess) -> int:
    """Resident memory, KB."""
    status = Path(f"/proc/{pcscf.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])
