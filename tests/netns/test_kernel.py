"""XfrmKernel on a real kernel with ESP, compared with what ``ip xfrm`` prints and does."""

import contextlib
import errno
import select
import signal
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace

import pytest

from tests.netns.lab import Lab, open_lab
from tests.netns.namespace import Namespace
from xfrm.algorithms import SUITES, Suite
from xfrm.errors import KernelRefusal, MonitorOverrunError
from xfrm.esp import EspCodec
from xfrm.kernel import XfrmKernel
from xfrm.model import (
    AkaKeys,
    SaId,
    SaSet,
    SaUsage,
    SecurityAssociation,
    SelectorMode,
    port_wide_policies,
)
from xfrm.monitor import ExpireMonitor

pytestmark = pytest.mark.esp

REQID = 7
KEYS = AkaKeys(bytes(range(16)), bytes(range(16, 32)))
UE = {4: "192.0.2.10", 6: "2001:db8:1::a"}  # the lab's addresses
PCSCF = {4: "192.0.2.1", 6: "2001:db8:1::1"}
PORT_PS = 6100
PORTS_PC = range(6144, 6160)
OWN_POLICIES = tuple(
    policy for own in PCSCF.values() for policy in port_wide_policies(own, PORT_PS, PORTS_PC, REQID)
)
ORDINARY = SUITES[0]
ETH_HEADER, IPV4_HEADER, IPV6_HEADER, UDP_HEADER = 14, 20, 40, 8
ESP = 50
each_suite = pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
each_family = pytest.mark.parametrize("family", [4, 6])


def sa_set(family: int = 4, suite: Suite = ORDINARY, **changes) -> SaSet:
    one = SaSet(
        UE[family],
        PCSCF[family],
        suite,
        spi_uc=0x1001,
        spi_us=0x1002,
        spi_pc=0x2001,
        spi_ps=0x2002,
        port_uc=40001,
        port_us=40002,
        port_pc=6150,
        port_ps=PORT_PS,
    )
    return replace(one, **changes)


@dataclass
class Bench:
    """The lab, and what a test opens in it; all of it is closed with the test."""

    lab: Lab
    stack: contextlib.ExitStack
    errors_before: Counter[str]

    @property
    def pcscf(self) -> Namespace:
        return self.lab.pcscf

    @property
    def ue(self) -> Namespace:
        return self.lab.ue

    def kernel(self, reqid: int = REQID, policies=OWN_POLICIES, **more) -> XfrmKernel:
        with self.pcscf.entered():
            made = XfrmKernel(reqid, policies, **more)
        self.stack.callback(made._netlink.close)
        return made

    def monitor(self, **more) -> ExpireMonitor:
        with self.pcscf.entered():
            return self.stack.enter_context(contextlib.closing(ExpireMonitor(REQID, **more)))

    def bound(self, host: Namespace, address: str, port: int, **more) -> socket.socket:
        return self.stack.enter_context(host.socket((address, port), **more))

    def errors(self) -> dict[str, int]:
        """What the P-CSCF's kernel has counted since the test began."""
        return dict(Counter(self.pcscf.xfrm_errors()) - self.errors_before)

    def capture(self):
        """Capture what crosses Gm."""
        return self.stack.enter_context(self.ue.capture("gm"))

    def inject(self, *frames: bytes) -> None:
        """Send frames to the P-CSCF as they are."""
        with self.ue.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
            link.bind(("gm", 0))
            for frame in frames:
                link.send(frame)


@pytest.fixture(scope="module")
def one_lab():
    """One lab for all: making namespaces takes longer than most tests here."""
    with open_lab() as made:
        yield made


@pytest.fixture
def lab(one_lab):
    yield one_lab
    for host in (one_lab.pcscf, one_lab.ue):
        host.ip("xfrm state flush", "xfrm policy flush")


@pytest.fixture
def bench(lab):
    with contextlib.ExitStack() as stack:
        yield Bench(lab, stack, Counter(lab.pcscf.xfrm_errors()))


@pytest.fixture
def pcscf(lab):
    return lab.pcscf


@pytest.fixture
def ue(lab):
    return lab.ue


@pytest.fixture
def kernel(bench):
    one = bench.kernel()
    one.open()
    return one


