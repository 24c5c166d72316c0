import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import load
from xfrm.algorithms import Suite
from xfrm.model import (
    ALL_PORTS,
    AkaKeys,
    Direction,
    Ports,
    SaId,
    SaSet,
    Selector,
    SelectorMode,
    port_wide_policies,
)

ESP = load("esp")
AGREED = load("aka-digest")["sec_agree"]
KEYS = AkaKeys(bytes(range(16)), bytes(range(16, 32)))
port = st.integers(1, 65535)


def sa_set(family: str = "4") -> SaSet:
    names = [f"{what}_{end}" for what in ("spi", "port") for end in ("uc", "us", "pc", "ps")]
    suite = Suite("hmac-sha-1-96", "aes-cbc")
    return SaSet(ESP["ue"][family], ESP["pcscf"][family], suite, *(AGREED[n] for n in names))


def matches(ports: Ports, number: int) -> bool:
    """As the kernel compares (__xfrm4_selector_match)."""
    return (number ^ ports.port) & ports.mask == 0


@pytest.mark.parametrize("family", ["4", "6"])
def test_strict_set_is_the_four_sas_of_33_203(family):
    sas = sa_set(family).associations(KEYS, 7, SelectorMode.STRICT, 300)
    ends = ("ue_c_to_p_s", "p_s_to_ue_c", "p_c_to_ue_s", "ue_s_to_p_c")
    one = 32 if family == "4" else 128
    ue, pcscf = ESP["ue"][family], ESP["pcscf"][family]
    for sa, end in zip(sas, ends, strict=True):
        want = ESP["sas"][end]
        source, destination = (ue, pcscf) if want["dir"] == "up" else (pcscf, ue)
        assert sa.id == SaId(destination, want["spi"])
        assert sa.source == source
        assert sa.selector == Selector(
            source, destination, one, one, Ports(want["sport"]), Ports(want["dport"])
        )
        assert sa.replay_window == (64 if want["dir"] == "up" else 0)
        assert (sa.reqid, sa.lifetime, sa.udp) == (7, 300, None)
        assert sa.keys == sa.suite.keys(KEYS)


def test_ids_are_those_of_the_associations():
    one = sa_set()
    assert one.ids == tuple(sa.id for sa in one.associations(KEYS, 1, SelectorMode.STRICT, 0))


def test_tolerant_set_carries_any_pair_inbound_and_exact_pairs_outbound():
    one = sa_set()
    strict = one.associations(KEYS, 1, SelectorMode.STRICT, 0)
    tolerant = one.associations(KEYS, 1, SelectorMode.TOLERANT, 0)
    assert tolerant[1:3] == strict[1:3]
    for sa in (tolerant[0], tolerant[3]):
        assert (sa.selector.source, sa.selector.destination) == (one.ue, one.pcscf)
        assert sa.selector.prefix_source == sa.selector.prefix_destination == 32
        assert all(matches(sa.selector.source_ports, p) for p in (one.port_uc, one.port_us))
        assert all(matches(sa.selector.destination_ports, p) for p in (one.port_pc, one.port_ps))


@given(port, port)
def test_covering_is_the_narrowest_mask_over_two_ports(one, other):
    cover = Ports.covering(one, other)
    assert matches(cover, one)
    assert matches(cover, other)
    assert (one ^ other).bit_count() == 16 - cover.mask.bit_count()
    assert cover.port & ~cover.mask == 0


@given(st.integers(0, 10), st.data())
def test_block_lets_its_ports_through_and_no_other(bits, data):
    size = 1 << bits
    start = data.draw(st.integers(1, 65535 // size)) * size
    block = Ports.block(range(start, start + size))
    assert [p for p in range(1, 65536) if matches(block, p)] == list(range(start, start + size))


@pytest.mark.parametrize(
    "ports", [range(6100, 6164), range(6144, 6150), range(6144, 6144), range(6144, 6160, 2)]
)
def test_a_block_that_no_mask_describes(ports):
    with pytest.raises(ValueError, match="power of two"):
        Ports.block(ports)


@pytest.mark.parametrize(
    ("address", "anyone", "one"), [("192.0.2.1", "0.0.0.0", 32), ("2001:db8::1", "::", 128)]
)
def test_policies_cover_both_ports_both_ways(address, anyone, one):
    policies = port_wide_policies(address, 6100, range(6144, 6160), 7)
    assert {(p.direction, p.selector) for p in policies} == {
        (direction, selector)
        for ports in (Ports(6100), Ports(6144, 0xFFF0))
        for direction, selector in (
            (Direction.IN, Selector(anyone, address, 0, one, ALL_PORTS, ports)),
            (Direction.OUT, Selector(address, anyone, one, 0, ports, ALL_PORTS)),
        )
    }
    assert {(p.reqid, p.priority) for p in policies} == {(7, 2080)}


def test_misaligned_block_has_no_policies():
    with pytest.raises(ValueError, match="6100-6163"):
        port_wide_policies("192.0.2.1", 5070, range(6100, 6164), 1)


@pytest.mark.parametrize("sizes", [(15, 16), (16, 20)])
def test_ck_and_ik_are_16_octets(sizes):
    with pytest.raises(ValueError, match="16 octets"):
        AkaKeys(*map(bytes, sizes))


def test_keys_are_in_no_repr():
    (sa, *_) = sa_set().associations(KEYS, 1, SelectorMode.STRICT, 0)
    assert repr(KEYS) == "AkaKeys()"
    assert "keys" not in repr(sa)
    assert sa.id.destination in repr(sa)
