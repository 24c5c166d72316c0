"""What was declared against what a C compiler says of linux/xfrm.h (the vectors)."""

import pytest

from tests.vectors import load
from xfrm import layout
from xfrm.layout import LAYOUTS, Attr, Group, Layout, Msg

KERNEL = load("xfrm-netlink")
TAILS = {"alg_key", "bmp"}  # flexible array members: they follow the struct


@pytest.mark.parametrize("declared", LAYOUTS, ids=lambda one: one.name)
def test_size_and_offsets(declared):
    offsets = {
        field: at
        for field, at in KERNEL["field_offset"][declared.name].items()
        if field not in TAILS
    }
    assert declared.offset == offsets
    assert declared.size == KERNEL["struct_size"][declared.name]


def test_every_xfrm_struct_is_compared():
    structs = {one for one in vars(layout).values() if isinstance(one, Layout)}
    inner = {layout.STATS, layout.REPLAY_STATE}  # the vectors hold no offsets of these two
    netlink = {layout.NLMSGHDR, layout.NLATTR, layout.NLMSGERR}
    assert structs == {*LAYOUTS, *inner, *netlink}


@pytest.mark.parametrize(("numbers", "table"), [(Msg, "msg"), (Attr, "attr"), (Group, "group")])
def test_numbers(numbers, table):
    own = {one.name: one.value for one in numbers if one not in (Msg.ERROR, Msg.DONE)}
    assert own == {name: KERNEL[table][name] for name in own}


def test_inner_structs_travel_as_bytes():
    pair = Layout("pair", one="H", _pad="2x", two=Layout("inner", a="B", b="B"))
    assert pair.offset == {"one": 0, "two": 4}
    assert pair.unpack_from(pair.pack(1, b"ab")) == (1, b"ab")