@pytest.fixture
def monitor(bench):
    return bench.monitor()


def show(host: Namespace, what: str) -> list[str]:
    """Entries of ``ip xfrm state`` or ``policy``, sorted: the kernel's own order says nothing."""
    entries = ("\n" + host.run("ip", "xfrm", what)).split("\nsrc ")[1:]
    return sorted(entry.strip() for entry in entries)


def packets(capture) -> list[bytes]:
    """What was UDP, TCP or ESP of the frames, in order."""
    return [frame for frame in capture.frames() if protocol_of(frame) in (ESP, 6, 17)]


def protocol_of(frame: bytes) -> int:
    if frame[12:14] == b"\x08\x00":
        return frame[ETH_HEADER + 9]
    return frame[ETH_HEADER + 6] if frame[12:14] == b"\x86\xdd" else -1


def esp_of(frame: bytes) -> bytes:
    assert protocol_of(frame) == ESP
    return frame[ETH_HEADER + (IPV4_HEADER if frame[12:14] == b"\x08\x00" else IPV6_HEADER) :]


def received(listener: socket.socket) -> bytes | None:
    listener.settimeout(0.3)
    try:
        return listener.recv(2048)
    except TimeoutError:
        return None


# -- a phone, whose SAs and policies are made by iproute2 -----------------------------------------


def ip_state(sa: SecurityAssociation, *, selector: bool = True) -> str:
    """The words for ``ip`` that make the same SA."""
    auth, crypt = sa.suite.auth, sa.suite.crypt
    if auth is None:
        algorithms = f"aead {crypt.kernel} 0x{sa.keys.crypt.hex()} 128"
    else:
        key = f"0x{sa.keys.crypt.hex()}" if sa.keys.crypt else '""'
        algorithms = f"auth-trunc {auth.kernel} 0x{sa.keys.auth.hex()} 96 enc {crypt.kernel} {key}"
    words = (
        f"xfrm state add src {sa.source} dst {sa.id.destination} proto esp spi {sa.id.spi}"
        f" reqid {sa.reqid} mode transport replay-window {sa.replay_window} {algorithms}"
    )
    ends = sa.selector
    if selector:
        words += (
            f" sel src {ends.source} dst {ends.destination}"
            f" sport {ends.source_ports.port} dport {ends.destination_ports.port}"
        )
    return words


def template(reqid: int) -> str:
    return f"priority 2080 tmpl proto esp mode transport reqid {reqid}"


def add_states(host: Namespace, one: SaSet) -> None:
    host.ip(*(ip_state(sa) for sa in one.associations(KEYS, REQID, SelectorMode.STRICT, 0)))


def make_phone(ue: Namespace, one: SaSet) -> None:
    """Give the phone's host the SA set, and ESP for everything to the P-CSCF."""
    add_states(ue, one)
    ue.ip(
        *(
            f"xfrm policy add src {one.ue} dst {one.pcscf} sport {port} dir out {template(REQID)}"
            for port in (one.port_uc, one.port_us)
        )
    )


# -- what is installed -----------------------------------------------------------------------------


@each_family
@each_suite
def test_states_are_those_iproute2_makes(pcscf, ue, kernel, suite, family):
    one = sa_set(family, suite)
    kernel.install(one, KEYS, 0)
    add_states(ue, one)  # any other namespace would do
    assert show(pcscf, "state") == show(ue, "state")
    assert len(show(pcscf, "state")) == 4


def test_policies_are_those_iproute2_makes(bench, pcscf, ue):
    own = PCSCF[4]
    bench.kernel(policies=port_wide_policies(own, PORT_PS, range(6144, 6145), REQID)).open()
    for port in (PORT_PS, 6144):
        ue.ip(
            f"xfrm policy add src {own} dst 0.0.0.0/0 sport {port} dir out {template(REQID)}",
            f"xfrm policy add src 0.0.0.0/0 dst {own} dport {port} dir in {template(REQID)}",
        )
    assert show(pcscf, "policy") == show(ue, "policy")


