"""Hostile input on the unprotected ports, against the real process.

What a phone does under its own SAs is in ``test_hostile_phone``; the same attacker against a
server whose objects can be counted is in ``tests/net/test_growth.py``.
"""

import contextlib
import errno
import random
import socket
import time
from collections.abc import Iterator

import pytest

from tests.attacker import MAX_DATAGRAM, Attacker
from tests.netns.hostile import MESSAGE_TIMEOUT, impatient, little_kept
from tests.netns.lab import Lab, open_lab
from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import PcscfProcess, running
from tests.netns.site import PEER, PORT, open_site
from tests.sip import samples

pytestmark = pytest.mark.esp

ENDLESS = b"x" * 200_000
WARM_UP = 40
ROUNDS = 80  # of bursts and streams, on both sides: 10,560 messages


def attacker_at(lab: Lab, *, at_core: bool) -> Attacker:
    """One in the core's place, or a phone that is registered nowhere."""
    namespace = lab.core if at_core else lab.ue
    host = lab.v4.core if at_core else lab.v4.ue
    return Attacker(
        namespace.socket((host, PORT)),
        lambda: namespace.socket((host, 0), socket.SOCK_STREAM),
        (lab.v4.pcscf_core if at_core else lab.v4.pcscf_gm, PORT),
        # OPTIONS of the core asks whether we live.
        expected=b"SIP/2.0 200 " if at_core else b"SIP/2.0 403 ",
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
    made = [attacker_at(lab, at_core=side) for side in (False, True)]
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
    with little_kept(pcscf, *attackers):
        for _ in range(ROUNDS):
            for attacker in attackers:
                attacker.attack()
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


def test_of_streams_without_end_nothing_is_kept(
    attacked: tuple[Lab, PcscfProcess], attackers: list[Attacker]
) -> None:
    _, pcscf = attacked
    for attacker in attackers:
        attacker.stream(ENDLESS)
    with little_kept(pcscf, *attackers):
        for _ in range(100):
            for attacker in attackers:
                attacker.stream(ENDLESS)


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


def send_patiently(raw: socket.socket, packet: bytes, host: str) -> None:
    """Send a packet; the attacker's own queue may be full, where one CPU serves both sides."""
    for _ in range(1000):
        try:
            raw.sendto(packet, (host, 0))
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            time.sleep(0.001)
        else:
            return
    raise AssertionError("the queue stays full")


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
            packet = header + source.randbytes(source.randint(0, 1400))
            send_patiently(raw, packet, lab.v4.pcscf_gm)
        errors = lab.pcscf.xfrm_errors()
        assert errors["XfrmInNoStates"] - before.get("XfrmInNoStates", 0) == 500
        assert sum(errors.values()) - sum(before.values()) >= 1000
        assert phone.message(PEER).status == 200  # nor is its window moved
        phone.deregister()
