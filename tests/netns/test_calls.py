"""Calls and other requests between two phones, through the P-CSCF, each message under ESP."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import PcscfProcess
from tests.netns.site import LINGER, SLACK, Site, came_under, every_way, open_site
from tests.peers.incoming import IncomingCall
from tests.peers.outgoing import Call
from tests.peers.peer import Received
from tests.peers.phone import Phone
from tests.peers.router import RoutingCore
from tests.peers.text import Message

pytestmark = [pytest.mark.esp, pytest.mark.usefixtures("overheard")]

T1, T2 = 0.1, 0.8  # seconds, of the P-CSCF: its transactions are over before long
TIMERS = f"t1 = {T1}\nt2 = {T2}\nt4 = {T2}"
OVER = 64 * T1 + 5  # seconds; all timers of a transaction have run out

LARGE = 6000  # octets: five fragments of an Ethernet frame
BINARY = bytes(range(256))  # a short message is no text (3GPP TS 24.341)
SMS = [("Content-Type", "application/vnd.3gpp.sms")]


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    return {
        "security": f"sa_linger = {LINGER}\nsa_slack = {SLACK}",
        "timers__gm": TIMERS,
        "timers__core": TIMERS,
    }


@pytest.fixture(scope="module")
def shared_site(pcscf: PcscfProcess) -> Iterator[Site]:
    """A core that routes between its phones. At the end the P-CSCF must hold nothing at all."""
    with open_site(pcscf.lab, kind=RoutingCore) as made:
        yield made
        wait_until(lambda: made.states() == [], "no SA is left")
        with contextlib.suppress(AssertionError):  # what is left says more
            wait_until(lambda: not any(pcscf.held().values()), "nothing is held", OVER)
        held = pcscf.held()
        assert held == dict.fromkeys(held, 0)
        assert "event_failed" not in pcscf.log


@pytest.fixture
def site(site: Site, pcscf: PcscfProcess) -> Iterator[Site]:
    """At the end of each test no dialog is left, though its phones are registered.

    An early one may last as long as its INVITE (RFC 6026): another 2xx could confirm it.
    """
    yield site
    try:
        wait_until(lambda: not pcscf.held()["dialogs"], "no dialog is left", OVER)
    finally:
        site.deregister_phones()


@pytest.fixture
def phones(site: Site, version: int, transport: str) -> tuple[Phone, Phone]:
    return registered(site, version, transport), registered(site, version, transport)


def registered(site: Site, version: int = 4, transport: str = "UDP") -> Phone:
    phone = site.phone(version, transport=transport)
    phone.register()
    return phone


def talking(caller: Phone, callee: Phone) -> tuple[Call, IncomingCall]:
    """A call that was answered, with what a call of phones has on its way there."""
    call = caller.invite(callee.identity, caller.sdp)
    there = callee.wait_for_call()
    there.ring(180)
    call.wait(180)
    there.answer(200, callee.sdp)
    call.wait(200)
    there.wait_for_ack()
    return call, there


def same_body(sent: bytes, got: Received | Message) -> None:
    message = got if isinstance(got, Message) else got.message
    assert message.body == sent


# --- calls


@every_way
@pytest.mark.parametrize("who", ["caller", "callee"])
def test_a_call_and_either_side_hangs_up(phones: tuple[Phone, Phone], who: str) -> None:
    alice, bob = phones
    call, there = talking(alice, bob)
    same_body(alice.sdp, there.invite)
    same_body(bob.sdp, call.answered[0])
    first, second = (call, there) if who == "caller" else (there, call)
    assert first.bye().status == 200
    second.dialog.wait_for("BYE")
    for phone in phones:
        assert all(came_under(phone, one) is phone.current for one in phone.requests("INVITE"))


@every_way
def test_preconditions_pass(phones: tuple[Phone, Phone]) -> None:
    """A reliable 183, PRACK, UPDATE, then ringing: a call of VoLTE (RFC 3262, 3311, 3312)."""
    alice, bob = phones
    call = alice.invite(bob.identity, alice.sdp)
    there = bob.wait_for_call()
    there.ring(183, reliable=True, body=bob.sdp)
    progress = call.wait(183)
    assert call.prack(progress).status == 200
    assert call.update(alice.sdp).status == 200
    there.ring(180)
    call.wait(180)
    there.answer(200)
    call.wait(200)
    there.wait_for_ack()
    assert call.info(b"x", headers=[("Content-Type", "text/plain")]).status == 200
    assert there.update(bob.sdp).status == 200
    assert there.bye().status == 200


@every_way
def test_a_reinvite_moves_the_target(phones: tuple[Phone, Phone]) -> None:
    alice, bob = phones
    call, there = talking(alice, bob)
    contact = alice.contact.replace("sip:", "sip:moved", 1)
    again = call.reinvite(alice.sdp, contact=contact)
    again.wait(200)
    assert there.info(b"x").status == 200
    (info,) = alice.requests("INFO")
    assert "moved" in info.message.uri
    assert call.bye().status == 200


@every_way
@pytest.mark.parametrize("ringing", [True, False])
def test_the_caller_gives_up(phones: tuple[Phone, Phone], *, ringing: bool) -> None:
    alice, bob = phones
    bob.trying = ringing
    call = alice.invite(bob.identity, alice.sdp)
    there = bob.wait_for_call()
    if ringing:
        there.ring(180)
        call.wait(180)
    else:
        there.send_trying()
    assert call.cancel().status == 200
    there.wait_for_cancel()
    call.wait(487)
    there.wait_for_ack()


@every_way
@pytest.mark.parametrize("status", [486, 603, 404])
def test_the_callee_declines(phones: tuple[Phone, Phone], status: int) -> None:
    alice, bob = phones
    call = alice.invite(bob.identity, alice.sdp)
    there = bob.wait_for_call()
    there.reject(status)
    call.wait(status)
    there.wait_for_ack()


def test_nobody_of_that_name(site: Site) -> None:
    alice = registered(site)
    alice.invite("sip:nobody@example.com", alice.sdp).wait(404)


@pytest.mark.parametrize("ways", [("UDP", "TCP"), ("TCP", "UDP")])
def test_a_call_between_transports(site: Site, ways: tuple[str, str]) -> None:
    alice, bob = (registered(site, transport=transport) for transport in ways)
    call, there = talking(alice, bob)
    assert there.invite.origin.transport == ways[1]
    assert call.bye().status == 200


def test_a_call_between_families(site: Site) -> None:
    alice, bob = registered(site, 4), registered(site, 6)
    call, _ = talking(alice, bob)
    assert call.bye().status == 200


@every_way
def test_a_call_goes_on_under_new_sas(phones: tuple[Phone, Phone]) -> None:
    """Both phones register anew in the middle of it; the old sets are gone by its end."""
    alice, bob = phones
    call, there = talking(alice, bob)
    for phone in phones:
        phone.register()
    assert call.info(b"one").status == 200
    assert there.info(b"two").status == 200
    for phone in phones:
        (info,) = phone.requests("INFO")
        phone.drop_old()
        assert info.message.body in {b"one", b"two"}
    assert call.update(alice.sdp).status == 200
    assert there.bye().status == 200
    assert came_under(alice, alice.requests("BYE")[0]) is alice.current


# --- a core that forks

each_once = pytest.mark.parametrize(("version", "transport"), [(4, "UDP"), (6, "TCP")])


@pytest.fixture
def forked(site: Site, version: int, transport: str) -> Iterator[tuple[Phone, list[Phone]]]:
    """A caller, and two phones of one user."""
    alice = registered(site, version, transport)
    first = site.phone(version, transport=transport, instance="urn:uuid:1")
    first.register()
    card = first.subscription
    second = site.phone(version, card=card, transport=transport, instance="urn:uuid:2")
    second.register()
    assert isinstance(site.core, RoutingCore)
    site.core.forks = True
    yield alice, [first, second]
    site.core.forks = False


@each_once
def test_two_phones_ring_and_one_answers(forked: tuple[Phone, list[Phone]]) -> None:
    """Each early dialog is used by itself; the one that is not answered ends with its CANCEL."""
    alice, bobs = forked
    call = alice.invite(bobs[0].identity, alice.sdp)
    theirs = [bob.wait_for_call() for bob in bobs]
    for number, (there, bob) in enumerate(zip(theirs, bobs, strict=True), 1):
        there.ring(183, reliable=True, body=bob.sdp)
        progress = call.wait(183, number=number)
        same_body(bob.sdp, progress)
        assert call.prack(progress).status == 200
        assert call.dialog_of(progress).request("UPDATE", body=b"x").status == 200
        assert len(bob.requests("PRACK")) == len(bob.requests("UPDATE")) == 1
    assert len(call.dialogs) == 2
    theirs[1].answer(200)
    call.wait(200)
    theirs[0].wait_for_cancel()
    theirs[0].wait_for_ack()
    theirs[1].wait_for_ack()
    assert call.bye().status == 200
    theirs[1].dialog.wait_for("BYE")


@each_once
def test_two_phones_answer_at_once(site: Site, forked: tuple[Phone, list[Phone]]) -> None:
    """Both 2xx reach the caller, which acknowledges both and hangs up both (RFC 6026)."""
    alice, bobs = forked
    call = alice.invite(bobs[0].identity, alice.sdp)
    theirs = [bob.wait_for_call() for bob in bobs]
    with site.core.lock:  # its CANCEL would be faster
        for there, bob in zip(theirs, bobs, strict=True):
            there.answer(200, bob.sdp)
    wait_until(lambda: len(call.answered) == 2, "two answers")
    for there in theirs:
        there.wait_for_ack()
    for answer in list(call.answered):
        assert call.dialog_of(answer).request("BYE").status == 200
    assert [len(bob.requests("BYE")) for bob in bobs] == [1, 1]


# --- other requests


@every_way
@pytest.mark.parametrize("size", [len(BINARY), LARGE])
def test_messages_of_any_size(phones: tuple[Phone, Phone], size: int) -> None:
    """A large one goes to a phone over TCP, whatever it registered over (RFC 3261 18.1.1)."""
    body = (BINARY * (size // 256 + 1))[:size]
    for sender, getter in (phones, phones[::-1]):
        assert short_message(sender, getter, body).status == 200
        (got,) = getter.requests("MESSAGE")
        same_body(body, got)
        assert got.origin.transport == ("TCP" if size == LARGE else getter.transport)
        assert came_under(getter, got) is getter.current


def short_message(sender: Phone, getter: Phone, body: bytes) -> Received:
    return sender.finish(sender.start_request("MESSAGE", getter.identity, headers=SMS, body=body))


@pytest.mark.parametrize("version", [4, 6])
def test_a_phone_without_tcp_gets_fragments(site: Site, version: int) -> None:
    """Once it has refused, nobody knocks there again."""
    alice, bob = registered(site, version), registered(site, version)
    bob.refuse_tcp()
    fragments = "IpFragCreates" if version == 4 else "Ip6FragCreates"
    for number in (1, 2):
        before = site.lab.pcscf.counters()
        body = BINARY * 23 + bytes([number])
        assert short_message(alice, bob, body).status == 200
        after = site.lab.pcscf.counters()
        assert after["TcpAttemptFails"] - before["TcpAttemptFails"] == (number == 1)
        assert after[fragments] - before[fragments] >= LARGE // 1500
        got = bob.requests("MESSAGE")[-1]
        same_body(body, got)
        assert got.origin.transport == "UDP"
    assert len(bob.requests("MESSAGE")) == 2


def test_a_phone_that_registered_by_tcp_and_writes_by_udp(site: Site) -> None:
    """As iPhones do; one SA carries both (TS 33.203 7.1)."""
    alice, bob = registered(site, transport="TCP"), registered(site)
    for transport in ("UDP", "TCP"):
        answer = alice.message(bob.identity, transport=transport)
        assert (answer.status, answer.origin.transport) == (200, transport)
        assert came_under(alice, answer) is alice.current
    assert len(bob.requests("MESSAGE")) == 2
    assert bob.message(alice.identity).status == 200
    assert alice.requests("MESSAGE")[0].origin.transport == "TCP"


@every_way
def test_a_subscription(phones: tuple[Phone, Phone]) -> None:
    alice, bob = phones
    dialog = alice.subscribe(bob.identity, event="presence")
    there = bob.wait_for_dialog()
    active = [("Event", "presence"), ("Subscription-State", "active;expires=100")]
    assert there.request("NOTIFY", headers=active).status == 200
    assert dialog.request("SUBSCRIBE", headers=[("Event", "presence")]).status == 200
    last = [("Event", "presence"), ("Subscription-State", "terminated")]
    assert there.request("NOTIFY", headers=last).status == 200


@every_way
def test_one_of_each_method(phones: tuple[Phone, Phone]) -> None:
    alice, bob = phones
    assert alice.options(bob.identity).status == 200
    assert bob.options(alice.identity).status == 200
    assert len(alice.requests("OPTIONS")) == len(bob.requests("OPTIONS")) == 1
    assert alice.publish(alice.identity, b"<presence/>").status == 200
    alice.refer(bob.identity, "sip:third@example.com")
    assert (
        bob.wait_for_dialog()
        .request("NOTIFY", headers=[("Event", "refer"), ("Subscription-State", "terminated")])
        .status
        == 200
    )


def test_what_the_other_side_sees(site: Site) -> None:
    """Network's own headers stay in the network; who calls is the network's word."""
    alice, bob = registered(site), registered(site)
    headers = [("P-Asserted-Identity", "<sip:boss@example.com>"), ("X-Custom", " kept  as is ")]
    sent = alice.start_request("MESSAGE", bob.identity, headers=headers)
    assert alice.finish(sent).status == 200
    (got,) = bob.requests("MESSAGE")
    assert got.message.header("p-asserted-identity") == f"<{alice.identity}>"
    assert got.message.header("p-called-party-id") == f"<{bob.identity}>"
    assert got.message.header("x-custom") == "kept  as is"
    for name in ("p-charging-vector", "security-verify", "require", "proxy-require"):
        assert name not in got.message
