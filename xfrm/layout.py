"""Declarations: the C structs and numbers of linux/netlink.h and linux/xfrm.h that are used here.

Field names are the kernel's. Integers are in host order, except where a comment
says network order; every 64-bit Linux has these offsets. Padding is spelled out.
"""

from enum import IntEnum
from struct import Struct
from typing import Final


class Layout:
    """One C struct: fields in order, each a ``struct`` code or another Layout.

    ``pack`` and ``unpack_from`` take and give the fields in that order, an inner
    struct as its packed bytes. ``offset`` tells where a field lies. Fields whose
    name begins with an underscore are padding.
    """

    __slots__ = ("name", "offset", "pack", "size", "unpack_from")
    size: int

    def __init__(self, name: str, **fields: "str | Layout") -> None:
        self.name = name
        self.offset: dict[str, int] = {}
        codes, at = "=", 0
        for field, kind in fields.items():
            code = kind if isinstance(kind, str) else f"{kind.size}s"
            if not field.startswith("_"):
                self.offset[field] = at
            at += Struct("=" + code).size
            codes += code
        whole = Struct(codes)
        self.size = whole.size
        self.pack = whole.pack
        self.unpack_from = whole.unpack_from


class Msg(IntEnum):
    """Message types, ``NLMSG_`` and ``XFRM_MSG_`` in the kernel."""

    ERROR = 2  # also the acknowledgement, with error 0
    DONE = 3
    NEWSA = 16
    DELSA = 17
    GETSA = 18
    NEWPOLICY = 19
    DELPOLICY = 20
    GETPOLICY = 21
    EXPIRE = 24
    UPDPOLICY = 25
    UPDSA = 26


class Flag(IntEnum):
    """Message flags, ``NLM_F_`` in the kernel."""

    REQUEST = 0x1
    ACK = 0x4
    DUMP = 0x300
    ACK_TLVS = 0x200  # in an ERROR message: attributes follow


class Attr(IntEnum):
    """Attribute types, ``XFRMA_`` in the kernel."""

    ALG_CRYPT = 2
    ENCAP = 4
    TMPL = 5
    REPLAY_VAL = 10
    SRCADDR = 13
    ALG_AEAD = 18
    ALG_AUTH_TRUNC = 20
    REPLAY_ESN_VAL = 23


class Group(IntEnum):
    """Multicast groups, ``XFRMNLGRP_`` in the kernel."""

    EXPIRE = 2


ERRMSG_TEXT: Final = 1  # NLMSGERR_ATTR_MSG: why, in the kernel's words
SOL_NETLINK: Final = 270
NETLINK_CAP_ACK: Final = 10  # socket option: an error does not carry the request back
NETLINK_XFRM: Final = 6
MODE_TRANSPORT: Final = 0
MODE_TUNNEL: Final = 1
ENCAP_ESP_IN_UDP: Final = 2  # UDP_ENCAP_ESPINUDP
NO_LIMIT: Final = 2**64 - 1
ALL_ALGORITHMS: Final = 2**32 - 1

NLMSGHDR: Final = Layout("nlmsghdr", len="I", type="H", flags="H", seq="I", pid="I")
NLATTR: Final = Layout("nlattr", len="H", type="H")
NLMSGERR: Final = Layout("nlmsgerr", error="i", msg=NLMSGHDR)

SELECTOR: Final = Layout(
    "xfrm_selector",
    daddr="16s",
    saddr="16s",
    dport="H",  # network order, as the other ports and masks
    dport_mask="H",
    sport="H",
    sport_mask="H",
    family="H",
    prefixlen_d="B",
    prefixlen_s="B",
    proto="B",
    _pad="3x",
    ifindex="i",
    user="I",
)
ID: Final = Layout("xfrm_id", daddr="16s", spi="I", proto="B", _pad="3x")  # spi: network order
LIFETIME_CFG: Final = Layout(
    "xfrm_lifetime_cfg",
    soft_byte_limit="Q",
    hard_byte_limit="Q",
    soft_packet_limit="Q",
    hard_packet_limit="Q",
    soft_add_expires_seconds="Q",
    hard_add_expires_seconds="Q",
    soft_use_expires_seconds="Q",
    hard_use_expires_seconds="Q",
)
LIFETIME_CUR: Final = Layout(
    "xfrm_lifetime_cur", bytes="Q", packets="Q", add_time="Q", use_time="Q"
)
STATS: Final = Layout("xfrm_stats", replay_window="I", replay="I", integrity_failed="I")
USERSA_INFO: Final = Layout(
    "xfrm_usersa_info",
    sel=SELECTOR,
    id=ID,
    saddr="16s",
    lft=LIFETIME_CFG,
    curlft=LIFETIME_CUR,
    stats=STATS,
    seq="I",
    reqid="I",
    family="H",
    mode="B",
    replay_window="B",
    flags="B",
    _pad="7x",
)
USERSA_ID: Final = Layout(  # spi: network order
    "xfrm_usersa_id", daddr="16s", spi="I", family="H", proto="B", _pad="x"
)
USER_EXPIRE: Final = Layout("xfrm_user_expire", state=USERSA_INFO, hard="B", _pad="7x")
USERPOLICY_INFO: Final = Layout(
    "xfrm_userpolicy_info",
    sel=SELECTOR,
    lft=LIFETIME_CFG,
    curlft=LIFETIME_CUR,
    priority="I",
    index="I",
    dir="B",
    action="B",
    flags="B",
    share="B",
    _pad="4x",
)
USERPOLICY_ID: Final = Layout("xfrm_userpolicy_id", sel=SELECTOR, index="I", dir="B", _pad="3x")
USER_TMPL: Final = Layout(
    "xfrm_user_tmpl",
    id=ID,
    family="H",
    _pad1="2x",
    saddr="16s",
    reqid="I",
    mode="B",
    share="B",
    optional="B",
    _pad2="x",
    aalgos="I",
    ealgos="I",
    calgos="I",
)
# The key follows each of these three.
ALGO: Final = Layout("xfrm_algo", alg_name="64s", alg_key_len="I")
ALGO_AUTH: Final = Layout("xfrm_algo_auth", alg_name="64s", alg_key_len="I", alg_trunc_len="I")
ALGO_AEAD: Final = Layout("xfrm_algo_aead", alg_name="64s", alg_key_len="I", alg_icv_len="I")
ENCAP_TMPL: Final = Layout(
    "xfrm_encap_tmpl",
    encap_type="H",
    encap_sport="H",  # network order
    encap_dport="H",  # network order
    _pad="2x",
    encap_oa="16s",
)
REPLAY_STATE: Final = Layout("xfrm_replay_state", oseq="I", seq="I", bitmap="I")
REPLAY_STATE_ESN: Final = Layout(  # the bitmap follows
    "xfrm_replay_state_esn",
    bmp_len="I",
    oseq="I",
    seq="I",
    oseq_hi="I",
    seq_hi="I",
    replay_window="I",
)
LAYOUTS: Final = (
    SELECTOR,
    ID,
    LIFETIME_CFG,
    LIFETIME_CUR,
    USERSA_INFO,
    USERSA_ID,
    USER_EXPIRE,
    USERPOLICY_INFO,
    USERPOLICY_ID,
    USER_TMPL,
    ALGO,
    ALGO_AUTH,
    ALGO_AEAD,
    ENCAP_TMPL,
    REPLAY_STATE_ESN,
)
