"""Requests byte for byte as iproute2 sends them (the vectors), and answers read back."""

import struct

import pytest

from tests.vectors import load
from xfrm import wire
from xfrm.algorithms import SUITES, EspKeys, Suite
from xfrm.layout import NLATTR, NLMSGHDR, USERSA_INFO, Attr, Flag, Layout, Msg
from xfrm.model import (
    ALL_PORTS,
    Direction,
    Expiration,
    Policy,
    Ports,
    SaId,
    SaUsage,
    SecurityAssociation,
    Selector,
    UdpEncapsulation,
)
from xfrm.wire import Answer

KERNEL = load("xfrm-netlink")
HEADER = 16


class Command:
    """The words of one `ip xfrm` command of the vectors, as our own values."""

    def __init__(self, text: str) -> None:
        self.words = text.split()
        self.object, self.verb = self.words[2:4]
        cut = self.words.index("sel") if "sel" in self.words else len(self.words)
        self.head, self.tail = self.words[:cut], self.words[cut:]

    def after(self, name: str, default: str = "", words: list[str] | None = None) -> str:
        words = self.words if words is None else words
        return words[words.index(name) + 1] if name in words else default

    def ports(self, name: str, words: list[str]) -> Ports:
        return Ports(int(self.after(name, words=words))) if name in words else ALL_PORTS

    @property
    def id(self) -> SaId:
        return SaId(self.after("dst"), int(self.after("spi")))

    def selector(self, words: list[str]) -> Selector:
        source, prefix_s = self.after("src", words=words).split("/")
        destination, prefix_d = self.after("dst", words=words).split("/")
        return Selector(
            source,
            destination,
            int(prefix_s),
            int(prefix_d),
            self.ports("sport", words),
            self.ports("dport", words),
        )

    def suite_and_keys(self) -> tuple[Suite, EspKeys]:
        def key(name: str) -> bytes:
            after = self.words[self.words.index(name) + 2]
            return bytes.fromhex(after.removeprefix("0x").strip("'"))

        if "aead" in self.words:
            kernel = ("", self.after("aead"))
            keys = EspKeys(b"", key("aead"))
        else:
            kernel = (self.after("auth-trunc"), self.after("enc"))
            keys = EspKeys(key("auth-trunc"), key("enc"))
        (suite,) = (
            s for s in SUITES if (s.auth.kernel if s.auth else "", s.crypt.kernel) == kernel
        )
        return suite, keys

    def sa(self) -> SecurityAssociation:
        suite, keys = self.suite_and_keys()
        udp = None
        if "encap" in self.words:
            at = self.words.index("espinudp")
            udp = UdpEncapsulation(int(self.words[at + 1]), int(self.words[at + 2]))
        return SecurityAssociation(
            self.id,
            self.after("src"),
            self.selector(self.tail),
            suite,
            keys,
            reqid=int(self.after("reqid")),
            lifetime=int(self.after("time-hard", "0")),
            replay_window=int(self.after("replay-window", "0")),
            udp=udp,
        )

    def policy(self) -> Policy:
        direction = Direction[self.after("dir").upper()]
        return Policy(direction, self.selector(self.words), reqid=int(self.after("reqid", "0")))

    def encode(self) -> bytes:
        match self.object, self.verb:
            case "state", "add":
                return wire.new_sa(self.sa(), 0)
            case "state", "delete":
                return wire.delete_sa(self.id, self.after("src"), 0)
            case "policy", "add":
                return wire.new_policy(self.policy(), 0)
            case "policy", "delete":
                return wire.delete_policy(self.policy(), 0)
        raise AssertionError(self.words)


def commands(kind: str = "", verb: str = "") -> list[Command]:
    found = [Command(one["command"]) for one in KERNEL["messages"]]
    return [c for c in found if kind in ("", c.object) and verb in ("", c.verb)]


def only(data: bytes) -> wire.Message:
    (message,) = wire.messages(data)
    return message


@pytest.mark.parametrize("vector", KERNEL["messages"], ids=lambda vector: vector["command"][:90])
def test_request_is_that_of_iproute2(vector):
    assert Command(vector["command"]).encode().hex() == vector["message"]


def test_all_22_messages_are_there():
    assert len(KERNEL["messages"]) == 22


def test_sequence_number_is_in_every_request():
    sa, policy = commands("state", "add")[0].sa(), commands("policy", "add")[0].policy()
    requests = [
        wire.new_sa(sa, 7),
        wire.update_sa(sa, 7),
        wire.delete_sa(sa.id, sa.source, 7),
        wire.get_sa(sa.id, 7),
        wire.dump_sas(7),
        wire.new_policy(policy, 7),
        wire.update_policy(policy, 7),
        wire.delete_policy(policy, 7),
        wire.dump_policies(7),
    ]
    heads = [NLMSGHDR.unpack_from(request) for request in requests]
    assert [head[3] for head in heads] == [7] * len(requests)
    assert [head[0] for head in heads] == [len(request) for request in requests]
    assert [Msg(head[1]).name for head in heads] == [
        "NEWSA",
        "UPDSA",
        "DELSA",
        "GETSA",
        "GETSA",
        "NEWPOLICY",
        "UPDPOLICY",
        "DELPOLICY",
        "GETPOLICY",
    ]


def test_update_is_new_under_another_type():
    sa = commands("state", "add")[0].sa()
    new, update = wire.new_sa(sa, 1), wire.update_sa(sa, 1)
    assert new[:4] + new[6:] == update[:4] + update[6:]


def test_dump_request_is_a_header():
    assert wire.dump_sas(3) == struct.pack("=IHHII", 16, 18, 0x301, 3, 0)


