"""XFRM netlink messages to and from bytes. Pure: no socket, no clock.

Requests carry their own sequence number, so that a batch is a plain join and
every answer is found again. Layouts and numbers are in ``xfrm.layout``.

On IVs of AES-GCM and AES-GMAC: TS 33.203 gives all four SAs of a set one key and
one salt, so an IV used twice under any of them would break both. A request names no
IV: for ESP the kernel wraps rfc4106 and rfc4543 in seqiv, whose 64-bit IV is the
sequence number XOR 64 bits drawn at random when the SA is made (crypto/seqiv.c). One
SA so never repeats an IV. For two SAs of ours the bits of both draws must differ by
no more than two sequence numbers do: after p packets on each, a chance below p / 2^63,
and p stays below 2^32. How the phone keeps its two SAs apart is its own affair.
"""

from collections.abc import Iterator
from socket import AF_INET, AF_INET6, htonl, htons, inet_ntop, inet_pton, ntohl, ntohs
from typing import Final, NamedTuple

from xfrm.algorithms import SUITES, Suite
from xfrm.layout import (
    ALGO,
    ALGO_AEAD,
    ALGO_AUTH,
    ALL_ALGORITHMS,
    ENCAP_ESP_IN_UDP,
    ENCAP_TMPL,
    ERRMSG_TEXT,
    ID,
    LIFETIME_CFG,
    LIFETIME_CUR,
    MODE_TRANSPORT,
    MODE_TUNNEL,
    NLATTR,
    NLMSGERR,
    NLMSGHDR,
    NO_LIMIT,
    REPLAY_STATE,
    REPLAY_STATE_ESN,
    SELECTOR,
    STATS,
    USER_EXPIRE,
    USER_TMPL,
    USERPOLICY_ID,
    USERPOLICY_INFO,
    USERSA_ID,
    USERSA_INFO,
    Attr,
    Flag,
    Msg,
)
from xfrm.model import (
    Direction,
    Expiration,
    InstalledSa,
    Policy,
    Ports,
    SaId,
    SaUsage,
    SecurityAssociation,
    Selector,
)

_ESP: Final = 50  # IPPROTO_ESP
_REQUEST_ACK: Final = Flag.REQUEST | Flag.ACK
_REQUEST_DUMP: Final = Flag.REQUEST | Flag.DUMP
_NO_LIFETIME_CUR: Final = bytes(LIFETIME_CUR.size)
_NO_STATS: Final = bytes(STATS.size)
_NO_ADDRESS: Final = bytes(16)
_MAX_WINDOW_IN_INFO: Final = 32  # a larger replay window has an attribute of its own
_IPV4_SIZE: Final = 4


class Message(NamedTuple):
    """One netlink message without its header."""

    type: int
    flags: int
    sequence: int
    body: memoryview


class Answer(NamedTuple):
    """How the kernel answered a request: 0 or a positive errno, and its words, if any."""

    code: int
    text: str


# -- requests ---------------------------------------------------------------------------------


def new_sa(sa: SecurityAssociation, sequence: int) -> bytes:
    """Ask for a new SA; refused with EEXIST if (destination, SPI) is taken."""
    return _sa_request(Msg.NEWSA, sa, sequence)


def update_sa(sa: SecurityAssociation, sequence: int) -> bytes:
    """Ask for another lifetime of an SA that is there; ESRCH if it is not.

    The kernel takes over lifetimes, keeping keys, counters and replay state
    (xfrm_state_update); it checks the algorithms of the request all the same.
    """
    return _sa_request(Msg.UPDSA, sa, sequence)


def delete_sa(sa: SaId, source: str, sequence: int) -> bytes:
    """Ask to remove an SA; ESRCH if it is not there."""
    body = _sa_id(sa) + _attribute(Attr.SRCADDR, _address(source).ljust(16, b"\0"))
    return _message(Msg.DELSA, _REQUEST_ACK, sequence, body)