@each_family
def test_lifetime_and_tolerant_selector(bench, pcscf, family):
    kernel = bench.kernel(selectors=SelectorMode.TOLERANT)
    kernel.install(sa_set(family), KEYS, 300)
    text = pcscf.run("ip", "-s", "xfrm", "state")
    assert text.count("expire add: soft 0(sec), hard 300(sec)") == 4
    # 40001 and 40002 under mask fffc, 6100 and 6150 under f02d; `ip` prints no masks of SAs
    assert text.count("sport 40000 dport 4100") == 2
    asked = sa_set(family).associations(KEYS, REQID, SelectorMode.TOLERANT, 300)
    assert {sa.id: sa.selector for sa in kernel.dump()} == {sa.id: sa.selector for sa in asked}


def test_dump_is_what_was_installed(kernel):
    kernel.install(sa_set(), KEYS, 300)
    kernel.install(sa_set(6), KEYS, 300)
    wanted = {
        sa.id: sa
        for family in (4, 6)
        for sa in sa_set(family).associations(KEYS, REQID, SelectorMode.STRICT, 300)
    }
    dumped = kernel.dump()
    assert {sa.id for sa in dumped} == set(wanted) == kernel.present()
    for sa in dumped:
        asked = wanted[sa.id]
        assert (sa.source, sa.selector, sa.suite) == (asked.source, asked.selector, asked.suite)
        assert (sa.lifetime, sa.reqid, sa.replay_window) == (300, REQID, asked.replay_window)
        assert abs(sa.added - time.time()) < 5
        assert (sa.packets, sa.used, sa.sequence) == (0, 0, 0)


def test_remove_takes_all_four_and_may_be_repeated(pcscf, kernel):
    kernel.install(sa_set(), KEYS, 300)
    kernel.install(sa_set(6), KEYS, 300)
    kernel.remove(sa_set())
    kernel.remove(sa_set())
    assert kernel.present() == set(sa_set(6).ids)
    assert len(show(pcscf, "state")) == 4


def usage_of(bench: Bench, kernel: XfrmKernel) -> dict[SaId, SaUsage]:
    with bench.pcscf.entered():  # where it opens a socket
        return {one.id: one for one in kernel.usage()}


@each_family
def test_usage_counts_what_came_and_went(bench, kernel, family):
    """Of times it has the first one only: who wants to know the last one compares counts."""
    one = sa_set(family)
    kernel.install(one, KEYS, 300)
    make_phone(bench.ue, one)
    server = bench.bound(bench.pcscf, one.pcscf, one.port_ps)
    phone = bench.bound(bench.ue, one.ue, one.port_uc)
    assert {tuple(told[1:]) for told in usage_of(bench, kernel).values()} == {(0, 0, 0)}
    first_used = set()
    for count in (1, 2):
        phone.sendto(b"hello", (one.pcscf, one.port_ps))
        assert server.recv(99) == b"hello"
        told = usage_of(bench, kernel)
        assert {sa: told[sa].packets for sa in told} == dict.fromkeys(one.ids, 0) | {
            one.ids[0]: count
        }
        assert told[one.ids[0]].octets > count * len(b"hello")
        first_used.add(told[one.ids[0]].used)
        time.sleep(1.1)
    (used,) = first_used
    assert abs(used - time.time()) < 10


def test_usage_goes_on_while_other_requests_are_made(bench, kernel):
    for number in range(40):
        kernel.install(numbered(number), KEYS, 300)
    usage = kernel.usage()
    with bench.pcscf.entered():
        begun = [next(usage).id for _ in range(10)]
    kernel.install(numbered(40), KEYS, 300)
    kernel.remove(numbered(20))
    told = {*begun, *(one.id for one in usage)}
    assert told >= {sa for number in range(40) if number != 20 for sa in numbered(number).ids}


def numbered(number: int) -> SaSet:
    """One of many sets."""
    first = 0x3000 + 4 * number
    return sa_set(
        spi_uc=first, spi_us=first + 1, spi_pc=first + 2, spi_ps=first + 3, port_uc=41000 + number
    )


# -- traffic ---------------------------------------------------------------------------------------


