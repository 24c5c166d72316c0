"""A call to several phones of one user."""

import pytest

from tests.peers.incoming import IncomingCall
from tests.peers.outgoing import Call
from tests.peers.phone import Phone


@pytest.fixture
def bobs(make_party, router):
    """Two phones with Bob's card; the core forks."""
    router.forks = True
    return [make_party(1), make_party(1)]


def ringing(alice: Phone, bobs: list[Phone]) -> tuple[Call, list[IncomingCall]]:
    call = alice.invite(bobs[0].identity, body=alice.sdp)
    theirs = [bob.wait_for_call() for bob in bobs]
    for there in theirs:
        there.ring()
    call.wait(180, number=2)
    return call, theirs


def test_all_ring_and_one_answers(alice, bobs):
    call, theirs = ringing(alice, bobs)
    assert len(call.dialogs) == 2
    theirs[1].answer(200, bobs[1].sdp)
    theirs[0].wait_for_cancel()
    theirs[0].wait_for_ack()
    assert call.wait(200).message.body == bobs[1].sdp
    theirs[1].wait_for_ack()
    assert call.refusal is None
    assert call.bye().status == 200
    assert theirs[1].dialog.wait_for("BYE")


def test_two_answer_at_once(alice, bobs, router):
    """Every 2xx passes, is acknowledged, and makes a dialog of its own (RFC 3261 13.2.2.4)."""
    call, theirs = ringing(alice, bobs)
    with router.lock:
        for there in theirs:
            there.answer()
    call.wait(200, number=2)
    for there in theirs:
        there.wait_for_ack()
    dialogs = [call.dialog_of(one) for one in call.answered]
    assert dialogs[0].remote != dialogs[1].remote
    assert [one.request("BYE").status for one in dialogs] == [200, 200]
    assert [bob.seen["BYE"] for bob in bobs] == [1, 1]


def test_the_best_refusal_passes_when_all_have_refused(alice, bobs):
    call, theirs = ringing(alice, bobs)
    theirs[0].reject(486)
    theirs[0].wait_for_ack()
    assert call.final is None
    theirs[1].reject(404)
    call.wait(404)
    theirs[1].wait_for_ack()


def test_who_declines_for_all(alice, bobs):
    call, theirs = ringing(alice, bobs)
    theirs[0].reject(603)
    theirs[1].wait_for_cancel()
    call.wait(603)


def test_the_caller_gives_up(alice, bobs):
    call, theirs = ringing(alice, bobs)
    assert call.cancel().status == 200
    call.wait(487)
    for there in theirs:
        there.wait_for_cancel()
        there.wait_for_ack()


def test_cancelled_before_it_rings(alice, bobs):
    """No CANCEL goes to a branch that has not said anything (RFC 3261 9.1)."""
    for bob in bobs:
        bob.trying = False
    call = alice.invite(bobs[0].identity)
    theirs = [bob.wait_for_call() for bob in bobs]
    assert call.cancel().status == 200
    assert not theirs[0].cancelled
    for there in theirs:
        there.ring()
        there.wait_for_cancel()
    call.wait(487)


def test_a_single_contact_is_no_fork(alice, make_party, router):
    router.forks = True
    bob = make_party(1)
    bob.picks_up = True
    call = alice.invite(bob.identity)
    call.wait(200)
    assert not router._forks
    assert call.bye().status == 200
