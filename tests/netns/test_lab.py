"""The lab itself: links, captures, loss, and ESP that really encrypts."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.netns.lab import Lab, open_lab
from tests.netns.namespace import NETNS_DIR, Namespace, wait_until
from tests.netns.shell import CommandError

pytestmark = pytest.mark.esp

AUTH = "auth-trunc hmac(sha1) 0x0102030405060708090a0b0c0d0e0f1011121314 96"
ENC = "enc cbc(aes) 0x0102030405060708090a0b0c0d0e0f10"
REQID = 4242
PAYLOAD = b"MESSAGE sip:alice@example.org SIP/2.0"


def send(source: Namespace, src: str, target: Namespace, dst: str) -> bytes:
    """Send one datagram and return what came."""
    with source.socket((src, 5060)) as sender, target.socket((dst, 5061)) as receiver:
        sender.sendto(PAYLOAD, (dst, 5061))
        return receiver.recv(2048)


def secure(namespace: Namespace, src: str, dst: str, direction: str) -> None:
    """Install the SA src -> dst, and the policy that requires it in one direction."""
    namespace.ip(
        f"xfrm state add src {src} dst {dst} proto esp spi 0x1001 reqid {REQID}"
        f" mode transport {AUTH} {ENC}",
        f"xfrm policy add dir {direction} src {src} dst {dst} proto udp sport 5060 dport 5061"
        f" tmpl proto esp mode transport reqid {REQID}",
    )


@pytest.mark.parametrize("version", [4, 6])
def test_a_datagram_goes_through_encrypted(lab: Lab, version: int) -> None:
    at = lab.addresses(version)
    secure(lab.ue, at.ue, at.pcscf_gm, "out")
    secure(lab.pcscf, at.ue, at.pcscf_gm, "in")
    with lab.pcscf.capture("gm") as capture:
        assert send(lab.ue, at.ue, lab.pcscf, at.pcscf_gm) == PAYLOAD
    captured = b"".join(capture.frames())
    assert (0x1001).to_bytes(4, "big") in captured
    assert PAYLOAD not in captured
    (state,) = lab.pcscf.xfrm_states()
    assert (state.src, state.dst, state.spi, state.reqid) == (at.ue, at.pcscf_gm, 0x1001, REQID)
    assert (state.auth, state.auth_bits, state.enc) == ("hmac(sha1)", 96, "cbc(aes)")
    assert state.packets == 1
    (policy,) = lab.pcscf.xfrm_policies()
    assert (policy.direction, policy.proto, policy.reqid) == ("in", "esp", REQID)


def test_clear_text_to_a_port_that_requires_esp_is_dropped_and_counted(lab: Lab) -> None:
    at = lab.v4
    secure(lab.pcscf, at.ue, at.pcscf_gm, "in")
    with lab.pcscf.socket((at.pcscf_gm, 5061)) as receiver, lab.ue.socket((at.ue, 5060)) as sender:
        receiver.settimeout(0.3)
        sender.sendto(PAYLOAD, (at.pcscf_gm, 5061))
        with pytest.raises(TimeoutError):
            receiver.recv(2048)
    assert lab.pcscf.xfrm_errors() == {"XfrmInTmplMismatch": 1}


@pytest.mark.parametrize("version", [4, 6])
def test_every_link_and_phone_works_at_once(version: int) -> None:
    with open_lab(phones=50) as lab:
        at = lab.addresses(version)
        assert len(set(at.phones)) == 50
        assert send(lab.pcscf, at.pcscf_core, lab.core, at.core) == PAYLOAD
        for phone in (at.phones[0], at.phones[49]):
            assert send(lab.ue, phone, lab.pcscf, at.pcscf_gm) == PAYLOAD


def test_phones_do_not_reach_the_core_past_the_pcscf(lab: Lab) -> None:
    with lab.ue.socket((lab.v4.ue, 5060)) as sender, pytest.raises(OSError, match="unreachable"):
        sender.sendto(PAYLOAD, (lab.v4.core, 5061))


def test_a_capture_is_a_file_that_scapy_reads(lab: Lab, tmp_path: Path) -> None:
    from scapy.layers.inet import UDP
    from scapy.utils import rdpcap

    with lab.ue.capture("gm") as capture:
        send(lab.ue, lab.v4.ue, lab.pcscf, lab.v4.pcscf_gm)
    capture.write(tmp_path / "gm.pcap")
    read = rdpcap(str(tmp_path / "gm.pcap"))
    (datagram,) = [packet for packet in read if UDP in packet]
    assert bytes(datagram[UDP].payload) == PAYLOAD
    assert [bytes(packet) for packet in read] == [bytes(packet) for packet in capture.scapy()]
    assert abs(float(datagram.time) - float(capture.scapy()[-1].time)) < 1


def test_loss_comes_and_goes(lab: Lab) -> None:
    at = lab.v4
    send(lab.ue, at.ue, lab.pcscf, at.pcscf_gm)  # or the loss of an ARP request holds up both
    with lab.pcscf.socket((at.pcscf_gm, 5061)) as receiver, lab.ue.socket((at.ue, 5060)) as sender:
        receiver.settimeout(0.3)
        with lab.ue.impaired("gm", "loss 100%"):
            sender.sendto(b"lost", (at.pcscf_gm, 5061))
            with pytest.raises(TimeoutError):
                receiver.recv(2048)
        sender.sendto(PAYLOAD, (at.pcscf_gm, 5061))
        assert receiver.recv(2048) == PAYLOAD


def test_processes_run_in_their_namespace_and_end_with_the_lab() -> None:
    listen = "import socket, time; s = socket.create_server(('192.0.2.1', 5060)); time.sleep(600)"
    with open_lab() as lab:
        process = lab.pcscf.popen(sys.executable, "-c", listen)
        assert isinstance(process, subprocess.Popen)

        def connects() -> bool:
            with lab.ue.socket((lab.v4.ue, 0), socket.SOCK_STREAM) as phone:
                return phone.connect_ex((lab.v4.pcscf_gm, 5060)) == 0

        wait_until(connects, "a connection from the phone")
    assert process.wait(timeout=5) == -9
    assert not (NETNS_DIR / lab.pcscf.name).exists()


def test_commands_run_one_after_the_other_whatever_became_of_the_last(lab: Lab) -> None:
    assert lab.ue.run("printf", "no newline") == "no newline"
    assert lab.ue.run("cat", stdin="$HOME 'as it is'\n") == "$HOME 'as it is'\n\n"
    with pytest.raises(CommandError, match="false"):
        lab.ue.run("false")
    with pytest.raises(CommandError, match="not found"):
        lab.ue.run("no such command")
    with pytest.raises(CommandError, match="no-such-link"):
        lab.ue.ip("link set lo mtu 1000", "link set no-such-link up", "link set lo mtu 2000")
    lab.ue.ip("link set lo alias still-there")
    links = lab.ue.run("ip", "link", "show", "lo")
    assert "mtu 1000" in links
    assert "still-there" in links


def test_a_lab_that_fails_leaves_nothing(lab: Lab) -> None:
    before = sorted(NETNS_DIR.iterdir())
    with pytest.raises(CommandError, match="no-such-link"), open_lab() as other:
        other.ue.ip("link set no-such-link up")
    assert sorted(NETNS_DIR.iterdir()) == before
