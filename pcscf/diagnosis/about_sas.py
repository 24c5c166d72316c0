"""Sentences about a phone's SAs: what the kernel has counted under them, or no longer has."""

from collections.abc import Iterator, Sequence

from pcscf.diagnosis.counters import SaCounters
from pcscf.diagnosis.facts import Level, LiveSet, Phone, Sentence, World
from pcscf.diagnosis.journal import Happening, PhoneRecord, SetRecord
from pcscf.diagnosis.words import clock, many, span, spi
from xfrm.model import InstalledSa

_PATIENCE = 10.0  # seconds: an answer that is out for less is no fault yet
_ENOUGH = 2  # packets to a phone that nothing came back for
_NOT_UNDER_SAS = (
    "it did not take the 401 (its USIM found AUTN wrong), did not get it, or ESP (IP protocol 50)"
    " is filtered between the phone and here"
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
        f"Of the four SAs of {name_of(one, world)}, {len(gone)} are not in the kernel"
        f" ({which}), and nobody here removed them: somebody did with `ip xfrm state`, or another"
        " program that manages IPsec. Stop that; the phone has to register anew"
        " (`pcscf deregister`, or flight mode on and off).",
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


# -- challenges


def _unanswered_yet(one: LiveSet, phone: Phone, world: World) -> Sentence:
    """A 401 is out, and its SAs wait for the phone."""
    age = world.now - one.since if one.since else _PATIENCE
    text = (
        f"A 401 went to it {span(age)} ago, and the answer has to come as ESP under"
        f" {name_of(one, world)}: {_under(_counted(one.sas), has_unknown=bool(phone.unknown))}."
    )
    return Sentence(one.since, Level.BAD if age >= _PATIENCE else Level.NOTE, text)


def _challenge_that_ended(phone: Phone, known: PhoneRecord, world: World) -> Iterator[Sentence]:
    """The last challenge that led to nothing, by what was counted before its SAs went."""
    ended = known.of("challenge_unanswered", "challenge_superseded")
    ended = [one for one in ended if one.last > phone.good_since]
    if not ended:
        return
    last = ended[0]
    record = next((one for one in reversed(known.sets) if one.counted is not None), None)
    how = (
        "had no answer until its time was over"
        if last.event == "challenge_unanswered"
        else "had no answer when the phone began anew"
    )
    when = clock(last.last, world.now)
    yield Sentence(
        last.last,
        Level.BAD,
        f"Its challenge{_of(record, world)} {how} at {when}{_times(ended, world)}:"
        f" {_under(record.counted if record else None, has_unknown=bool(phone.unknown))}.",
    )


def _of(record: SetRecord | None, world: World) -> str:
    return f" of {clock(record.installed, world.now)}" if record else ""


def _times(ended: Sequence[Happening], world: World) -> str:
    count = sum(one.count for one in ended)
    first = clock(min(one.first for one in ended), world.now)
    return f" ({count} such challenges since {first})" if count > 1 else ""


def _counted(sas: Sequence[SaCounters]) -> tuple[InstalledSa | None, ...]:
    return tuple(sa.kernel for sa in sas)


def _under(counted: Sequence[InstalledSa | None] | None, *, has_unknown: bool) -> str:
    """Say what came under the two inbound SAs, the first and the last."""
    if counted is None or counted[0] is None or counted[3] is None:
        return "what came under its SAs was not counted"
    inbound = counted[0], counted[3]
    passed = sum(sa.packets for sa in inbound if sa)
    failed = sum(sa.integrity_failed for sa in inbound if sa)
    if failed and not passed:
        return f"ESP of the phone came and failed the integrity check ({failed}): {_WRONG_KEY}"
    if passed:
        return (
            f"ESP of the phone came and was accepted ({many(passed, 'packet')}), but no REGISTER"
            " with a usable answer was in it: see XfrmInStateMismatch, and look at the messages"
            " with `pcscf trace`"
        )
    if has_unknown:
        return "no ESP came under them, but ESP with other SPIs does: the phone uses old SAs"
    return f"no ESP of the phone has arrived under them: {_NOT_UNDER_SAS}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
