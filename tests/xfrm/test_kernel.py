"""What XfrmKernel asks and how it takes refusals; what a kernel does of it is in tests/netns."""

import errno
import time
from dataclasses import replace

import pytest

from tests.xfrm.test_model import KEYS, sa_set
from xfrm import wire
from xfrm.algorithms import SUITES, Suite
from xfrm.errors import KernelRefusal
from xfrm.kernel import SaKernel, XfrmKernel
from xfrm.layout import Msg
from xfrm.model import port_wide_policies

REQID = 7
POLICIES = port_wide_policies("198.51.100.5", 6100, range(6144, 6160), REQID)


@pytest.fixture
def kernel(netlink):
    return XfrmKernel(REQID, POLICIES)


def kinds(requests) -> list[str]:
    return [Msg(request.type).name for request in requests]


def test_it_is_a_kernel(kernel):
    one: SaKernel = kernel
    assert one.present() == frozenset()


def test_a_kernel_that_answers_is_reached(netlink, kernel):
    kernel.reach()
    assert [kinds(send) for send in netlink.sends] == [["GETSA"]]


def test_a_kernel_that_does_not_answer_is_not(netlink, kernel):
    netlink.lose = 1
    with pytest.raises(KernelRefusal):
        kernel.reach()


def test_install_is_one_send(netlink, kernel):
    kernel.install(sa_set(), KEYS, 300)
    assert [kinds(send) for send in netlink.sends] == [["NEWSA"] * 4]
    assert kernel.present() == set(sa_set().ids)
    assert {sa.lifetime for sa in kernel.dump()} == {300}


@pytest.mark.parametrize("refused", range(4))
def test_refused_install_is_undone(netlink, kernel, refused):
    netlink.refuse = {refused: (errno.ENOMEM, "")}
    with pytest.raises(KernelRefusal) as caught:
        kernel.install(sa_set(), KEYS, 300)
    assert caught.value.code == errno.ENOMEM
    assert netlink.states == {}
    assert kinds(netlink.sends[1]) == ["DELSA"] * 3


def test_what_someone_else_has_is_not_undone(netlink, kernel):
    kernel.install(sa_set(), KEYS, 300)
    other = replace(sa_set(), spi_us=1, spi_pc=2, spi_ps=3)  # spi_uc as before
    with pytest.raises(KernelRefusal):
        kernel.install(other, KEYS, 300)
    assert kernel.present() == set(sa_set().ids)


@pytest.mark.parametrize("lost", [1, 4])
def test_an_install_whose_answers_are_lost_is_undone(netlink, kernel, lost):
    theirs = replace(sa_set(), ue="192.0.2.11", pcscf="192.0.2.1")
    XfrmKernel(REQID + 1, ()).install(theirs, KEYS, 300)
    netlink.lose = lost
    with pytest.raises(KernelRefusal, match="XFRM netlink"):
        kernel.install(sa_set(), KEYS, 300)
    assert kernel.present() == frozenset()
    assert len(netlink.states) == 4  # someone else's


def test_a_lost_answer_is_told_of_even_if_undoing_fails_too(netlink, kernel):
    netlink.lose = 100
    with pytest.raises(KernelRefusal, match="XFRM netlink"):
        kernel.install(sa_set(), KEYS, 300)


@pytest.mark.parametrize(
    ("code", "words", "hint"),
    [
        (errno.EPROTONOSUPPORT, "Requested type not found", "modprobe esp4, or a kernel with"),
        (errno.ENOENT, "", "modprobe -a esp4 authenc hmac sha1_generic cbc aes_generic echainiv"),
        (errno.ENOSYS, "Requested AUTH algorithm not found", "modprobe -a esp4 authenc"),
        (errno.EPERM, "", "needs CAP_NET_ADMIN"),
        (errno.EINVAL, "", ""),
    ],
)
def test_refusal_says_what_to_do_and_holds_no_key(netlink, kernel, code, words, hint):
    netlink.refuse = {0: (code, words)}
    with pytest.raises(KernelRefusal) as caught:
        kernel.install(sa_set(), KEYS, 300)
    error = caught.value
    assert error.hint.startswith(hint)
    assert str(error).startswith(
        f"install SA to 198.51.100.5 SPI 0xce0a6a0a hmac-sha-1-96/aes-cbc: {errno.errorcode[code]}"
    )
    assert words in str(error)
    assert KEYS.ck.hex() not in str(error) + repr(vars(error))


def test_remove_is_one_send_and_takes_what_is_there(netlink, kernel):
    kernel.install(sa_set(), KEYS, 300)
    netlink.states.popitem()
    kernel.remove(sa_set())
    assert netlink.states == {}
    assert kinds(netlink.sends[-1]) == ["DELSA"] * 4


def test_extend_counts_from_creation_and_sends_no_keys(netlink, kernel):
    netlink.added = int(time.time()) - 1000
    kernel.install(sa_set(), KEYS, 1200)
    kernel.extend(sa_set(), 600)
    assert {sa.lifetime for sa in kernel.dump()} <= {1600, 1601}
    updates = netlink.sends[2]
    assert kinds(updates) == ["UPDSA"] * 4
    keys = sa_set().suite.keys(KEYS)
    assert all(keys.crypt not in bytes(m.body) and KEYS.ik not in bytes(m.body) for m in updates)


@pytest.mark.parametrize("gone", range(4))
def test_extending_what_is_gone(netlink, kernel, gone):
    kernel.install(sa_set(), KEYS, 300)
    del netlink.states[list(netlink.states)[gone]]
    with pytest.raises(KernelRefusal) as caught:
        kernel.extend(sa_set(), 300)
    assert caught.value.code == errno.ESRCH
    assert len(netlink.states) == 3


