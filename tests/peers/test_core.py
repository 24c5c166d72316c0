"""The core on loopback: reactions, requests to phones, and as a process."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.peers.core import Core, Reaction
from tests.peers.peer import NothingCameError
from tests.peers.phone import Phone
from tests.peers.registrar import Behaviour
from tests.peers.sas import NoSas
from tests.peers.subscription import save, subscriber
from tests.peers.text import Address, Message

ROOT = Path(__file__).parents[2]


@pytest.fixture
def registered(make_phone, core):
    phone = make_phone()
    phone.register()
    return phone


def test_delay(make_phone, core):
    phone = make_phone()
    core.next.append(Reaction(delay=0.1))
    started = time.monotonic()
    assert phone.sm1().status == 401
    assert time.monotonic() - started >= 0.1


@pytest.mark.parametrize("status", [302, 480, 503])
def test_told_status(make_phone, core, status):
    core.next.append(Reaction(status=status, headers=[("Contact", "<sip:else@where>")]))
    phone = make_phone()
    answer = phone.sm1()
    assert answer.status == status
    assert answer.message.header("contact") == "<sip:else@where>"
    phone.register()


def test_second_challenge(make_phone, core):
    phone = make_phone()
    core.next += [Reaction(), Reaction(challenge=True)]
    phone.take_challenge(phone.sm1())
    again = phone.sm7()
    assert again.status == 401
    phone.take_challenge(again)
    assert phone.sm7().status == 200


def test_everything_is_recorded(registered, core):
    register = core.requests("REGISTER")[-1]
    assert 'integrity-protected="yes"' in register.message.header("authorization")
    assert register.origin.remote.host == registered.address


def test_request_follows_the_path(registered, core):
    binding = core.bindings(registered.identity)[0]
    binding.path = [f"<sip:token@{registered.contact_at(None)};lr>", "<sip:next;lr>"]
    binding.contact = "<sip:u@192.0.2.1:1>"
    answer = core.request(registered.identity, "OPTIONS", headers=[("X-One", "1")], body=b"b")
    request = registered.requests("OPTIONS")[0].message
    assert answer.status == 200
    assert request.uri == "sip:u@192.0.2.1:1"
    assert request.elements("route") == binding.path
    assert (request.get("x-one"), request.body) == ("1", b"b")
    assert request.header("p-called-party-id") == f"<{registered.identity}>"


def test_nobody_to_ask(core):
    with pytest.raises(LookupError, match="not registered"):
        core.start_request(subscriber(2).impus[0])


def test_answers_to_other_requests(registered, core):
    core.answers["MESSAGE"] = (404, "Not Found", [("Warning", '399 x "y"')])
    answer = registered.message("sip:x@example.com")
    assert (answer.status, "warning" in answer.message) == (404, True)
    core.answers["MESSAGE"] = None
    with pytest.raises(NothingCameError):
        registered.message("sip:x@example.com", timeout=0.1)


def test_subscription_and_notification(registered, core):
    sent = registered.start_request(
        "SUBSCRIBE",
        registered.identity,
        headers=[
            ("Event", "reg"),
            ("Expires", "600"),
            ("Contact", f"<sip:{registered.contact_at(None)}>"),
        ],
    )
    answer = registered.finish(sent)
    assert answer.message.header("expires") == "600"
    (subscribe,) = core.requests("SUBSCRIBE")
    notify = core.start_notify(subscribe, b"<reginfo/>")
    assert core.finish(notify).status == 200
    (received,) = registered.requests("NOTIFY")
    assert received.message.header("from") == answer.message.header("to")
    assert received.message.header("event") == "reg"


@pytest.mark.parametrize("rport", [False, True])
def test_answer_goes_where_the_via_says(core, rport):
    """RFC 3261 18.2.2 and RFC 3581: to the port in Via, or with rport to the source."""
    kind = (socket.AF_INET, socket.SOCK_DGRAM)
    with socket.socket(*kind) as asking, socket.socket(*kind) as waiting:
        waiting.bind(("127.0.0.1", 0))
        port = waiting.getsockname()[1]
        via = f"SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK1" + (";rport" if rport else "")
        headers = [("Via", via), ("From", "<sip:a>;tag=1"), ("To", "<sip:a>")]
        headers += [("Call-ID", "c"), ("CSeq", "1 OPTIONS")]
        asking.sendto(Message("OPTIONS sip:a SIP/2.0", headers).to_bytes(), core.address)
        hears = asking if rport else waiting
        hears.settimeout(5)
        assert hears.recv(9999).startswith(b"SIP/2.0 200 OK\r\n")


def test_ipv6():
    core = Core(Address("::1", 0), [subscriber(1)], Behaviour())
    phone = Phone(subscriber(1), "::1", core.address, sas=NoSas(), clear_port=0, offer=None)
    try:
        phone.register(integrity_protected="yes")
        assert core.bindings(phone.identity)[0].uri.startswith("sip:001010000000001@[::1]:")
        assert core.request(phone.identity).status == 200
    finally:
        phone.close()
        core.close()


def test_processes(tmp_path):
    """Both command lines, over loopback and without IPsec."""
    cards = tmp_path / "cards.json"
    save(cards, [subscriber(1)])
    python = [sys.executable, "-m"]
    core_command = ["tests.peers.core", "--bind", "127.0.0.1:0", "--keep-keys"]
    phone_command = ["tests.peers.phone", "--address", "127.0.0.1", "--port", "0"]
    phone_command += ["--offer", "none", "--claim-protection", "--message", "sip:b@example.com"]
    with subprocess.Popen(
        [*python, *core_command, "--subscribers", str(cards)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as core:
        assert core.stdout
        address = core.stdout.readline().split()[-1]
        phone = subprocess.run(
            [*python, *phone_command, "--subscribers", str(cards), "--pcscf", address],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        core.send_signal(signal.SIGTERM)
        shown = core.stdout.read()
    assert phone.returncode == 0, phone.stderr
    assert phone.stdout.splitlines()[0].startswith("registered sip:001010000000001@")
    assert "MESSAGE sip:b@example.com: SIP/2.0 200 OK" in phone.stdout
    assert core.returncode == 0
    assert "REGISTER sip:ims.mnc001.mcc001.3gppnetwork.org SIP/2.0" in shown
