"""Messages that add and remove an address; tests/netns/test_takeover.py has the kernel's view."""

import contextlib
import errno
import socket
import struct

import pytest

from pcscf.errors import StartError
from pcscf.net import own_addresses
from pcscf.net.own_addresses import OwnAddresses, Place, is_here, request
from tests.net.support import looped, silence, until

PLACES = [Place("192.0.2.1", "gm"), Place("2001:db8:1::1", "gm")]


def test_an_address_of_ipv4_is_added_alone() -> None:
    built = request(20, "192.0.2.1", 7)
    assert struct.unpack_from("=IHH", built) == (len(built), 20, 0x505)
    assert built[16:24] == struct.pack("=4BI", 2, 32, 2, 0, 7)
    assert built[24:] == bytes.fromhex("08000200 c0000201 08000100 c0000201")


def test_one_of_ipv6_is_ready_at_once_and_nobody_elses_choice() -> None:
    built = request(20, "2001:db8:1::1", 7)
    assert built[16:24] == struct.pack("=4BI", 10, 128, 2, 0, 7)  # IFA_F_NODAD
    assert built[64:] == struct.pack("=HH4I", 20, 6, 0, 0xFFFFFFFF, 0, 0)  # preferred for 0 s


def test_removing_asks_for_nothing_to_be_made() -> None:
    assert struct.unpack_from("=HH", request(21, "192.0.2.1", 7), 4) == (21, 0x005)


class Kernel:
    """Where the addresses are; refuses with ``error``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.here: set[str] = set()
        self.told: list[str] = []
        self.heralds: list[Told] = []
        self.error = 0
        monkeypatch.setattr(own_addresses, "_change", self.change)
        monkeypatch.setattr(own_addresses, "is_here", self.here.__contains__)
        monkeypatch.setattr(own_addresses, "Herald", lambda *place: Told(self, *place))

    def change(self, kind: int, address: str, device: str) -> None:
        assert device == "gm"
        if self.error:
            raise OSError(self.error, "Operation not permitted")
        if kind == 20:
            self.here.add(address)
        elif address in self.here:
            self.here.remove(address)
        else:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")


class Told:
    def __init__(self, kernel: Kernel, address: str, device: str) -> None:
        self.kernel, self.address = kernel, address

        self.ours, self.others = socket.socketpair()
        self.ours.setblocking(False)
        kernel.heralds.append(self)

    def fileno(self) -> int:
        return self.ours.fileno()

    def hears(self) -> bool:
        """A neighbour of the test's says "mine", or something else."""
        with contextlib.suppress(BlockingIOError):
            return b"mine" in self.ours.recv(100)
        return False

    def close(self) -> None:
        self.kernel.told.append("closed")
        self.ours.close()
        self.others.close()

    def tell(self) -> None:
        assert self.address in self.kernel.here
        self.kernel.told.append(self.address)


@looped
async def test_they_come_and_go_and_neighbours_are_told(monkeypatch):
    kernel = Kernel(monkeypatch)
    addresses = OwnAddresses(PLACES)
    assert addresses.go() == []  # there was nothing
    assert not kernel.here
    addresses.come()
    assert kernel.here == {place.address for place in PLACES}
    assert kernel.told == [place.address for place in PLACES]
    addresses.tell()
    assert len(kernel.told) == 4
    assert addresses.go() == []
    assert not kernel.here
    addresses.close()
    assert kernel.told[4:] == ["closed", "closed"]


@looped
async def test_who_says_that_one_is_his_is_heard_from_now_on(monkeypatch):
    kernel = Kernel(monkeypatch)
    addresses = OwnAddresses(PLACES)
    first, second = kernel.heralds
    contested: list[str] = []
    first.others.send(b"mine")
    addresses.watch(lambda: contested.append("now"))
    await silence()
    second.others.send(b"hello")
    await silence()
    assert contested == []
    second.others.send(b"mine")
    await until(lambda: contested)
    addresses.close()


@looped
async def test_a_refusal_is_one_line(monkeypatch):
    kernel = Kernel(monkeypatch)
    addresses = OwnAddresses(PLACES)
    addresses.come()
    kernel.error = errno.EPERM
    with pytest.raises(StartError, match=r"^192.0.2.1 cannot be given to gm: Operation not perm"):
        addresses.come()
    assert addresses.go() == [
        f"{one.address} stays on gm: Operation not permitted" for one in PLACES
    ]
    addresses.close()


def test_only_an_address_of_this_machine_is_here() -> None:
    assert is_here("127.0.0.1")
    assert not is_here("203.0.113.1")