# -- what the kernel sends has the layout of what it takes -----------------------------------------


@pytest.mark.parametrize("command", commands("state", "add"), ids=lambda c: f"{c.id} {c.head[-3]}")
def test_sa_is_read_back(command):
    sa = command.sa()
    read = wire.read_sa(only(wire.new_sa(sa, 0)))
    assert read is not None
    assert read[:6] == (sa.id, sa.source, sa.selector, sa.suite, sa.reqid, sa.lifetime)
    assert read.replay_window == sa.replay_window
    assert not sa.keys.crypt or sa.keys.crypt not in repr(read).encode("latin-1", "replace")


def patched(data: bytes, layout: Layout, field: str, value: bytes, at: int = HEADER) -> bytes:
    start = at + layout.offset[field]
    return data[:start] + value + data[start + len(value) :]


def with_attribute(data: bytes, kind: int, value: bytes) -> bytes:
    longer = data + NLATTR.pack(NLATTR.size + len(value), kind) + value
    return struct.pack("=I", len(longer)) + longer[4:]


def test_counters_of_an_sa_are_read():
    data = wire.new_sa(commands("state", "add")[1].sa(), 0)
    data = patched(data, USERSA_INFO, "curlft", struct.pack("=4Q", 1200, 3, 1000, 1001))
    data = patched(data, USERSA_INFO, "stats", struct.pack("=3I", 9, 5, 4))
    data = with_attribute(data, Attr.REPLAY_VAL, struct.pack("=3I", 3, 0, 0))
    read = wire.read_sa(only(data))
    assert read is not None
    assert (read.octets, read.packets, read.added, read.used) == (1200, 3, 1000, 1001)
    assert (read.outside_window, read.replayed, read.integrity_failed) == (9, 5, 4)
    assert read.sequence == 3
    assert wire.read_sa_usage(only(data)) == (SaUsage(read.id, 3, 1200, 1001), read.reqid)


def test_highest_sequence_number_received_is_read_from_the_wide_window():
    data = with_attribute(
        wire.new_sa(commands("state", "add")[1].sa(), 0),
        Attr.REPLAY_ESN_VAL,
        struct.pack("=6I2I", 2, 0, 77, 0, 0, 64, 0, 0),
    )
    read = wire.read_sa(only(data))
    assert read is not None
    assert (read.sequence, read.replay_window) == (77, 64)


def test_sa_of_unknown_algorithms_has_no_suite():
    data = wire.new_sa(commands("state", "add")[0].sa(), 0).replace(b"cbc(aes)", b"ctr(aes)")
    read = wire.read_sa(only(data))
    assert read is not None
    assert read.suite is None


def test_sa_that_is_not_esp_is_none_of_ours():
    data = wire.new_sa(commands("state", "add")[0].sa(), 0)
    ah = patched(data, USERSA_INFO, "id", data[72:92] + b"\x33")
    assert wire.read_sa(only(ah)) is None


@pytest.mark.parametrize("command", commands("policy", "add"), ids=lambda c: c.after("dir"))
def test_policy_is_read_back(command):
    assert wire.read_policy(only(wire.new_policy(command.policy(), 0))) == command.policy()


def test_forward_policy_and_policy_without_template_cannot_be_ours():
    data = wire.new_policy(commands("policy", "add")[0].policy(), 0)
    forward = data[: HEADER + 160] + b"\x02" + data[HEADER + 161 :]
    assert wire.read_policy(only(forward)) is None
    bare = struct.pack("=I", HEADER + 168) + data[4 : HEADER + 168]
    assert wire.read_policy(only(bare)) is None


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("which", [0, 4])
def test_expiration_is_read(hard, which):
    sa = commands("state", "add")[which].sa()
    state = wire.new_sa(sa, 0)[HEADER : HEADER + USERSA_INFO.size]
    data = NLMSGHDR.pack(HEADER + 232, Msg.EXPIRE, 0, 0, 0) + state + bytes([hard]) + bytes(7)
    assert wire.read_expiration(only(data)) == Expiration(sa.id, sa.reqid, hard)


def error(code: int, flags: int = 0, tail: bytes = b"") -> bytes:
    body = struct.pack("=i", -code) + NLMSGHDR.pack(16, Msg.NEWSA, 5, 9, 0) + tail
    return NLMSGHDR.pack(HEADER + len(body), Msg.ERROR, flags, 9, 0) + body


def test_acknowledgement():
    message = only(error(0))
    assert (message.type, message.sequence) == (Msg.ERROR, 9)
    assert wire.read_answer(message) == Answer(0, "")


def test_refusal_with_the_kernels_words():
    words = b"Requested type not found\0"
    tail = NLATTR.pack(4 + len(words), 1) + words + bytes(-len(words) % 4)
    message = only(error(93, 0x100 | Flag.ACK_TLVS, tail))
    assert wire.read_answer(message) == Answer(93, "Requested type not found")


def test_refusal_that_carries_the_request_back_has_no_words():
    assert wire.read_answer(only(error(17, 0, b"\xff" * 64))) == Answer(17, "")


def test_several_messages_in_one_receive():
    data = error(0) + error(17) + error(93)
    assert [wire.read_answer(m).code for m in wire.messages(data)] == [0, 17, 93]


@pytest.mark.parametrize("cut", range(1, 36))
def test_a_message_that_is_cut_short_is_left_out(cut):
    assert len(list(wire.messages(error(0) + error(17)[:-cut]))) == 1


@pytest.mark.parametrize("length", [0, 15, 2**32 - 1])
def test_a_length_that_cannot_be_ends_the_reading(length):
    assert list(wire.messages(struct.pack("=IHHII", length, 2, 0, 0, 0) + bytes(20))) == []
