"""The order of things, on a kernel that only keeps tables; a real one is in tests/netns."""

import errno
from collections import Counter

import pytest

from tests.bench.kernel import BATCHED, ONE_BY_ONE, REMOVED, encoding, measure
from tests.bench.players import Recorder, register
from tests.xfrm.fake_netlink import FakeNetlink
from xfrm import wire
from xfrm.errors import KernelRefusal
from xfrm.layout import Msg

SETS, ROUNDS = 3, 2


@pytest.fixture
def netlink(monkeypatch):
    fake = FakeNetlink()
    monkeypatch.setattr("xfrm.netlink.open_socket", lambda: fake)
    return fake


def batches(netlink: FakeNetlink, kind: Msg) -> Counter[int]:
    """How many sends there were with how many requests of a kind."""
    return Counter(len(sent) for sent in netlink.sends if sent and sent[0].type == kind)


def test_four_sas_take_one_send_or_four(netlink) -> None:
    figures = measure(SETS, ROUNDS)
    assert figures.sends == {BATCHED: 1, REMOVED: 1, ONE_BY_ONE: 4}
    assert figures.cost.keys() == figures.sends.keys()
    assert all(spent > 0 for spent in [*figures.cost.values(), figures.echo])


def test_every_set_is_installed_both_ways_in_every_round(netlink) -> None:
    measure(SETS, ROUNDS)
    sets = SETS * ROUNDS + 1  # one more before, to count the sends
    assert batches(netlink, Msg.NEWSA) == {4: sets, 1: 4 * sets}
    assert batches(netlink, Msg.DELSA) == {4: 2 * sets + SETS}  # and all of them at the end


def test_nothing_stays_behind(netlink) -> None:
    measure(SETS, ROUNDS)
    assert netlink.states == {}
    assert netlink.is_closed


@pytest.mark.parametrize("request_number", [2, 6])  # in the batch, and of those one by one
def test_a_refusal_is_no_figure(netlink, request_number) -> None:
    netlink.refuse[request_number] = (errno.ENOSYS, "")
    with pytest.raises((KernelRefusal, AssertionError)):
        measure(SETS, ROUNDS)
    assert netlink.states == {}
    assert netlink.is_closed


def test_what_is_encoded_is_what_is_installed(netlink) -> None:
    recorder = Recorder()
    register(recorder, SETS)
    measure(SETS, ROUNDS)
    encoded = wire.messages(b"".join(encoding(recorder.installs[0])))
    first = [message[:2] + message[3:] for message in netlink.sends[0]]  # but for its number
    assert [message[:2] + message[3:] for message in encoded] == first
