"""The monitor on a stand-in for its socket; real expirations are in tests/netns."""

import errno
from collections import deque

import pytest

from tests.xfrm.test_model import KEYS, sa_set
from xfrm import wire
from xfrm.errors import MonitorOverrunError
from xfrm.layout import NLMSGHDR, USERSA_INFO, Msg
from xfrm.model import SelectorMode
from xfrm.monitor import ExpireMonitor

OURS, OTHERS = 7, 8


class Told:
    """A socket from which the given things are read."""

    def __init__(self, *things: bytes | OSError) -> None:
        self.things = deque(things)
        self.bound: object = None

    def recv(self, size: int) -> bytes:
        if not self.things:
            raise BlockingIOError(errno.EAGAIN, "")
        thing = self.things.popleft()
        if isinstance(thing, OSError):
            raise thing
        return thing

    def bind(self, address: object) -> None:
        self.bound = address

    def setblocking(self, flag: bool) -> None:
        assert flag is False

    def fileno(self) -> int:
        return 42

    def close(self) -> None:
        self.things.clear()


@pytest.fixture
def monitor(monkeypatch):
    def made(*things: bytes | OSError) -> ExpireMonitor:
        monkeypatch.setattr("xfrm.monitor.open_socket", lambda size: Told(*things))
        return ExpireMonitor(OURS)

    return made


def expire(which: int = 0, reqid: int = OURS, hard: bool = True, kind: int = Msg.EXPIRE) -> bytes:
    sa = sa_set().associations(KEYS, reqid, SelectorMode.STRICT, 1)[which]
    state = wire.new_sa(sa, 0)[16 : 16 + USERSA_INFO.size]
    return NLMSGHDR.pack(248, kind, 0, 0, 0) + state + bytes([hard]) + bytes(7)


def test_all_that_has_come_is_read(monitor):
    ids = sa_set().ids
    assert monitor(expire(0), expire(1) + expire(2)).read() == list(ids[:3])


def test_soft_ones_others_and_other_messages_are_passed_over(monitor):
    told = monitor(expire(hard=False), expire(reqid=OTHERS), expire(kind=Msg.NEWSA), expire(3))
    assert told.read() == [sa_set().ids[3]]


def test_nothing_to_read(monitor):
    assert monitor().read() == []


def test_overrun_is_told_and_reading_goes_on(monitor):
    told = monitor(OSError(errno.ENOBUFS, "No buffer space"), expire(1))
    with pytest.raises(MonitorOverrunError):
        told.read()
    assert told.read() == [sa_set().ids[1]]


def test_another_error_is_not_hidden(monitor):
    with pytest.raises(OSError, match="Bad file"):
        monitor(OSError(errno.EBADF, "Bad file descriptor")).read()


def test_a_mass_expiry_is_read_in_parts(monitor):
    told = monitor(*[expire()] * 300)
    assert [len(told.read()) for _ in range(3)] == [256, 44, 0]


def test_it_listens_to_the_expire_group_under_a_port_of_its_own(monitor):
    told = monitor()
    assert told._socket.bound == (0, 2)
    assert told.fileno() == 42
    told.close()
