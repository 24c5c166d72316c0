"""Two phones call each other through a core that routes, over both transports."""

import pytest

from tests.peers.cleanliness import violations
from tests.peers.dialog import Dialog
from tests.peers.incoming import IncomingCall
from tests.peers.outgoing import Call
from tests.peers.peer import NothingCameError, UnexpectedAnswerError
from tests.peers.phone import Phone
from tests.peers.text import host_port, uri_of

OTHER_SDP = b"v=0\r\no=- 2 2 IN IP4 192.0.2.9\r\ns=-\r\n"


def answered(alice: Phone, bob: Phone) -> tuple[Call, IncomingCall]:
    """A call that stands, from both sides."""
    call = alice.invite(bob.identity, body=alice.sdp)
    there = bob.wait_for_call()
    there.ring()
    there.answer(200, bob.sdp)
    call.wait(200)
    there.wait_for_ack()
    return call, there


def test_call_and_goodbye(alice, bob):
    call, there = answered(alice, bob)
    assert [one.status for one in call.provisionals] == [180]
    assert call.answered[0].message.body == bob.sdp
    assert there.invite.message.body == alice.sdp
    assert call.bye().status == 200
    there.dialog.wait_for("BYE")
    assert there.dialog.ended
    assert alice.dialogs == bob.dialogs == {}


def test_what_an_invite_says(alice, bob):
    alice.instance = "urn:gsma:imei:90420156-025763-0"
    alice.invite(bob.identity, body=alice.sdp, headers=[("P-Early-Media", "supported")])
    request = bob.wait_for_call().invite.message
    contact = request.header("contact")
    assert host_port(uri_of(contact)) == alice.contact_at(alice.current)
    assert contact.endswith(f';+sip.instance="<{alice.instance}>"')
    assert "100rel" in request.elements("supported")
    assert request.values("security-verify") == alice.current.server
    assert request.values("require") == ["sec-agree"]
    assert request.header("p-preferred-identity") == f"<{alice.identity}>"
    assert request.header("p-early-media") == "supported"
    assert request.header("content-type") == "application/sdp"


def test_goodbye_of_the_callee(alice, bob):
    call, there = answered(alice, bob)
    assert there.bye().status == 200
    bye = call.dialog.wait_for("BYE").message
    assert (bye.uri, bye.cseq[0]) == (uri_of(alice.contact), 1)
    assert call.dialog.ended


def test_reliable_ringing(alice, bob):
    call = alice.invite(bob.identity)
    there = bob.wait_for_call()
    there.ring(183, reliable=True, body=bob.sdp)
    ringing = call.wait(183)
    assert (ringing.message.header("rseq"), ringing.message.body) == ("1", bob.sdp)
    assert call.prack(ringing).status == 200
    assert there.dialog.wait_for("PRACK").message.header("rack") == "1 1 INVITE"
    assert call.prack(ringing).status == 481  # nothing is due any more
    there.ring(180, reliable=True)
    assert call.prack(call.wait(180)).status == 200
    there.answer()
    assert call.wait(200).message.cseq == (1, "INVITE")


def test_reliable_ringing_is_repeated_until_its_prack(alice, bob):
    call = alice.invite(bob.identity)
    there = bob.wait_for_call()
    there.ring(180, reliable=True)
    alice.until(lambda: ringings(call) >= 3)
    call.prack(call.wait(180))
    assert len(call.provisionals) == 1
    number = ringings(call)
    with pytest.raises(NothingCameError):
        alice.until(lambda: ringings(call) > number, timeout=0.3)


def ringings(call: Call) -> int:
    return [one.status for one in call.invite.answers].count(180)


def test_update_info_and_others_within_a_call(alice, bob):
    call, there = answered(alice, bob)
    assert call.update(OTHER_SDP).message.body == bob.sdp
    assert there.dialog.wait_for("UPDATE").message.body == OTHER_SDP
    assert there.update().message.body == b""
    assert there.info(b"\0\xff", headers=[("Info-Package", "x")]).status == 200
    assert call.dialog.wait_for("INFO").message.body == b"\0\xff"
    assert call.request("REFER", headers=[("Refer-To", "<sip:c@d>")]).status == 202
    assert there.request("NOTIFY", headers=[("Event", "refer")]).status == 200
    assert [one.message.cseq[0] for one in call.dialog.received] == [1, 2, 3]


