"""Sentences about packets that meet no SA: unknown SPIs, blocks, silence, the kernel's drops."""

from collections.abc import Iterator
from typing import Final

from pcscf.core.source import source
from pcscf.diagnosis.facts import Level, Phone, Sentence, World
from pcscf.diagnosis.journal import End, SetRecord
from pcscf.diagnosis.unknown_spis import UnknownSpi
from pcscf.diagnosis.words import clock, many, span, spi
from pcscf.diagnosis.xfrm_stat import MEANINGS, NO_STATES, UNKNOWN

_STALE: Final = 300.0  # seconds: who has not sent for so long does not go on
_AGAIN: Final = "It has to register anew: flight mode on and off does it now"

# Counted for the whole host, and under no SA: what may concern a phone that is in trouble.
_MENDS: Final = {
    "XfrmInTmplMismatch": (
        "a phone that does so has no SAs, or its IPsec sends in clear: see what it offered, and"
        " whether its policies are in place"
    ),
    "XfrmInStateMismatch": 'a phone that mixes its ports needs gm.selectors = "tolerant"',
    "XfrmInStateModeError": "the phone has to use transport mode (TS 33.203 7.1)",
    "XfrmInPolBlock": "see `ip xfrm policy`: somebody else has put policies here",
    "XfrmInNoPols": "see `ip xfrm policy`: ours are missing, restart the P-CSCF",
    "XfrmOutNoStates": "its SAs are gone: it has to register anew",
    "XfrmOutPolBlock": "see `ip xfrm policy`: somebody else has put policies here",
    "XfrmOutStateProtoError": "see `pcscf check-config` for the algorithms that this kernel has",
}


# -- SPIs


def about_unknown(phone: Phone, world: World) -> Iterator[Sentence]:
    """ESP of its address that no SA takes."""
    for one in phone.unknown:
        going_on = world.now - one.last < _STALE and one.last > phone.good_since
        level = Level.BAD if going_on else Level.NOTE
        yield Sentence(one.last, level, unknown_spi(one, world))


def unknown_spi(one: UnknownSpi, world: World) -> str:
    """Say whose set an SPI was, and what became of it."""
    address, sa = one.key
    start = (
        f"ESP of {address} arrives with SPI {spi(sa.spi)}"
        f" ({many(one.count, 'packet')}, the last at {clock(one.last, world.now)}), no SA"
    )
    record = world.set_with(sa)
    if record is None:
        return (
            f"{start}: nobody has had that SPI here since {clock(world.started, world.now)}. The"
            " phone uses SAs of before a restart, or of another P-CSCF that had this address."
            f" {_AGAIN}."
        )
    made = f"the set of {clock(record.installed, world.now)}"
    if record.sa_set.ue != address:
        return (
            f"{start}: it is of {made}, which {record.impi or 'somebody'} had at"
            f" {record.sa_set.ue}. The phone's address has changed, or a NAT is between:"
            f" SAs are bound to addresses. {_AGAIN}."
        )
    return f"{start}: the phone is using {made}, {_became(record, world)}"


def _became(record: SetRecord, world: World) -> str:
    removed = clock(record.ended, world.now) if record.ended else ""
    if record.end is End.EXPIRED:
        return f"which expired in the kernel at {removed}. {_AGAIN}."
    if not record.ended:
        return (
            "which was not removed here: somebody did with `ip xfrm state`, or another program"
            f" that manages IPsec. {_AGAIN}."
        )
    if record.replaced is not None:
        replaced = clock(record.replaced, world.now)
        later = "" if removed == replaced else f" and removed at {removed}"
        return (
            f"replaced at {replaced}{later}. It has not taken up the new set (TS 33.203 7.4)."
            f" {_AGAIN}."
        )
    if record.confirmed is None:
        return (
            f"whose challenge led to no registration, so that it was removed at {removed}."
            " Its answer came too late, or the core refused it."
        )
    return f"removed at {removed}, when its registration ended. {_AGAIN}."


# -- who is kept out, and who was never heard of


def about_block(phone: Phone, world: World) -> Iterator[Sentence]:
    """The guard blocks its source."""
    block = world.blocked.get(source(phone.key.ue))
    if block is not None:
        until = clock(world.now + block.expires, world.now)
        yield Sentence(
            None,
            Level.BAD,
            f"{block.source} is blocked until {until}, for {span(block.expires)} more"
            f" ({block.reason}): what it sends to the unprotected port is dropped. If that is a"
            " mistake, put it into guard.trusted.",
        )


def never_heard(address: str, world: World) -> Sentence:
    """Nothing is known of an address."""
    since = clock(world.started, world.now)
    but = ", or it was long ago and is forgotten" if world.forgot else ""
    return Sentence(
        None,
        Level.BAD,
        f"No REGISTER of {address} has reached us since {since}{but}, {_and_no_esp(world)}. See"
        " whether the phone was given this P-CSCF's address (PCO), and"
        " whether its packets get here: routes and firewalls, UDP and TCP to gm.port;"
        f" `tcpdump -ni any host {address}`. What the guard keeps out, by guard.blocked or for"
        " load, is not told here: see `pcscf status`.",
    )


def nobody(identity: str, world: World) -> Sentence:
    """Nothing is known of an identity."""
    since = clock(world.started, world.now)
    but = ", or it was long ago and is forgotten" if world.forgot else ""
    return Sentence(
        None,
        Level.BAD,
        f"Nobody has asked to register as {identity} since {since}{but}. Ask by the phone's"
        " address: its packets may not get here, or it may use another identity.",
    )


def _and_no_esp(world: World) -> str:
    return "and ESP without an SA cannot be seen" if world.blind else "and no ESP without an SA"


# -- what the kernel dropped, whosever it was


def about_drops(world: World, *, troubled: bool) -> Iterator[Sentence]:
    """What the last minute's counters may mean for a phone; ``troubled``: it is not well."""
    for name, mend in _MENDS.items():
        if count := world.recent[name]:
            yield Sentence(None, Level.NOTE, _on_this_host(name, count, mend))
    if troubled and world.blind and (count := world.recent[NO_STATES]):
        yield Sentence(None, Level.NOTE, _on_this_host(NO_STATES, count, world.blind))


def meaning(name: str) -> str:
    """What a counter means here."""
    return MEANINGS.get(name, UNKNOWN)


def _on_this_host(name: str, count: int, mend: str) -> str:
    times = "once" if count == 1 else f"{count} times"
    return (
        f"In the last minute, for all phones together: {meaning(name)} ({name}, {times});"
        f" {mend.rstrip('.')}."
    )