@each_family
@each_suite
def test_traffic_both_ways_is_esp_on_the_wire(bench, kernel, suite, family):
    pcscf, ue = bench.pcscf, bench.ue
    one = sa_set(family, suite)
    kernel.install(one, KEYS, 300)
    make_phone(ue, one)
    server = bench.bound(pcscf, one.pcscf, one.port_ps)
    client = bench.bound(pcscf, one.pcscf, one.port_pc)
    phone_c = bench.bound(ue, one.ue, one.port_uc)
    phone_s = bench.bound(ue, one.ue, one.port_us)
    capture = bench.capture()
    phone_c.sendto(b"REGISTER", (one.pcscf, one.port_ps))
    assert server.recv(99) == b"REGISTER"
    client.sendto(b"SIP/2.0 200 OK", (one.ue, one.port_us))
    assert phone_s.recv(99) == b"SIP/2.0 200 OK"
    codec = EspCodec(suite, suite.keys(KEYS))
    inner = [codec.open(esp_of(frame)).data[UDP_HEADER:] for frame in packets(capture)]
    assert inner == [b"REGISTER", b"SIP/2.0 200 OK"]
    assert {sa.id.spi: (sa.packets, sa.sequence) for sa in kernel.dump()} == {
        one.spi_ps: (1, 1),
        one.spi_us: (1, 1),
        one.spi_uc: (0, 0),
        one.spi_pc: (0, 0),
    }


@each_family
def test_the_same_sas_carry_tcp(bench, pcscf, ue, kernel, family):
    one = sa_set(family)
    kernel.install(one, KEYS, 300)
    make_phone(ue, one)
    listener = bench.bound(pcscf, one.pcscf, one.port_ps, kind=socket.SOCK_STREAM)
    listener.listen()
    phone = bench.bound(ue, one.ue, one.port_uc, kind=socket.SOCK_STREAM)
    phone.connect((one.pcscf, one.port_ps))
    accepted = bench.stack.enter_context(listener.accept()[0])
    phone.sendall(b"REGISTER")
    assert accepted.recv(99) == b"REGISTER"
    accepted.sendall(b"SIP/2.0 200 OK")
    assert phone.recv(99) == b"SIP/2.0 200 OK"
    # Ended within its SAs, or what TCP sends again would count in the next test.
    phone.shutdown(socket.SHUT_WR)
    assert accepted.recv(99) == b""
    accepted.close()
    assert phone.recv(99) == b""


@each_family
def test_clear_packet_to_a_protected_port_is_dropped(bench, pcscf, ue, kernel, family):
    own = PCSCF[family]
    phone = bench.bound(ue, UE[family], 40001)
    for count, port in enumerate((PORT_PS, PORTS_PC[0], PORTS_PC[-1]), 1):
        listener = bench.bound(pcscf, own, port)
        phone.sendto(b"clear", (own, port))
        assert received(listener) is None
        assert bench.errors() == {"XfrmInTmplMismatch": count}
    for port in (5060, PORTS_PC[0] - 1, PORTS_PC[-1] + 1):
        listener = bench.bound(pcscf, own, port)
        phone.sendto(b"clear", (own, port))
        assert received(listener) == b"clear"


def test_clear_packet_is_dropped_although_the_phone_has_sas(bench, pcscf, ue, kernel):
    one = sa_set()
    kernel.install(one, KEYS, 300)
    listener = bench.bound(pcscf, one.pcscf, one.port_ps)
    bench.bound(ue, one.ue, one.port_uc).sendto(b"clear", (one.pcscf, one.port_ps))
    assert received(listener) is None


@each_family
@pytest.mark.parametrize("port", [PORT_PS, PORTS_PC[0], PORTS_PC[-1]])
def test_packet_from_a_protected_port_without_sa_does_not_leak(bench, pcscf, kernel, family, port):
    capture = bench.capture()
    bench.bound(pcscf, PCSCF[family], port).sendto(b"clear", (UE[family], 40002))
    time.sleep(0.2)
    assert packets(capture) == []
    assert bench.errors() == {"XfrmOutNoStates": 1}


def test_tcp_from_a_protected_port_without_sa_does_not_leak(bench, pcscf, kernel):
    capture = bench.capture()
    sender = bench.bound(pcscf, PCSCF[4], PORTS_PC[3], kind=socket.SOCK_STREAM)
    sender.settimeout(0.5)
    with pytest.raises(TimeoutError):
        sender.connect((UE[4], 40002))
    assert packets(capture) == []