def test_order_within_a_dialog_is_kept(alice, bob):
    call, there = answered(alice, bob)
    there.info()
    assert there.request("INFO", cseq=1).status == 500
    assert call.request("INFO", cseq=9).status == 200
    assert len(call.dialog.received) == 1


def test_reinvite_refreshes_the_target(alice, bob):
    call, there = answered(alice, bob)
    moved = alice.contact.replace("<sip:", "<sip:moved-")
    again = call.reinvite(OTHER_SDP, contact=moved)
    assert again.wait(200).message.body == bob.sdp
    assert there.bye().status == 200
    assert call.dialog.wait_for("BYE").message.uri == uri_of(moved)


def test_reinvite_is_the_tests_on_demand(alice, bob):
    call, there = answered(alice, bob)
    alice.accepts = False
    again = there.reinvite()
    asked = alice.wait_for_call()
    assert asked.dialog is call.dialog
    asked.reject(488)
    again.wait(488)
    asked.wait_for_ack()
    assert call.bye().status == 200


def test_refusal_is_acknowledged_hop_by_hop(alice, bob):
    call = alice.invite(bob.identity)
    there = bob.wait_for_call()
    there.reject(486)
    with pytest.raises(UnexpectedAnswerError, match="486"):
        call.wait(200)
    ack = there.wait_for_ack().message
    assert ack.branch == there.invite.message.branch
    assert alice.dialogs == bob.dialogs == {}


def test_cancel(alice, bob):
    call = alice.invite(bob.identity)
    there = bob.wait_for_call()
    there.ring()
    assert call.cancel().status == 200
    call.wait(487)
    assert there.cancelled
    there.wait_for_ack()
    request = bob.requests("CANCEL")[0].message
    assert request.branch == there.invite.message.branch
    assert (request.cseq, "security-verify" in request) == ((1, "CANCEL"), False)


def test_cancel_after_the_answer(alice, bob):
    call, _ = answered(alice, bob)
    assert call.cancel().status == 481
    assert call.bye().status == 200


def test_lost_ack(alice, bob, router):
    """A 2xx comes again until its ACK, over TCP too, and each is acknowledged."""
    router.ignored = {"ACK"}
    call = alice.invite(bob.identity)
    there = bob.wait_for_call()
    there.answer()
    alice.until(lambda: len(call.invite.answers) >= 4)
    router.ignored = set()
    there.wait_for_ack()
    assert len(call.answered) == 1
    acks = [one for one in router.received if one.message.method == "ACK"]
    assert len({one.data for one in acks}) == 1
    assert len(acks) >= 3


def test_lost_invite_and_lost_refusal(alice, bob, router, transport):
    if transport == "TCP":
        return
    router.ignored = {"INVITE"}
    call = alice.invite(bob.identity)
    router.until(lambda: len(router.received) >= 7)  # four of both REGISTERs
    router.ignored = {"ACK"}
    there = bob.wait_for_call()
    there.reject(603)
    alice.until(lambda: [one.status for one in call.invite.answers].count(603) >= 3)
    router.ignored = set()
    there.wait_for_ack()
    assert call.refusal.status == 603


def test_call_is_picked_up_and_nothing_is_kept(alice, bob, router):
    bob.picks_up = True
    for peer in (alice, bob, router):
        peer.record = False
        peer.received.clear()
    for _ in range(20):
        call = alice.invite(bob.identity, body=alice.sdp)
        assert call.wait(200).message.body == bob.sdp
        assert call.bye().status == 200
    assert bob.seen["INVITE"] == bob.seen["BYE"] == 20
    bob.until(lambda: bob.seen["ACK"] == 20)
    assert alice.received == bob.received == router.received == bob.incoming == []
    assert alice.dialogs == bob.dialogs == bob._calls == {}
    assert not [key for key in alice._sent if key[1] in {"INVITE", "BYE"}]
    assert not bob._waiting


def test_nothing_of_a_dialog_that_is_not_there(alice, bob):
    call, _ = answered(alice, bob)
    bob.forget_calls()
    for method in ("BYE", "UPDATE", "INFO"):
        assert call.request(method).status == 481
    call.reinvite().wait(481)