def get_sa(sa: SaId, sequence: int) -> bytes:
    """Ask for one SA. A NEWSA message answers, or an error; no acknowledgement."""
    return _message(Msg.GETSA, Flag.REQUEST, sequence, _sa_id(sa))


def dump_sas(sequence: int) -> bytes:
    """Ask for all SAs of the namespace."""
    return _message(Msg.GETSA, _REQUEST_DUMP, sequence, b"")


def new_policy(policy: Policy, sequence: int) -> bytes:
    """Ask for a new policy; refused with EEXIST if direction and selector are taken."""
    return _policy_request(Msg.NEWPOLICY, policy, sequence)


def update_policy(policy: Policy, sequence: int) -> bytes:
    """Put a policy in the place of the one with its direction and selector."""
    return _policy_request(Msg.UPDPOLICY, policy, sequence)


def delete_policy(policy: Policy, sequence: int) -> bytes:
    """Ask to remove the policy with this direction and selector; ENOENT if it is not there."""
    body = USERPOLICY_ID.pack(_selector(policy.selector), 0, policy.direction)
    return _message(Msg.DELPOLICY, _REQUEST_ACK, sequence, body)


def dump_policies(sequence: int) -> bytes:
    """Ask for all policies of the namespace."""
    return _message(Msg.GETPOLICY, _REQUEST_DUMP, sequence, b"")


def _message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    return NLMSGHDR.pack(NLMSGHDR.size + len(body), kind, flags, sequence, 0) + body