def test_replayed_packet_is_dropped(bench, pcscf, ue, kernel):
    one = sa_set()
    kernel.install(one, KEYS, 300)
    make_phone(ue, one)
    listener = bench.bound(pcscf, one.pcscf, one.port_ps)
    phone = bench.bound(ue, one.ue, one.port_uc)
    capture = bench.capture()
    for text in (b"first", b"second"):
        phone.sendto(text, (one.pcscf, one.port_ps))
        assert received(listener) == text
    bench.inject(*packets(capture))
    assert received(listener) is None
    assert bench.errors() == {"XfrmInStateSeqError": 2}
    assert kernel.read(one.ids[0]).replayed == 2
    assert kernel.read(one.ids[3]).replayed == 0


def test_replay_window_is_64_wide(bench, pcscf, ue, kernel):
    """A packet that comes late by 63 is accepted, one by 64 is not (RFC 4303 3.4.3)."""
    one = sa_set()
    make_phone(ue, one)
    capture = bench.capture()
    phone = bench.bound(ue, one.ue, one.port_uc)
    for number in range(1, 67):
        phone.sendto(b"%d" % number, (one.pcscf, one.port_ps))  # to no SA as yet
    frames = packets(capture)
    kernel.install(one, KEYS, 300)
    listener = bench.bound(pcscf, one.pcscf, one.port_ps)
    bench.inject(*(frames[number - 1] for number in (66, 3, 2)))
    assert [received(listener) for _ in range(3)] == [b"66", b"3", None]
    assert kernel.read(one.ids[0]).outside_window == 1


def test_damaged_packet_is_dropped_and_counted(bench, pcscf, ue, kernel):
    one = sa_set()
    kernel.install(one, KEYS, 300)
    make_phone(ue, one)
    listener = bench.bound(pcscf, one.pcscf, one.port_ps)
    capture = bench.capture()
    bench.bound(ue, one.ue, one.port_uc).sendto(b"x", (one.pcscf, one.port_ps))
    assert received(listener) == b"x"
    (frame,) = packets(capture)
    forged = bytearray(frame)
    forged[ETH_HEADER + IPV4_HEADER + 7] += 1  # the next sequence number, and a stale ICV
    bench.inject(bytes(forged))
    assert received(listener) is None
    assert kernel.read(one.ids[0]).integrity_failed == 1


@pytest.mark.parametrize(
    ("mode", "arrives"), [(SelectorMode.STRICT, False), (SelectorMode.TOLERANT, True)]
)
def test_phone_that_mixes_its_ports(bench, pcscf, ue, mode, arrives):
    """It sends from us to ps under the SA of uc and ps; its own SA has no selector."""
    one = sa_set()
    kernel = bench.kernel(selectors=mode)
    kernel.open()
    kernel.install(one, KEYS, 300)
    inbound, *_ = one.associations(KEYS, REQID, SelectorMode.STRICT, 0)
    ue.ip(
        ip_state(inbound, selector=False),
        f"xfrm policy add src {one.ue} dst {one.pcscf} dir out {template(REQID)}",
    )
    listener = bench.bound(pcscf, one.pcscf, one.port_ps)
    bench.bound(ue, one.ue, one.port_us).sendto(b"mixed", (one.pcscf, one.port_ps))
    assert received(listener) == (b"mixed" if arrives else None)
    assert bench.errors() == ({} if arrives else {"XfrmInStateMismatch": 1})
    stranger = bench.bound(ue, one.ue, 5060)  # neither uc nor us
    stranger.sendto(b"astray", (one.pcscf, one.port_ps))
    assert received(listener) is None


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("taken", ["spi_ps", "spi_uc", "spi_us", "spi_pc"])
def test_refused_install_leaves_none_of_the_four(kernel, taken):
    one = sa_set()
    other = sa_set(spi_uc=1001, spi_us=1002, spi_pc=2001, spi_ps=2002)
    kernel.install(one, KEYS, 300)
    before = sorted(kernel.dump())
    with pytest.raises(KernelRefusal) as caught:
        kernel.install(replace(other, **{taken: getattr(one, taken)}), KEYS, 300)
    assert caught.value.code == errno.EEXIST
    assert caught.value.hint == "another SA has this destination and SPI"
    assert sorted(kernel.dump()) == before
    kernel.install(other, KEYS, 300)


