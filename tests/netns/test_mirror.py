"""What a trace and the mirror show of messages inside ESP, and that no key gets out with them.

The trace is held against the decoder, which reads captures of both links, and against what the
phones' sockets noted.
"""

import contextlib
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import pytest

from pcscf.decode import SipMessage
from pcscf.mirror import ladder
from pcscf.mirror.reader import Reader
from tests.demo.overheard import of_hosts
from tests.log_events import ROOT, documented
from tests.mirror.test_hep import chunks
from tests.netns.decoding import overhearing
from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import PcscfProcess
from tests.netns.site import PEER, Site, every_way
from tests.peers.phone import Phone

pytestmark = pytest.mark.esp

COLLECTOR = 9060
LARGE = "m" * 9000  # more than any link takes in one packet

Said = tuple[str, str, str, int | None, bytes]


@pytest.fixture(scope="module")
def admin(pcscf: PcscfProcess) -> Path:
    return pcscf.socket


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    return {
        "log": 'level = "debug"\nformat = "json"',
        "mirror": f'hep = "udp:198.51.100.2:{COLLECTOR}"\nhep_capture_id = 77',
    }


class Watching:
    """A trace that is being read, by a thread."""

    def __init__(self, admin: Path, who: str) -> None:
        self.lines: list[bytes] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(10)
        self._socket.connect(str(admin))
        self._connection = HTTPConnection("localhost")
        self._connection.sock = self._socket
        self._connection.request("GET", f"/api/trace/{quote(who, safe='')}")
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := self._answer.readline():
                self.lines.append(line)

    @property
    def messages(self) -> list[SipMessage]:
        found = map(Reader().read, list(self.lines))
        return [one for one in found if isinstance(one, SipMessage)]

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._connection.close()


@contextlib.contextmanager
def watching(admin: Path, who: str) -> Iterator[Watching]:
    one = Watching(admin, who)
    try:
        yield one
    finally:
        one.close()


def said(message: SipMessage) -> Said:
    spi = message.sa.spi if message.sa else None
    return message.transport, str(message.src), str(message.dst), spi, message.data


def keys_of(phone: Phone) -> list[str]:
    results = [one.result for one in phone.agreements if one.result is not None]
    assert results
    return [key.hex() for one in results for key in (one.ck, one.ik)]


@every_way
@pytest.mark.parametrize("by", ["impu", "impi", "address"])
def test_a_trace_shows_what_is_on_gm_under_the_right_sas(
    site: Site, admin: Path, version: int, transport: str, by: str
) -> None:
    with overhearing(site) as heard:
        phone, other = site.phone(version, transport=transport), site.phone()
        who = {"impu": phone.identity, "impi": phone.subscription.impi, "address": phone.address}
        with watching(admin, who[by]) as trace:
            phone.register()
            other.register()
            assert phone.message(PEER, "up").status == 200
            assert other.message(PEER, "not ours").status == 200
            assert site.core.request(phone.identity, body=b"down").status == 200
            phone.register()
            assert phone.message(PEER, "new set").status == 200
            phone.deregister()
            on_gm = of_hosts(heard.assert_all_read(), [phone.address])
            wait_until(lambda: len(gm(trace, phone)) >= len(on_gm), "the trace has it all")
    assert Counter(map(said, gm(trace, phone))) == Counter(map(said, on_gm))
    assert sum(one.sa is not None for one in on_gm) >= 12
    to_core = [one for one in trace.messages if phone.address not in (one.src.host, one.dst.host)]
    assert [one.start_line.split()[0] for one in to_core].count("MESSAGE") == 3
    assert not any(b"not ours" in line for line in map(one_body, trace.messages))
    times = [one.time for one in trace.messages]
    assert times == sorted(times)
    assert abs(times[0] - on_gm[0].time) < 1e9


def gm(trace: Watching, phone: Phone) -> list[SipMessage]:
    return of_phone(trace.messages, phone)


def of_phone(messages: list[SipMessage], phone: Phone) -> list[SipMessage]:
    return [one for one in messages if phone.address in (one.src.host, one.dst.host)]


def one_body(message: SipMessage) -> bytes:
    return message.data.partition(b"\r\n\r\n")[2]


def test_the_ladder_of_a_trace_names_who_is_who(site: Site, admin: Path) -> None:
    phone = site.phone()
    with watching(admin, phone.address) as trace:
        phone.register()
        wait_until(lambda: len(trace.messages) >= 8, "the trace has a registration")
    sink = BytesIO()
    ladder.write(trace.lines, sink)
    text = sink.getvalue().decode()
    assert f"UE is {phone.address}\n" in text
    spi = phone.agreements[-1].peer.spi_s
    assert f"ESP 0x{spi:08x}" in text
    assert "registered for" in text


def test_the_mirror_takes_all_of_it_large_messages_too(site: Site, pcscf: PcscfProcess) -> None:
    with site.lab.core.socket((site.lab.v4.core, COLLECTOR)) as collector:
        collector.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        phone = site.phone(6, transport="TCP")
        phone.register()
        assert phone.message(PEER, LARGE).status == 200
        copies: list[dict[int, bytes]] = []
        while not copies or LARGE.encode() not in copies[-1][15]:
            copies.append(chunks(collector.recv(65_535)))
    assert {copy[12] for copy in copies} == {(77).to_bytes(4, "big")}
    assert any(copy[1] == b"\x0a" and copy[2] == b"\x06" for copy in copies)
    challenge = next(copy[15] for copy in copies if b' ck="' in copy[15])
    assert b' ck="' + 32 * b"x" + b'"' in challenge
    assert not any(key.encode() in copy[15] for key in keys_of(phone) for copy in copies)
    assert '"event": "sip_is_mirrored"' in pcscf.log


def test_no_line_of_the_log_has_a_key_and_each_is_as_documented(
    site: Site, pcscf: PcscfProcess
) -> None:
    phone = site.phone()
    phone.register()
    site.talks(phone)
    phone.register()
    phone.deregister()
    wait_until(lambda: pcscf.log.count('"deregistered"') > 0, "it is told")
    log = pcscf.log
    assert not any(key in log.lower() for key in keys_of(phone))
    events = documented((ROOT / "docs" / "log.md").read_text())
    usual = {"timestamp", "level", "event"}
    levels = set()
    for line in map(json.loads, log.splitlines()):
        levels.add(line["level"])
        known = events[line["event"]]
        assert line["level"] in known.levels, line
        assert line.keys() - usual <= known.fields, line
    assert {"debug", "info", "warning"} <= levels
