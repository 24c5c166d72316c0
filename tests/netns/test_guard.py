"""A flood on the unprotected port, and phones that are to notice nothing of it."""

import threading
import time
from collections.abc import Iterator

import pytest

from tests.netns.lab import open_lab
from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import PcscfProcess, config, running
from tests.netns.site import PORT, Site, open_site
from tests.peers.phone import Phone

pytestmark = pytest.mark.esp

PHONES = 12
RATE, BURST, BLOCKED = 50, 100, 3  # a second, at once, seconds
OPTIONS = (
    "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:5060;branch=z9hG4bK{number}\r\n"
    "From: <sip:x@y>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: {number}\r\nCSeq: 1 OPTIONS\r\n"
    "{more}Content-Length: 0\r\n\r\n"
)


@pytest.fixture(scope="module")
def pcscf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PcscfProcess]:
    with open_lab(PHONES) as lab:
        guard = (
            f"source_rate = {RATE}\nsource_burst = {BURST}\nblock_time = {BLOCKED}\n"
            "user_rate = 20\nuser_burst = 40"
        )
        text = config(lab, guard=guard)
        with running(lab, tmp_path_factory.mktemp("pcscf"), text) as process:
            yield process


@pytest.fixture
def site(pcscf: PcscfProcess) -> Iterator[Site]:
    with open_site(pcscf.lab) as made:
        made._numbers = numbers  # each phone another address
        yield made
        for phone in made.close_phones():
            phone.assert_clean()


numbers = iter(range(PHONES))


def registered(site: Site) -> Phone:
    phone = site.phone()
    phone.register()
    return phone


class Flood:
    """Somebody who sends as fast as it goes, from a phone's address."""

    def __init__(self, site: Site, host: str, more: str = "") -> None:
        self.sent = 0
        self.answers = 0
        self._stop = threading.Event()
        self._sock = site.lab.ue.socket((host, 7000))
        self._sock.setblocking(False)
        self._target = (site.lab.v4.pcscf_gm, PORT)
        self._host, self._more = host, more
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            for _ in range(20):
                self.one()
            time.sleep(0.005)

    def one(self) -> None:
        """Send one request, and count what has come back."""
        text = OPTIONS.format(to=self._host, host=self._host, number=self.sent, more=self._more)
        try:
            self._sock.sendto(text.encode(), self._target)
            self.sent += 1
            while True:
                self._sock.recv(65535)
                self.answers += 1
        except BlockingIOError:
            return

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._sock.close()


def test_a_flood_leaves_registered_phones_untouched(site: Site, pcscf: PcscfProcess) -> None:
    """And a new phone elsewhere registers as if nothing were."""
    phone = registered(site)
    flood = Flood(site, site.lab.v4.phones[next(numbers)])
    try:
        wait_until(lambda: " source_blocked " in pcscf.log, "the source is blocked")
        answers, sent = flood.answers, flood.sent
        for _ in range(10):
            assert phone.message("sip:b@example.com", timeout=5).status == 200
        assert site.core.request(phone.identity).status == 200
        other = registered(site)
        assert other.message("sip:b@example.com", timeout=5).status == 200
    finally:
        flood.stop()
    assert flood.sent > sent + 20  # it went on
    assert flood.answers - answers < 20  # those that were under way
    pcscf.held()
    counted = pcscf.log.rpartition(" counted ")[2]
    assert "guard_dropped_blocked=" in counted


def test_a_block_ends(site: Site, pcscf: PcscfProcess) -> None:
    host = site.lab.v4.phones[next(numbers)]
    before = pcscf.log.count(" source_blocked ")
    flood = Flood(site, host)
    wait_until(lambda: pcscf.log.count(" source_blocked ") > before, "the source is blocked")
    flood.stop()
    again = Flood(site, host)
    again.stop()
    assert again.answers == 0
    wait_until(lambda: " source_free " in pcscf.log, "it is let free", BLOCKED + 2)


def test_a_scanner_is_not_answered(site: Site, pcscf: PcscfProcess) -> None:
    host = site.lab.v4.phones[next(numbers)]
    scanner = Flood(site, host, "User-Agent: friendly-scanner\r\n")
    time.sleep(0.3)
    scanner.stop()
    assert scanner.sent
    assert scanner.answers == 0


def test_one_user_has_a_rate_of_its_own(site: Site) -> None:
    """503 with Retry-After; another user is not concerned."""
    greedy, modest = registered(site), registered(site)
    statuses = [greedy.message("sip:b@example.com").status for _ in range(80)]
    assert statuses[:20] == [200] * 20
    assert 503 in statuses
    refused = next(one for one in greedy.received if one.status == 503)
    assert int(refused.message.header("retry-after")) > 0
    assert modest.message("sip:b@example.com").status == 200