def _sa_request(kind: int, sa: SecurityAssociation, sequence: int) -> bytes:
    destination, spi = sa.id
    window = sa.replay_window
    info = USERSA_INFO.pack(
        _selector(sa.selector),
        ID.pack(_address(destination), htonl(spi), _ESP),
        _address(sa.source),
        _lifetimes(sa.lifetime),
        _NO_LIFETIME_CUR,
        _NO_STATS,
        0,
        sa.reqid,
        _family(destination),
        MODE_TRANSPORT if sa.udp is None else MODE_TUNNEL,
        window if window <= _MAX_WINDOW_IN_INFO else 0,
        0,
    )
    body = info + _algorithms(sa)
    if sa.udp is not None:
        ports = (htons(sa.udp.source_port), htons(sa.udp.destination_port))
        body += _attribute(Attr.ENCAP, ENCAP_TMPL.pack(ENCAP_ESP_IN_UDP, *ports, _NO_ADDRESS))
    if window > _MAX_WINDOW_IN_INFO:
        # The name says ESN, but without XFRM_STATE_ESN it is only the wider bitmap.
        words = -(-window // 32)
        body += _attribute(Attr.REPLAY_ESN_VAL, REPLAY_STATE_ESN.pack(words, 0, 0, 0, 0, window))
    return _message(kind, _REQUEST_ACK, sequence, body)


def _algorithms(sa: SecurityAssociation) -> bytes:
    suite, keys = sa.suite, sa.keys
    crypt = suite.crypt
    name, bits = crypt.kernel.encode(), 8 * len(keys.crypt)
    auth = suite.auth
    if auth is None:
        head = ALGO_AEAD.pack(name, bits, crypt.icv_bits)
        return _attribute(Attr.ALG_AEAD, head + keys.crypt)
    trunc = ALGO_AUTH.pack(auth.kernel.encode(), 8 * len(keys.auth), auth.icv_bits)
    return _attribute(Attr.ALG_AUTH_TRUNC, trunc + keys.auth) + _attribute(
        Attr.ALG_CRYPT, ALGO.pack(name, bits) + keys.crypt
    )


def _policy_request(kind: int, policy: Policy, sequence: int) -> bytes:
    info = USERPOLICY_INFO.pack(
        _selector(policy.selector),
        _lifetimes(0),
        _NO_LIFETIME_CUR,
        policy.priority,
        0,
        policy.direction,
        0,  # XFRM_POLICY_ALLOW: pass what the template describes, drop what it does not
        0,
        0,
    )
    # Transport mode: the template's addresses are not looked at. It is not optional.
    template = USER_TMPL.pack(
        ID.pack(_NO_ADDRESS, 0, _ESP),
        _family(policy.selector.destination),
        _NO_ADDRESS,
        policy.reqid,
        MODE_TRANSPORT,
        0,
        0,
        ALL_ALGORITHMS,
        ALL_ALGORITHMS,
        ALL_ALGORITHMS,
    )
    return _message(kind, _REQUEST_ACK, sequence, info + _attribute(Attr.TMPL, template))


def _attribute(kind: int, value: bytes) -> bytes:
    head = NLATTR.pack(NLATTR.size + len(value), kind)
    return head + value + bytes(-len(value) % 4)


def _sa_id(sa: SaId) -> bytes:
    return USERSA_ID.pack(_address(sa.destination), htonl(sa.spi), _family(sa.destination), _ESP)


def _selector(selector: Selector) -> bytes:
    source, destination, prefix_s, prefix_d, (sport, sport_mask), (dport, dport_mask) = selector
    return SELECTOR.pack(
        _address(destination),
        _address(source),
        htons(dport),
        htons(dport_mask),
        htons(sport),
        htons(sport_mask),
        _family(destination),
        prefix_d,
        prefix_s,
        0,  # any transport
        0,
        0,
    )


def _lifetimes(hard: int) -> bytes:
    return LIFETIME_CFG.pack(NO_LIMIT, NO_LIMIT, NO_LIMIT, NO_LIMIT, 0, hard, 0, 0)


def _family(address: str) -> int:
    return AF_INET6 if ":" in address else AF_INET


def _address(address: str) -> bytes:
    """Four octets or sixteen; ``struct`` fills the field of sixteen up with zeros."""
    return inet_pton(AF_INET6 if ":" in address else AF_INET, address)


# -- answers ----------------------------------------------------------------------------------


def messages(data: bytes) -> Iterator[Message]:
    """Cut what one receive gave into messages; what is cut short at the end is left out."""
    view, at = memoryview(data), 0
    while at + NLMSGHDR.size <= len(data):
        length, kind, flags, sequence, _ = NLMSGHDR.unpack_from(data, at)
        if not NLMSGHDR.size <= length <= len(data) - at:
            return
        yield Message(kind, flags, sequence, view[at + NLMSGHDR.size : at + length])
        at += length + -length % 4


def read_answer(message: Message) -> Answer:
    """Read an ERROR message, which is an acknowledgement if its code is 0."""
    error, _ = NLMSGERR.unpack_from(message.body)
    text = ""
    if message.flags & Flag.ACK_TLVS:
        text = bytes(_attributes(message.body[NLMSGERR.size :]).get(ERRMSG_TEXT, b"")).decode()
    return Answer(-error, text.rstrip("\0"))


def read_sa(message: Message) -> InstalledSa | None:
    """Read a NEWSA message; None for an SA that is not ESP."""
    sel, xid, saddr, lft, cur, stats, _, reqid, family, _, window, _ = USERSA_INFO.unpack_from(
        message.body
    )
    daddr, spi, proto = ID.unpack_from(xid)
    if proto != _ESP:
        return None
    attributes = _attributes(message.body[USERSA_INFO.size :])
    octets, packets, added, used = LIFETIME_CUR.unpack_from(cur)
    outside_window, replayed, integrity_failed = STATS.unpack_from(stats)
    sequence, window = _replay(attributes, window)
    return InstalledSa(
        SaId(_text(daddr, family), ntohl(spi)),
        _text(saddr, family),
        _read_selector(sel, family),
        _read_suite(attributes),
        reqid,
        LIFETIME_CFG.unpack_from(lft)[5],
        added,
        used,
        packets,
        octets,
        window,
        sequence,
        outside_window,
        replayed,
        integrity_failed,
    )


def read_sa_name(message: Message) -> tuple[SaId, int]:
    """Read no more than name and reqid of a NEWSA message, of any IPsec protocol."""
    _, xid, _, _, _, _, _, reqid, family, *_ = USERSA_INFO.unpack_from(message.body)
    daddr, spi, _ = ID.unpack_from(xid)
    return SaId(_text(daddr, family), ntohl(spi)), reqid


def read_sa_usage(message: Message) -> tuple[SaUsage, int]:
    """Read name, counters and reqid of a NEWSA message, of any IPsec protocol."""
    name, reqid = read_sa_name(message)
    octets, packets, _, used = LIFETIME_CUR.unpack_from(message.body, USERSA_INFO.offset["curlft"])
    return SaUsage(name, packets, octets, used), reqid


def read_policy(message: Message) -> Policy | None:
    """Read a NEWPOLICY message; None for one that cannot be ours.

    That is: neither in nor out (forward, or a socket's own), or without a template.
    """
    sel, _, _, priority, _, direction, _, _, _ = USERPOLICY_INFO.unpack_from(message.body)
    template = _attributes(message.body[USERPOLICY_INFO.size :]).get(Attr.TMPL)
    if template is None or direction > Direction.OUT:
        return None
    _, family, _, reqid, *_ = USER_TMPL.unpack_from(template)
    return Policy(Direction(direction), _read_selector(sel, family), reqid, priority)


def read_expiration(message: Message) -> Expiration:
    """Read an EXPIRE message."""
    state, hard = USER_EXPIRE.unpack_from(message.body)
    sa, reqid = read_sa_name(message._replace(body=memoryview(state)))
    return Expiration(sa, reqid, bool(hard))


def _attributes(data: memoryview) -> dict[int, memoryview]:
    found, at = {}, 0
    while at + NLATTR.size <= len(data):
        length, kind = NLATTR.unpack_from(data, at)
        if not NLATTR.size <= length <= len(data) - at:
            break
        found[kind] = data[at + NLATTR.size : at + length]
        at += length + -length % 4
    return found


def _replay(attributes: dict[int, memoryview], window: int) -> tuple[int, int]:
    """Sequence number and window size; an SA counts in one direction only."""
    if wide := attributes.get(Attr.REPLAY_ESN_VAL):
        _, sent, received, _, _, window = REPLAY_STATE_ESN.unpack_from(wide)
    elif narrow := attributes.get(Attr.REPLAY_VAL):
        sent, received, _ = REPLAY_STATE.unpack_from(narrow)
    else:
        return 0, window
    return max(sent, received), window


_SUITE_OF_KERNEL_NAMES: Final = {
    (suite.auth.kernel if suite.auth else "", suite.crypt.kernel): suite for suite in SUITES
}


def _read_suite(attributes: dict[int, memoryview]) -> Suite | None:
    crypt = attributes.get(Attr.ALG_AEAD) or attributes.get(Attr.ALG_CRYPT)
    names = _algorithm(attributes.get(Attr.ALG_AUTH_TRUNC)), _algorithm(crypt)
    return _SUITE_OF_KERNEL_NAMES.get(names)


def _algorithm(attribute: memoryview | None) -> str:
    if attribute is None:
        return ""
    name: bytes = ALGO.unpack_from(attribute)[0]
    return name.rstrip(b"\0").decode("ascii", "replace")


def _read_selector(data: bytes, family: int) -> Selector:
    """Read a selector; one that leaves the family open (``sel`` absent) takes the SA's."""
    daddr, saddr, dport, dport_mask, sport, sport_mask, own, prefix_d, prefix_s, *_ = (
        SELECTOR.unpack_from(data)
    )
    family = own or family
    return Selector(
        _text(saddr, family),
        _text(daddr, family),
        prefix_s,
        prefix_d,
        Ports(ntohs(sport), ntohs(sport_mask)),
        Ports(ntohs(dport), ntohs(dport_mask)),
    )


def _text(address: bytes, family: int) -> str:
    return inet_ntop(family, address[:_IPV4_SIZE] if family == AF_INET else address)