def test_probe_leaves_nothing_and_names_the_module(netlink, kernel):
    netlink.refuse = {1: (errno.ENOENT, "")}
    aes, gcm = Suite("hmac-sha-1-96", "aes-cbc"), Suite("null", "aes-gcm")
    failed = kernel.probe([aes, gcm])
    assert list(failed) == [gcm]
    assert "try SA to 192.0.2.2" in failed[gcm]
    assert "modprobe -a esp4 gcm ctr aes_generic seqiv" in failed[gcm]
    assert netlink.states == {}


@pytest.mark.parametrize(
    ("addresses", "families"),
    [([], 2), (["192.0.2.1"], 1), (["2001:db8::1"], 1), (["192.0.2.1", "2001:db8::1"], 2)],
)
def test_probe_tries_the_families_of_our_addresses(netlink, addresses, families):
    policies = [
        policy
        for address in addresses
        for policy in port_wide_policies(address, 6100, range(6144, 6160), REQID)
    ]
    XfrmKernel(REQID, policies).probe(SUITES)
    assert len(netlink.sends[0]) == families * len(SUITES)


def test_dump_and_present_tell_of_our_reqid_only(netlink, kernel):
    kernel.install(sa_set(), KEYS, 300)
    theirs = replace(sa_set(), ue="192.0.2.11", pcscf="192.0.2.1")
    XfrmKernel(REQID + 1, ()).install(theirs, KEYS, 300)
    assert kernel.present() == set(sa_set().ids) == {sa.id for sa in kernel.dump()}


def test_one_sa_is_read_by_its_name(netlink, kernel):
    kernel.install(sa_set(), KEYS, 300)
    one = sa_set().ids[3]
    netlink.count(one, octets=900, packets=2, used=1001)
    read = kernel.read(one)
    assert (read.id, read.lifetime, read.packets, read.octets, read.used) == (
        one,
        300,
        2,
        900,
        1001,
    )
    assert KEYS.ck.hex() not in repr(read)
    assert kinds(netlink.sends[-1]) == ["GETSA"]


def test_an_sa_that_is_not_there_is_none(netlink, kernel):
    assert kernel.read(sa_set().ids[0]) is None


def test_an_sa_that_cannot_be_read_is_refused(netlink, kernel):
    netlink.lose = 100
    with pytest.raises(KernelRefusal, match="XFRM netlink"):
        kernel.read(sa_set().ids[0])


def test_usage_tells_of_our_reqid_only_and_closes_its_socket(netlink, kernel):
    kernel.install(sa_set(), KEYS, 300)
    theirs = replace(sa_set(), ue="192.0.2.11", pcscf="192.0.2.1")
    XfrmKernel(REQID + 1, ()).install(theirs, KEYS, 300)
    netlink.count(sa_set().ids[3], octets=900, packets=2, used=1001)
    told = {one.id: tuple(one[1:]) for one in kernel.usage()}
    assert told == dict.fromkeys(sa_set().ids, (0, 0, 0)) | {sa_set().ids[3]: (2, 900, 1001)}
    assert kinds(netlink.sends[-1]) == ["GETSA"]
    assert netlink.is_closed


def test_usage_that_is_given_up_closes_its_socket(netlink, kernel):
    kernel.install(sa_set(), KEYS, 300)
    usage = kernel.usage()
    next(usage)
    assert not netlink.is_closed
    del usage
    assert netlink.is_closed


def test_usage_that_the_kernel_refuses(netlink, kernel):
    netlink.lose = 100
    with pytest.raises(KernelRefusal, match="XFRM netlink"):
        list(kernel.usage())
    assert netlink.is_closed


def test_open_installs_policies_before_it_sweeps(netlink, kernel):
    XfrmKernel(REQID, ()).install(sa_set(), KEYS, 0)
    XfrmKernel(REQID + 1, ()).install(
        replace(sa_set(), ue="192.0.2.11", pcscf="192.0.2.1"), KEYS, 0
    )
    netlink.sends.clear()
    assert kernel.open() == 4
    asked = [kinds(send) for send in netlink.sends]
    assert asked.index(["NEWPOLICY"] * 4) < asked.index(["DELSA"] * 4)
    assert len(netlink.states) == 4


def test_open_again_renews_ours_and_removes_what_is_no_longer_wanted(netlink, kernel):
    old = port_wide_policies("198.51.100.5", 6100, range(6016, 6032), REQID)
    XfrmKernel(REQID, old).open()
    kernel.open()
    assert {wire.read_policy(m) for m in kernel._netlink.dump(wire.dump_policies)} == set(POLICIES)


def test_policy_of_someone_else_is_left_and_reported(netlink, kernel):
    XfrmKernel(99, [replace(policy, reqid=99) for policy in POLICIES[:1]]).open()
    with pytest.raises(KernelRefusal, match="another instance on these ports"):
        kernel.open()
    assert netlink.policies[next(iter(netlink.policies))].count(b"\x63\0\0\0") == 1


def test_close_undoes_open(netlink, kernel):
    kernel.open()
    kernel.install(sa_set(), KEYS, 300)
    kernel.close()
    assert netlink.states == netlink.policies == {}
    assert netlink.is_closed


def test_close_without_open_removes_nothing(netlink, kernel):
    kernel.install(sa_set(), KEYS, 300)
    kernel.close()
    assert len(netlink.states) == 4
    assert netlink.is_closed