def test_invite_answered_as_planned(alice, bob):
    bob.answers["INVITE"] = (480, "Temporarily Unavailable", [("Retry-After", "5")])
    assert alice.invite(bob.identity).wait(480).message.header("retry-after") == "5"
    bob.answers["INVITE"] = None
    call = alice.invite(bob.identity)
    with pytest.raises(NothingCameError):
        call.finish(timeout=0.1)


def test_call_goes_on_under_new_sas(alice, bob):
    call, there = answered(alice, bob)
    for phone in (alice, bob):
        phone.register()
        phone.drop_old()
    assert call.update(OTHER_SDP).status == 200
    assert there.bye().status == 200
    ports = {one.origin.local.port for one in alice.received if one.message.method == "BYE"}
    assert ports == {alice.current.own.port_s}


def test_answer_after_new_sas(alice, bob, transport):
    """What was asked under SAs that are gone is answered under the new ones."""
    call = alice.invite(bob.identity)
    there = bob.wait_for_call()
    bob.register()
    bob.drop_old()
    there.answer()
    assert call.wait(200)
    there.wait_for_ack()


def test_subscription(alice, bob):
    dialog = alice.subscribe(bob.identity, "presence", 600, headers=[("Accept", "a/b")])
    there = bob.wait_for_dialog()
    assert there.received[0].message.header("accept") == "a/b"
    headers = [("Event", "presence"), ("Subscription-State", "active")]
    assert there.request("NOTIFY", headers=headers, body=b"\0\1").status == 200
    assert dialog.wait_for("NOTIFY").message.body == b"\0\1"
    refresh = dialog.request("SUBSCRIBE", headers=[("Event", "presence"), ("Expires", "0")])
    assert refresh.message.header("expires") == "0"
    assert there.wait_for("SUBSCRIBE", 2).message.cseq[0] == 2


def test_notify_before_the_answer(alice, bob):
    """RFC 6665 4.1.2.4: the NOTIFY opens the dialog as well."""
    bob.answers["SUBSCRIBE"] = None
    with alice.lock:  # nothing is read before the half dialog is known
        sent = alice.start_request(
            "SUBSCRIBE", bob.identity, headers=[("Event", "x"), ("Contact", alice.contact)]
        )
        half = alice.enter(Dialog.asked(alice, sent.message))
    request = bob.wait_for(lambda message: message.method == "SUBSCRIBE").message
    there = bob.enter(Dialog.called(bob, request, "early"))
    notify = there.start("NOTIFY", headers=[("Event", "x")])
    assert bob.finish(notify).status == 200
    assert half.wait_for("NOTIFY").message.cseq[0] == 1
    assert half.remote.endswith("tag=early")


def test_refer_outside_a_call(alice, bob):
    dialog = alice.refer(bob.identity, "sip:carol@example.com")
    there = bob.wait_for_dialog()
    assert there.received[0].message.header("refer-to") == "<sip:carol@example.com>"
    assert there.request("NOTIFY", headers=[("Event", "refer")]).status == 200
    assert dialog.received[0].message.method == "NOTIFY"


def test_refused_subscription(alice, bob):
    bob.answers["SUBSCRIBE"] = (489, "Bad Event", [])
    with pytest.raises(UnexpectedAnswerError, match="489"):
        alice.subscribe(bob.identity, "x")
    assert alice.dialogs == {}


def test_single_requests(alice, bob):
    octets = bytes(range(256))
    kind = "application/vnd.3gpp.sms"
    assert alice.message(bob.identity, octets, content_type=kind).status == 200
    received = bob.requests("MESSAGE")[0].message
    assert (received.body, received.header("content-type")) == (octets, kind)
    assert alice.options(bob.identity).status == 200
    published = alice.publish(alice.identity, b"<presence/>", headers=[("X-One", "1")])
    etag = published.message.header("sip-etag")
    alice.publish(alice.identity, b"", etag=etag)


def test_a_call_breaks_no_rule_of_gm(alice, bob):
    call, there = answered(alice, bob)
    call.update(OTHER_SDP)
    there.bye()
    # Straight from the core: it sends what a P-CSCF takes away, over TCP from any port.
    excused = ("p-charging-vector", "security-verify", "sec-agree", "none of the agreed pairs")
    for phone in (alice, bob):
        lines = [one for one in violations(phone) if not any(name in one for name in excused)]
        assert lines == []
