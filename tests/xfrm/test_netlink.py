import errno
import socket
import warnings

import pytest

from tests.xfrm.test_model import KEYS, sa_set
from xfrm import wire
from xfrm.errors import KernelRefusal
from xfrm.layout import NETLINK_CAP_ACK, SOL_NETLINK, Msg
from xfrm.model import SelectorMode
from xfrm.netlink import XfrmSocket, open_socket, refusal
from xfrm.wire import Answer

SAS = sa_set().associations(KEYS, 7, SelectorMode.STRICT, 300)


@pytest.fixture
def asking(netlink):
    return XfrmSocket()


def test_all_items_go_in_one_send_and_are_answered_in_order(netlink, asking):
    netlink.refuse = {1: (errno.ENOMEM, "words of the kernel")}
    answers = asking.ask(wire.new_sa, SAS)
    assert answers == [
        Answer(0, ""),
        Answer(errno.ENOMEM, "words of the kernel"),
        Answer(0, ""),
        Answer(0, ""),
    ]
    ((first, *more),) = netlink.sends
    assert [m.type for m in (first, *more)] == [Msg.NEWSA] * 4
    assert [m.sequence - first.sequence for m in more] == [1, 2, 3]


def test_many_items_go_in_sends_whose_answers_fit_the_buffer(netlink, asking):
    names = [SAS[0].id._replace(spi=1000 + n) for n in range(130)]
    answers = asking.ask(lambda name, seq: wire.delete_sa(name, "192.0.2.10", seq), names)
    assert [answer.code for answer in answers] == [errno.ESRCH] * 130
    assert [len(requests) for requests in netlink.sends] == [64, 64, 2]


def test_nothing_to_ask_sends_nothing(netlink, asking):
    assert asking.ask(wire.new_sa, []) == []
    assert netlink.sends == []


def test_late_answer_to_an_earlier_request_is_passed_over(netlink, asking):
    asking.ask(wire.new_sa, SAS[:1])
    netlink.late_answer(1, errno.EPERM)
    assert asking.ask(wire.new_sa, SAS[1:2]) == [Answer(0, "")]


def test_no_answer_within_the_limit_is_a_refusal(netlink, asking):
    netlink._handle = lambda request: None
    with pytest.raises(KernelRefusal) as caught:
        asking.ask(wire.new_sa, SAS)
    assert caught.value.code == errno.EAGAIN


def test_sequence_numbers_begin_again_before_they_end(netlink, asking):
    asking._sequence = 2**31 - 3
    asking.ask(wire.new_sa, SAS)
    assert [m.sequence for m in netlink.sends[0]] == [1, 2, 3, 4]


def test_dump_yields_every_entry(netlink, asking):
    asking.ask(wire.new_sa, SAS)
    entries = list(asking.dump(wire.dump_sas))
    assert [sa.id for sa in map(wire.read_sa, entries) if sa] == [sa.id for sa in SAS]


def test_dump_that_is_refused(netlink, asking):
    netlink._dump = lambda sequence, *rest: netlink.late_answer(sequence, errno.EPERM)
    with pytest.raises(KernelRefusal) as caught:
        list(asking.dump(wire.dump_sas))
    assert caught.value.hint == "needs CAP_NET_ADMIN"


def test_get_one_or_why_not(netlink, asking):
    assert asking.get(lambda seq: wire.get_sa(SAS[0].id, seq)) == Answer(errno.ESRCH, "")
    asking.ask(wire.new_sa, SAS)
    found = asking.get(lambda seq: wire.get_sa(SAS[0].id, seq))
    assert isinstance(found, wire.Message)
    assert found.type == Msg.NEWSA


def test_refusal_is_one_readable_line():
    error = refusal("install SA", Answer(errno.EPROTONOSUPPORT, "Type not found"), "modprobe esp4")
    assert str(error) == "install SA: EPROTONOSUPPORT: Type not found (modprobe esp4)"
    assert error.code == errno.EPROTONOSUPPORT
    assert str(refusal("x", Answer(4242, ""))).startswith("x: 4242: ")


def test_socket_of_the_running_kernel():
    """Opening needs no rights; errors come without the request, which has keys in it."""
    with warnings.catch_warnings(), open_socket(receive_buffer=8192) as made:
        assert made.family == socket.AF_NETLINK
        assert made.proto == 6
        assert made.getsockopt(SOL_NETLINK, NETLINK_CAP_ACK) == 1
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 16384  # it doubles


def test_kernel_without_xfrm_netlink(monkeypatch):
    def none_such(*args, **kwargs):
        raise OSError(errno.EPROTONOSUPPORT, "Protocol not supported")

    monkeypatch.setattr(socket, "socket", none_such)
    with pytest.raises(KernelRefusal) as caught:
        open_socket()
    assert (caught.value.code, caught.value.hint) == (
        errno.EPROTONOSUPPORT,
        "modprobe xfrm_user",
    )
