"""Transactions and records of a peer, with the wire replaced by lists."""

import threading
import time

import pytest

from tests.peers.peer import NothingCameError, Peer
from tests.peers.text import Address, Message, make_response
from tests.peers.wire import Origin


class Echo(Peer):
    """Answers every request with 200."""

    def on_request(self, received):
        self.answer(
            received.message, make_response(received.message, 200, "OK"), received.origin.reply
        )


@pytest.fixture
def peer():
    made = Echo(None, t1=0.02, t2=0.04)
    yield made
    made.close()


def request(branch: str = "z9hG4bK1") -> Message:
    return Message(
        "OPTIONS sip:a@b SIP/2.0",
        [
            ("Via", f"SIP/2.0/UDP 192.0.2.1;branch={branch}"),
            ("From", "<sip:x@y>;tag=1"),
            ("To", "<sip:a@b>"),
            ("Call-ID", "call"),
            ("CSeq", "1 OPTIONS"),
        ],
    )


def origin(reply=lambda data: None) -> Origin:
    return Origin("UDP", "test", Address("192.0.2.1", 1), Address("192.0.2.2", 2), reply)


def test_answer_is_matched_to_its_request(peer):
    sent = peer.start(request(), lambda data: None, role="test", reliable=False)
    peer.deliver(make_response(sent.message, 180, "Ringing").to_bytes(), origin())
    assert sent.final is None
    peer.deliver(make_response(sent.message, 486, "Busy Here").to_bytes(), origin())
    answer = peer.finish(sent)
    assert (answer.status, answer.sent) == (486, sent)
    assert [one.status for one in sent.answers] == [180, 486]


def test_foreign_answer_is_kept_without_request(peer):
    peer.deliver(make_response(request("z9hG4bKother"), 200, "OK").to_bytes(), origin())
    assert peer.received[0].sent is None


def test_unreliable_request_is_repeated_as_it_was(peer):
    wire: list[bytes] = []
    sent = peer.start(request(), wire.append, role="test", reliable=False)
    with pytest.raises(NothingCameError, match="OPTIONS"):
        peer.finish(sent, timeout=0.15)
    # At 0, 20, 60 and 100 ms: the pause doubles up to T2. A slow machine may lose the last.
    assert 3 <= len(wire) <= 5
    assert set(wire) == {sent.data}


def test_reliable_request_is_sent_once(peer):
    wire: list[bytes] = []
    sent = peer.start(request(), wire.append, role="test", reliable=True)
    with pytest.raises(NothingCameError):
        peer.finish(sent, timeout=0.1)
    assert len(wire) == 1


def test_repeated_request_gets_the_same_answer(peer):
    wire: list[bytes] = []
    for _ in range(2):
        peer.deliver(request().to_bytes(), origin(wire.append))
    assert len(wire) == 2
    assert wire[0] == wire[1]
    assert [one.repeated for one in peer.received] == [False, True]
    assert len(peer.requests("OPTIONS")) == 1


def test_answers_are_kept_for_so_many_requests(peer):
    peer.max_answers = 2
    for branch in ("zero", "one", "two", "two", "one", "zero"):
        peer.deliver(request(branch).to_bytes(), origin(lambda data: None))
    assert [one.repeated for one in peer.received] == [False, False, False, True, True, False]


def test_wait_for_something_already_there(peer):
    peer.deliver(request().to_bytes(), origin())
    assert peer.wait_for(lambda message: message.is_request).message.method == "OPTIONS"
    with pytest.raises(NothingCameError, match="not among"):
        peer.wait_for(lambda message: True, timeout=0.01, since=1)


def test_unreadable_and_keep_alive(peer):
    peer.deliver(b"nonsense", origin())
    peer.deliver(b"\r\n\r\n", origin())
    assert [data for data, _ in peer.unreadable] == [b"nonsense"]
    assert peer.received == []


def test_nothing_is_kept_under_load(peer):
    peer.record = False
    sent = peer.start(request(), lambda data: None, role="test", reliable=True)
    peer.deliver(make_response(sent.message, 200, "OK").to_bytes(), origin())
    peer.finish(sent)
    assert peer.received == []
    assert peer._sent == {}


def test_answer_from_another_thread_wakes_at_once(peer):
    sent = peer.start(request(), lambda data: None, role="test", reliable=True)
    started = time.monotonic()
    answer = make_response(sent.message, 200, "OK").to_bytes()
    threading.Timer(0.05, peer.deliver, (answer, origin())).start()
    assert peer.finish(sent, timeout=5).status == 200
    assert time.monotonic() - started < 2
