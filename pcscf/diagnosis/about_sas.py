"""Sentences about a phone's SAs: what the kernel has counted under them, or no longer has."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pcscf.diagnosis.counters import SaCounters
from pcscf.diagnosis.facts import Level, LiveSet, Phone, Sentence, World
from pcscf.diagnosis.journal import Happening, PhoneRecord, SetRecord
from pcscf.diagnosis.words import clock, many, span, spi
from xfrm.model import InstalledSa

_ENDS_A_CHALLENGE = ("challenge_unanswered", "challenge_superseded")
_PATIENCE = 10.0  # seconds: an answer that is out for less is no fault yet
_ENOUGH = 2  # packets to a phone that nothing came back for
_NOT_UNDER_SAS = (
    "it did not take the 401 (its USIM found AUTN wrong), did not get it, or ESP (IP protocol 50)"
    " is filtered between the phone and here"
)
_NO_REGISTER = (
    "but there was no REGISTER: the phone's CK differs, which a check by IK does not show, its"
    " ports are not those that it offered (XfrmInStateMismatch), or TCP does not come about"
)
_WRONG_KEY = (
    "phone and P-CSCF have different IK or algorithms: compare K and OPc of the USIM with the"
    " HSS, and see that the core's ck and ik are those of this very challenge"
)


def about_sets(phone: Phone, world: World) -> Iterator[Sentence]:
    """Go through the sets that are in use, and the last one that a challenge left unused."""
    for one in phone.sets:
        yield from _missing(one, world)
        for sa in one.sas:
            yield from _dropped(one, sa, world)
        if one.stage == "temporary":
            yield _unanswered_yet(one, phone, world)
        elif one.stage == "previous":
            yield from _still_in_use(one, phone, world)
        elif one.stage == "current":
            yield from _standing_still(one, world)
    if phone.record is not None:
        yield from _challenge_that_ended(phone, phone.record, world)


def name_of(one: LiveSet, world: World) -> str:
    """Name a set by when it was made."""
    return f"the set of {clock(one.since, world.now)}" if one.since else "its set"


# -- in the kernel, or not


def _missing(one: LiveSet, world: World) -> Iterator[Sentence]:
    """The core counts on SAs that the kernel does not have."""
    gone = [sa for sa in one.sas if sa.known and sa.kernel is None]
    if not gone:
        return
    which = ", ".join(f"{spi(sa.id.spi)} to {sa.destination}" for sa in gone)
    yield Sentence(
        None,
        Level.BAD,
        f"The kernel no longer has {many(len(gone), 'SA')} of {name_of(one, world)} ({which}),"
        " which nobody here removed: somebody did with `ip xfrm state`, or another program that"
        " manages IPsec. Stop that; the phone has to register anew (`pcscf deregister`, or flight"
        " mode on and off).",
    )


def _dropped(one: LiveSet, sa: SaCounters, world: World) -> Iterator[Sentence]:
    """What the kernel dropped under one SA."""
    if sa.kernel is None:
        return
    where = f"SA {spi(sa.id.spi)} ({sa.source} to {sa.destination}) of {name_of(one, world)}"
    if sa.kernel.integrity_failed:
        yield Sentence(None, Level.BAD, _bad_icv(where, sa.kernel))
    if sa.kernel.replayed:
        yield Sentence(
            None,
            Level.NOTE,
            f"{many(sa.kernel.replayed, 'packet')} under {where} came twice and"
            f" {_were(sa.kernel.replayed)} dropped: something on the way repeats packets, somebody"
            " plays recorded ones back, or the phone's IPsec began to count anew under the same"
            " SA; then it has to register anew. Nothing was let in twice.",
        )
    if sa.kernel.outside_window:
        yield Sentence(None, *_late(where, sa.kernel))


def _bad_icv(where: str, kernel: InstalledSa) -> str:
    failed = many(kernel.integrity_failed, "packet")
    start = f"{failed} under {where} failed the integrity check"
    if kernel.packets == 0:
        return f"{start}, and none passed it: {_WRONG_KEY}."
    return (
        f"{start}, and {kernel.packets} passed it: the keys are right, the packets were damaged on"
        " the way, or somebody forges them."
    )


def _late(where: str, kernel: InstalledSa) -> tuple[Level, str]:
    """Outside the window is who began to count anew, or who was overtaken by many."""
    dropped = many(kernel.outside_window, "packet")
    return Level.BAD, (
        f"{dropped} under {where} had sequence numbers more than {kernel.replay_window} behind the"
        f" highest, {kernel.sequence}, and {_were(kernel.outside_window)} dropped: the phone's"
        " IPsec began to count anew under the same SA, old packets are played back, or the way"
        " reorders badly. If the phone began anew it has to register anew."
    )


def _standing_still(one: LiveSet, world: World) -> Iterator[Sentence]:
    """Packets that go one way only."""
    inbound = [sa for sa in one.sas if sa.inbound]
    still = one.standstill
    if still.went >= _ENOUGH and world.now - still.since >= _PATIENCE:
        yield Sentence(
            still.since,
            Level.BAD,
            f"Since {clock(still.since, world.now)} {many(still.went, 'packet')} went to the phone"
            f" under {name_of(one, world)}, and none came back: it is out of coverage or off, has"
            " dropped these SAs, or its address has moved to another device.",
        )
    elif all(sa.kernel is not None and not sa.packets for sa in inbound):
        yield Sentence(
            None,
            Level.NOTE,
            f"Nothing has come from the phone under {name_of(one, world)} yet.",
        )


def _still_in_use(one: LiveSet, phone: Phone, world: World) -> Iterator[Sentence]:
    """The phone has not used the newer set: the old one is kept for that long (TS 33.203 7.4)."""
    newer = next((other for other in phone.sets if other.stage == "current"), None)
    if newer is None or newer.since is None or world.now - newer.since < _PATIENCE:
        return
    yield Sentence(
        newer.since,
        Level.NOTE,
        f"It has sent nothing under {name_of(newer, world)} since it registered with it, and is"
        f" served under {name_of(one, world)} until that runs out: it has nothing to say, or goes"
        " on with its old SAs and will be lost with them.",
    )


# -- challenges


def _unanswered_yet(one: LiveSet, phone: Phone, world: World) -> Sentence:
    """A 401 is out, and its SAs wait for the phone."""
    age = world.now - one.since if one.since else _PATIENCE
    came = _Came(_counted(one.sas), _answered(phone, one.since), bool(phone.unknown))
    text = (
        f"A 401 went to it {span(age)} ago, and the answer has to come as ESP under"
        f" {name_of(one, world)}: {_told(came)}."
    )
    waits_for_core = came.answered or age < _PATIENCE
    return Sentence(one.since, Level.NOTE if waits_for_core else Level.BAD, text)


def _challenge_that_ended(phone: Phone, known: PhoneRecord, world: World) -> Iterator[Sentence]:
    """The last challenge that led to nothing, by what was counted before its SAs went."""
    ended = [one for one in known.since_registered() if one.event in _ENDS_A_CHALLENGE]
    if not ended:
        return
    last = ended[0]
    record = next((one for one in reversed(known.sets) if one.counted is not None), None)
    how = (
        "had no answer until its time was over"
        if last.event == "challenge_unanswered"
        else "had no answer when the phone began anew"
    )
    came = _Came(
        record.counted if record else None,
        _answered(phone, record.installed if record else None),
        bool(phone.unknown),
    )
    yield Sentence(
        last.last,
        Level.BAD,
        f"Its challenge{_of(record, world)} {how} at {clock(last.last, world.now)}"
        f"{_times(ended, world)}: {_told(came)}.",
    )


def _answered(phone: Phone, since: float | None) -> bool:
    """Whether a REGISTER came under SAs since a challenge."""
    registers = phone.record.of("register_received") if phone.record else []
    return any(
        one.fields.get("side") == "protected" and since is not None and one.last >= since
        for one in registers
    )


def _of(record: SetRecord | None, world: World) -> str:
    return f" of {clock(record.installed, world.now)}" if record else ""


def _times(ended: Sequence[Happening], world: World) -> str:
    count = sum(one.count for one in ended)
    first = clock(min(one.first for one in ended), world.now)
    return f" ({count} such challenges since {first})" if count > 1 else ""


def _counted(sas: Sequence[SaCounters]) -> tuple[InstalledSa | None, ...]:
    return tuple(sa.kernel for sa in sas)


class _Came(NamedTuple):
    """What came after a challenge: counted under its SAs, as a REGISTER, and under no SA."""

    counted: Sequence[InstalledSa | None] | None
    answered: bool
    unknown: bool


def _told(came: _Came) -> str:
    """Say what came under the two inbound SAs, the first and the last of the four."""
    if came.answered:
        return "its answer came, and the core has not decided on it"
    counted = came.counted
    if counted is None or counted[0] is None or counted[3] is None:
        return "what came under its SAs was not counted"
    passed = counted[0].packets + counted[3].packets
    failed = counted[0].integrity_failed + counted[3].integrity_failed
    if failed and not passed:
        return f"{many(failed, 'packet')} came and failed the integrity check; {_WRONG_KEY}"
    if passed:
        return f"{many(passed, 'packet')} came and passed the integrity check, {_NO_REGISTER}"
    if came.unknown:
        return "no ESP came under them, but ESP with other SPIs does: the phone uses old SAs"
    return f"no ESP of the phone has arrived under them; {_NOT_UNDER_SAS}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