def test_refusal_names_no_key(kernel):
    kernel.install(sa_set(), KEYS, 300)
    with pytest.raises(KernelRefusal) as caught:
        kernel.install(sa_set(), KEYS, 300)
    assert KEYS.ck.hex() not in repr(vars(caught.value))
    assert KEYS.ck.hex() not in str(caught.value)


def test_probe_finds_all_suites_usable_and_leaves_nothing(pcscf, kernel):
    assert kernel.probe(SUITES) == {}
    assert show(pcscf, "state") == []


def test_policy_of_someone_else_is_not_overwritten(bench, pcscf):
    pcscf.ip(f"xfrm policy add src 0.0.0.0/0 dst {PCSCF[4]} dport {PORT_PS} dir in {template(99)}")
    (foreign,) = show(pcscf, "policy")
    with pytest.raises(KernelRefusal, match=r"EEXIST.*another instance"):
        bench.kernel().open()
    assert foreign in show(pcscf, "policy")


# -- leftovers, and other users of the namespace ---------------------------------------------------

CRASH = f"""
import os
from tests.netns.test_kernel import *
kernel = XfrmKernel(REQID, OWN_POLICIES)
kernel.open()
kernel.install(sa_set(), KEYS, 0)
kernel.install(sa_set(6), KEYS, 0)
os.kill(os.getpid(), {signal.SIGKILL.value})
"""


def test_leftovers_of_a_killed_instance_are_swept_and_its_policies_taken_over(bench, pcscf):
    crashing = pcscf.popen(sys.executable, "-c", CRASH)
    assert crashing.wait() == -signal.SIGKILL
    policies = show(pcscf, "policy")
    assert len(policies) == 8
    kernel = bench.kernel()
    assert kernel.open() == 8
    assert kernel.present() == frozenset()
    assert show(pcscf, "policy") == policies


def test_policies_of_an_earlier_configuration_are_removed(bench, pcscf):
    old = port_wide_policies(PCSCF[4], 6000, range(6016, 6032), REQID)
    bench.kernel(policies=old).open()
    bench.kernel().open()
    text = "".join(show(pcscf, "policy"))
    assert len(show(pcscf, "policy")) == 8
    assert "port 6000" not in text
    assert "port 6016" not in text


def test_sweep_and_close_leave_all_others_alone(bench, pcscf):
    for spi, reqid in ((0x5001, 0), (0x5002, REQID + 1)):
        pcscf.ip(
            f"xfrm state add src {UE[4]} dst {PCSCF[4]} proto esp spi {spi} reqid {reqid}"
            " mode transport auth-trunc hmac(sha1) 0x00112233445566778899aabbccddeeff00112233 96"
            " enc cbc(aes) 0x00112233445566778899aabbccddeeff"
        )
    net = "203.0.113.0/24"
    pcscf.ip(
        f"xfrm policy add src {PCSCF[4]} dst {net} dir out {template(REQID + 1)}",
        f"xfrm policy add src {net} dst {PCSCF[4]} dir fwd {template(REQID)}",
    )
    before = show(pcscf, "state"), show(pcscf, "policy")
    kernel = bench.kernel()
    assert kernel.open() == 0
    kernel.install(sa_set(), KEYS, 300)
    assert len(kernel.dump()) == 4
    kernel.close()
    assert (show(pcscf, "state"), show(pcscf, "policy")) == before


def test_two_instances_in_one_namespace(bench: Bench, pcscf):
    def instance(reqid: int, port_ps: int, ports_pc: range) -> XfrmKernel:
        return bench.kernel(reqid, port_wide_policies(PCSCF[4], port_ps, ports_pc, reqid))

    first, second = instance(7, 6100, PORTS_PC), instance(8, 7100, range(7168, 7184))
    assert (first.open(), second.open()) == (0, 0)
    one = sa_set()
    two = sa_set(spi_uc=11, spi_us=12, spi_pc=13, spi_ps=14, port_pc=7170, port_ps=7100)
    first.install(one, KEYS, 300)
    second.install(two, KEYS, 300)
    again = instance(8, 7100, range(7168, 7184))
    assert again.open() == 4
    assert first.present() == set(one.ids)
    again.close()
    assert first.present() == set(one.ids)
    assert len(show(pcscf, "policy")) == 4


