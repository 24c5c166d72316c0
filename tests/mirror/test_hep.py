"""HEP3 packets: cut apart here by hand, and read by Kamailio, which has a reader of its own."""

import contextlib
import os
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.mirror.hep import LONGEST, Agent, Encoder
from tests.decode.samples import CK, IK, START, sip

AGENT = Agent(4_000_000_000, "s\u00e9cret", "edge-1")
V4 = Flow(Transport.UDP, Side.CORE, Endpoint("198.51.100.1", 5080), Endpoint("198.51.100.9", 5060))
V6 = Flow(Transport.TCP, Side.PROTECTED, Endpoint("2001:db8::1", 6100), Endpoint("2001:db8::9", 9))
INVITE = sip(
    "INVITE sip:b@example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
    "From: <sip:a@example.net>;tag=1",
    "To: <sip:b@example.net>",
    "Call-ID: one@example.net",
    "CSeq: 1 INVITE",
    "Max-Forwards: 70",
)


def packet(flow: Flow, data: bytes, *, sent: bool = False, agent: Agent = AGENT) -> bytes:
    made = Encoder(agent).packet(flow, data, sent=sent, time=START)
    assert made is not None
    return made


def chunks(data: bytes) -> dict[int, bytes]:
    """The chunks by type; each one's length and the whole's are right."""
    magic, length = struct.unpack_from("!4sH", data)
    assert (magic, length) == (b"HEP3", len(data))
    found, place = {}, 6
    while place < len(data):
        vendor, kind, size = struct.unpack_from("!HHH", data, place)
        assert vendor == 0
        assert kind not in found
        found[kind] = data[place + 6 : place + size]
        place += size
    assert place == len(data)
    return found


def test_a_received_message_over_ipv4_and_udp() -> None:
    seconds, nanoseconds = divmod(START, 1_000_000_000)
    assert chunks(packet(V4, INVITE)) == {
        1: b"\x02",
        2: b"\x11",
        3: ip_address("198.51.100.9").packed,
        4: ip_address("198.51.100.1").packed,
        7: (5060).to_bytes(2, "big"),
        8: (5080).to_bytes(2, "big"),
        9: seconds.to_bytes(4, "big"),
        10: (nanoseconds // 1000).to_bytes(4, "big"),
        11: b"\x01",
        12: AGENT.capture_id.to_bytes(4, "big"),
        14: AGENT.password.encode(),
        15: INVITE,
        17: b"one@example.net",
        19: b"edge-1",
    }


def test_a_sent_message_over_ipv6_and_tcp() -> None:
    found = chunks(packet(V6, INVITE, sent=True))
    assert (found[1], found[2]) == (b"\x0a", b"\x06")
    assert found[5] == ip_address("2001:db8::1").packed
    assert found[6] == ip_address("2001:db8::9").packed
    assert (found[7], found[8]) == ((6100).to_bytes(2, "big"), (9).to_bytes(2, "big"))
    assert not {3, 4} & found.keys()


def test_what_is_not_known_is_left_out() -> None:
    found = chunks(packet(V4, b"OPTIONS sip:x SIP/2.0\r\n\r\n", agent=Agent(0)))
    assert not {14, 17, 19} & found.keys()
    assert found[12] == bytes(4)


def test_keys_are_hidden_before_it_leaves() -> None:
    challenge = sip(
        "SIP/2.0 401 Unauthorized", f'WWW-Authenticate: Digest nonce="n", ck="{CK}", ik="{IK}"'
    )
    made = packet(V4, challenge)
    assert CK.encode() not in made
    assert IK.encode() not in made
    assert len(chunks(made)[15]) == len(challenge)


def test_the_longest_message_goes_and_a_longer_one_does_not() -> None:
    room = LONGEST - len(packet(V4, b"x")) + 1
    assert len(packet(V4, b"x" * room)) == LONGEST
    assert Encoder(AGENT).packet(V4, b"x" * (room + 1), sent=True, time=START) is None
    assert Encoder(AGENT).packet(V4, b"x" * 70_000, sent=True, time=START) is None


CONFIGURATION = """
log_stderror=yes
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "db_flatstore.so"
loadmodule "sipcapture.so"
modparam("sipcapture", "db_url", "flatstore:.")
modparam("sipcapture", "capture_on", 1)
modparam("sipcapture", "hep_capture_on", 1)
request_route { xlog("L_ERR", "GOT $rm $ci $si $sp $proto\\n"); sip_capture(); drop; }
onreply_route { xlog("L_ERR", "GOT $rs $ci $si $sp $proto\\n"); sip_capture(); drop; }
"""


@pytest.fixture
def kamailio(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Kamailio's sipcapture on loopback: its port, and its log."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "capture.cfg").write_text(CONFIGURATION)
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            f"kamailio -DD -E -n 1 -f capture.cfg -l udp:127.0.0.1:{port} -Y . -w . -m 64".split(),
            cwd=tmp_path,
            stdout=file,
            stderr=file,
            env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"},
        )
    try:
        yield port, log
    finally:
        process.terminate()
        process.wait(10)


def test_kamailio_reads_it(kamailio: tuple[int, Path]) -> None:
    port, log = kamailio
    deadline = time.monotonic() + 20
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        while log.read_text().count("GOT") < 2:
            assert time.monotonic() < deadline, log.read_text()
            for flow, sent in ((V4, False), (V6, True)):
                with contextlib.suppress(ConnectionRefusedError):  # it is not there yet
                    sock.send(packet(flow, INVITE, sent=sent))
            time.sleep(0.2)
    told = log.read_text()
    assert "GOT INVITE one@example.net 198.51.100.9 5060 udp\n" in told
    assert "GOT INVITE one@example.net 2001:db8::1 6100 tcp\n" in told
    stored = "".join(file.read_text() for file in log.parent.glob("sip_capture*"))
    first = next(line for line in stored.splitlines() if "|198.51.100.9|" in line).split("|")
    assert first[1] == str(START // 1000)  # microseconds
    ends = first.index("198.51.100.9")
    assert first[ends : ends + 4] == ["198.51.100.9", "5060", "198.51.100.1", "5080"]
    assert any(one.endswith(":4000000000") for one in first)  # node and capture id
    assert first.count("one@example.net") == 2  # Call-ID, and the id that correlates