def test_an_instance_that_did_not_open_leaves_all_at_close(bench, kernel):
    worker = bench.kernel()
    worker.install(sa_set(), KEYS, 300)
    worker.close()
    assert kernel.present() == set(sa_set().ids)


# -- lifetimes -------------------------------------------------------------------------------------


def expired(monitor: ExpireMonitor, count: int, seconds: float) -> set[SaId]:
    """What the monitor tells, until it is that many or time is over."""
    found: set[SaId] = set()
    end = time.monotonic() + seconds
    while len(found) < count and time.monotonic() < end:
        if select.select([monitor], [], [], 0.2)[0]:
            found.update(monitor.read())
    return found


def test_hard_expiry_is_told_for_ours_only(bench, kernel, monitor):
    kernel.install(sa_set(), KEYS, 1)
    bench.kernel(REQID + 1).install(sa_set(6), KEYS, 1)
    assert expired(monitor, 8, 4) == set(sa_set().ids)
    assert kernel.present() == frozenset()


def test_removal_is_no_expiry(kernel, monitor):
    kernel.install(sa_set(), KEYS, 300)
    kernel.remove(sa_set())
    assert expired(monitor, 1, 0.5) == set()


def test_extend_counts_from_now_and_keeps_counters_and_replay_state(
    bench, pcscf, ue, kernel, monitor
):
    one = sa_set()
    kernel.install(one, KEYS, 3)
    make_phone(ue, one)
    listener = bench.bound(pcscf, one.pcscf, one.port_ps)
    phone = bench.bound(ue, one.ue, one.port_uc)
    capture = bench.capture()
    phone.sendto(b"before", (one.pcscf, one.port_ps))
    assert received(listener) == b"before"
    time.sleep(1.5)
    before = {sa.id: sa for sa in kernel.dump()}
    kernel.extend(one, 3)
    for sa in kernel.dump():
        assert sa._replace(lifetime=3) == before[sa.id]
        assert sa.lifetime - (time.time() - sa.added) == pytest.approx(3, abs=1.1)
    time.sleep(2)  # beyond the first lifetime
    assert kernel.present() == set(one.ids)
    bench.inject(*packets(capture))
    assert received(listener) is None  # a replay, as before
    phone.sendto(b"after", (one.pcscf, one.port_ps))
    assert received(listener) == b"after"
    assert expired(monitor, 4, 4) == set(one.ids)


@each_suite
def test_extend_keeps_the_keys(pcscf, kernel, suite):
    def keys() -> list[str]:
        words = ("auth-trunc", "enc", "aead")
        lines = "".join(show(pcscf, "state")).splitlines()
        return [line for line in lines if line.split()[0] in words]

    kernel.install(sa_set(suite=suite), KEYS, 10)
    before = keys()
    assert len(before) == 4 * len(suite.transforms)
    kernel.extend(sa_set(suite=suite), 100)
    assert keys() == before
    assert all(100 <= sa.lifetime <= 102 for sa in kernel.dump())


@pytest.mark.parametrize("gone", range(4))
def test_extending_what_is_gone_is_refused_and_makes_nothing(pcscf, kernel, gone):
    one = sa_set()
    kernel.install(one, KEYS, 100)
    name = one.ids[gone]
    pcscf.ip(f"xfrm state delete dst {name.destination} proto esp spi {name.spi}")
    with pytest.raises(KernelRefusal) as caught:
        kernel.extend(one, 100)
    assert caught.value.code == errno.ESRCH
    assert kernel.present() == set(one.ids) - {name}


def test_overrun_is_told_and_present_tells_the_rest(bench, kernel):
    monitor = bench.monitor(receive_buffer=2048)
    for number in range(300, 320):
        one = sa_set(ue=f"192.0.2.{number - 200}", spi_ps=number, spi_pc=number + 1000)
        kernel.install(one, KEYS, 1)
    kernel.install(sa_set(), KEYS, 300)
    time.sleep(3)
    with pytest.raises(MonitorOverrunError):
        monitor.read()
    assert kernel.present() == set(sa_set().ids)
    monitor.read()  # what did fit in, and no second overrun
    assert monitor.read() == []
