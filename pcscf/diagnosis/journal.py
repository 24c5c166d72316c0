"""What became of each phone: its SA sets with their times, and what the core reported.

Told by the server as it acts, asked by an operator. The memory is bounded: of a phone, one
entry for each kind of thing that happened, with how often, and a few SA sets; of phones,
those of which something was heard last. Phones that have registered and strangers have
room of their own, so that who floods us with names makes us forget no phone of ours.

No key material comes here: reports and SA sets have none.
"""

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from itertools import takewhile
from typing import Final, NamedTuple

from pcscf.core.meter import Meters
from xfrm.errors import XfrmError
from xfrm.model import InstalledSa, SaId, SaSet

Fields = Mapping[str, str | int | float]
Counters = tuple[InstalledSa | None, ...]
"""What the kernel had counted under the SAs of a set, in the order of ``SaSet.ids``."""

_MOST_KINDS: Final = 24  # of things that happened to one phone
_MOST_SETS: Final = 6  # of one phone: three can live at a time
_PURGED: Final = 2  # phones looked at whenever one is added: memory shrinks while it is used
# Of messages, not of phones' registrations; whoever can send them can send many.
_LEFT_OUT: Final = frozenset({"refused", "stray_response", "ack_dropped", "no_sa_for_flow"})
# With these the set of a challenge goes, and the kernel's counters with it: they tell why.
_ENDS_A_CHALLENGE: Final = frozenset(
    {"challenge_unanswered", "challenge_superseded", "challenge_refused"}
)
# With these it stays a moment longer, for the refusal to leave under it.
_FAILS_A_CHALLENGE: Final = frozenset({"security_mismatch", "registration_refused"})
_LOOKS, _LOOKS_AT_ONCE = 20.0, 40  # a second: reading four counters takes some 100 microseconds


class End(StrEnum):
    """How a set went."""

    REMOVED = "removed"  # by us
    EXPIRED = "expired"  # its lifetime ran out in the kernel
    REFUSED = "refused"  # the kernel never had it


class SetRecord:
    """One SA set. Times are seconds since the epoch, None where it has not come to that.

    ``expires`` is the end of the kernel's hard lifetime. ``confirmed`` is when a
    registration took it into use, ``replaced`` when the same phone had the next one.
    ``failed`` is when its challenge ended without, and ``counted`` what the kernel had
    counted then.
    """

    __slots__ = (
        "confirmed", "counted", "emergency", "end", "ended", "expires", "extended", "failed",
        "impi", "installed", "reason", "replaced", "sa_set",
    )  # fmt: skip

    def __init__(self, sa_set: SaSet, installed: float, expires: float) -> None:
        self.sa_set = sa_set
        self.installed = installed
        self.expires = expires
        self.impi = ""  # until the core has named it
        self.emergency = False
        self.extended: float | None = None
        self.confirmed: float | None = None
        self.failed: float | None = None
        self.replaced: float | None = None
        self.ended: float | None = None
        self.end: End | None = None
        self.reason = ""  # of the kernel's refusal
        self.counted: Counters | None = None


class Happening:
    """A kind of thing that happened to a phone: how often, first and last, and the last's words."""

    __slots__ = ("count", "event", "fields", "first", "last")

    def __init__(self, event: str, now: float) -> None:
        self.event = event
        self.first = self.last = now
        self.count = 0
        self.fields: Fields = {}

    def again(self, now: float, fields: Fields) -> None:
        """Count one more."""
        self.last = now
        self.count += 1
        self.fields = fields


class PhoneKey(NamedTuple):
    """A user at an address; ``impi`` is empty for what came from nobody in particular."""

    ue: str
    impi: str


class PhoneRecord:
    """What is remembered of one phone; ``last`` is when something was heard of it last."""

    __slots__ = ("happened", "impus", "key", "last", "sets")

    def __init__(self, key: PhoneKey) -> None:
        self.key = key
        self.impus: tuple[str, ...] = ()
        self.last = 0.0
        self.happened: dict[
            tuple[str, object, bool], Happening
        ] = {}  # that which happened last, last
        self.sets: list[SetRecord] = []  # oldest first

    def of(self, *events: str) -> list[Happening]:
        """Give what happened of these kinds, the latest first."""
        return [one for one in reversed(self.happened.values()) if one.event in events]

    def since_registered(self) -> list[Happening]:
        """Give what happened since it registered last, the latest first: all before is over."""
        latest = reversed(self.happened.values())
        return list(takewhile(lambda one: one.event != "registered", latest))

    def last_of(self, *events: str) -> float:
        """When something of these kinds happened last; 0 for never."""
        return max((one.last for one in self.happened.values() if one.event in events), default=0.0)


class Journal:
    """``pcscf.net.observers.Journal``, and what is asked of it.

    ``max_phones`` is the room for phones that registered, and as much again for strangers;
    ``max_age`` in seconds is how long one of which nothing is heard is remembered. ``read``
    gives the kernel's counters of a set; ``clock`` is seconds since the epoch.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        max_phones: int,
        max_age: float,
        read: Callable[[SaSet], Counters],
    ) -> None:
        self._clock = clock
        self._max_phones = max_phones
        self._max_age = max_age
        self._read = read
        self._looks = Meters(_LOOKS, room=1)
        self._phones: OrderedDict[PhoneKey, PhoneRecord] = OrderedDict()  # heard of last, last
        self._strangers: OrderedDict[PhoneKey, PhoneRecord] = OrderedDict()
        self._by_ue: dict[str, tuple[PhoneKey, ...]] = {}  # mostly of one
        self._by_spi: dict[int, SetRecord] = {}  # of our two inbound SAs
        self.forgotten = 0  # phones, since the start

    @property
    def remembered(self) -> int:
        """How many phones are remembered."""
        return len(self._phones) + len(self._strangers)

    # -- what the server tells ----------------------------------------------------------------

    def installed(self, sa_set: SaSet, lifetime: int) -> None:
        """Take note of a new set; whose it is comes with the report of its challenge."""
        now = self._clock()
        record = SetRecord(sa_set, now, now + lifetime)
        self._by_spi[sa_set.spi_ps] = self._by_spi[sa_set.spi_pc] = record
        phone = self._phone(PhoneKey(sa_set.ue, ""), now)
        phone.sets.append(record)
        self._make_room_for_sets(phone)

    def refused(self, sa_set: SaSet, reason: str) -> None:
        """Take note of a set that the kernel did not take."""
        self.installed(sa_set, 0)
        record = self._by_spi[sa_set.spi_ps]
        record.reason = reason
        self._end(record, End.REFUSED)

    def extended(self, sa_set: SaSet, lifetime: int) -> None:
        """Take note of a longer life."""
        if record := self._live(sa_set.spi_ps):
            record.extended = self._clock()
            record.expires = record.extended + lifetime

    def removed(self, sa_set: SaSet) -> None:
        """Take note of a set that we removed."""
        if record := self._live(sa_set.spi_ps):
            self._end(record, End.REMOVED)

    def expired(self, sa: SaId) -> None:
        """Take note of an SA that ran out in the kernel, and of its set with it."""
        record = self._live(sa.spi)
        if record is None or sa not in record.sa_set.ids:
            record = next((one for one in self._sets_at(sa.destination) if sa in _alive(one)), None)
        if record is not None:
            self._end(record, End.EXPIRED)

    def reported(self, level: str, event: str, fields: Fields) -> None:  # noqa: ARG002 - the protocol's
        """Take note of what the core reported of a phone; the rest is no concern of a phone's."""
        ue = str(fields.get("ue") or _host(str(fields.get("peer", ""))))
        if not ue or event in _LEFT_OUT:
            return
        now = self._clock()
        phone = self._phone(PhoneKey(ue, str(fields.get("impi", ""))), now)
        self._claim(phone, fields)
        if event in _ENDS_A_CHALLENGE or (
            event in _FAILS_A_CHALLENGE and fields.get("answered", 1)
        ):
            self._on_failed(phone, event, now)
        if event == "registered":
            self._on_registered(phone, fields, now)
        if not phone.impus and "impu" in fields:
            phone.impus = (str(fields["impu"]),)
        _note(phone, event, fields, now)

    def _on_registered(self, phone: PhoneRecord, fields: Fields, now: float) -> None:
        """It is a phone, no stranger, and its set is the one in use from now on."""
        phone.impus = tuple(str(fields.get("impu", "")).split(", "))
        if self._strangers.pop(phone.key, None) is not None:
            self._phones[phone.key] = phone
            self._make_room(self._phones)
        current = self._live(int(fields.get("spi_ps", 0)))
        if current is None or current.confirmed is not None:
            return
        current.confirmed = now
        for other in phone.sets:
            if other is not current and other.emergency is current.emergency and _in_use(other):
                other.replaced = now

    def _claim(self, phone: PhoneRecord, fields: Fields) -> None:
        """Give a set that a report names to the phone the report is of."""
        record = self._by_spi.get(int(fields.get("spi_ps", 0)))
        if record is None or record.impi or not phone.key.impi or record.sa_set.ue != phone.key.ue:
            return
        record.impi = phone.key.impi
        record.emergency = bool(fields.get("emergency"))
        nobody = self._strangers.get(PhoneKey(phone.key.ue, ""))
        if nobody is not None and record in nobody.sets:
            nobody.sets.remove(record)
            if not nobody.sets and not nobody.happened:
                self._forget(nobody)
        phone.sets.append(record)
        self._make_room_for_sets(phone)

    def _on_failed(self, phone: PhoneRecord, event: str, now: float) -> None:
        """A challenge is over. What was counted under its set is read before that goes."""
        record = next((one for one in reversed(phone.sets) if is_temporary(one)), None)
        if record is None:
            return
        record.failed = now
        if event in _ENDS_A_CHALLENGE and self._looks.level("", now) < _LOOKS_AT_ONCE:
            self._looks.add("", now)
            with contextlib.suppress(XfrmError, OSError):
                record.counted = self._read(record.sa_set)

    def _end(self, record: SetRecord, end: End) -> None:
        record.ended, record.end = self._clock(), end

    def _live(self, spi: int) -> SetRecord | None:
        """Find a set by an SPI of ours, unless it has ended."""
        record = self._by_spi.get(spi)
        return record if record is not None and record.ended is None else None

    # -- what an operator asks ----------------------------------------------------------------

    def at(self, ue: str) -> list[PhoneRecord]:
        """Find the phones at an address, numeric as the kernel prints it."""
        keys = self._by_ue.get(ue, ())
        found = (self._phones.get(key) or self._strangers.get(key) for key in keys)
        return [one for one in found if one is not None]

    def of(self, identity: str) -> list[PhoneRecord]:
        """Find the phones of a private or public identity; it costs a look at all of them."""
        return [one for one in self._all() if one.key.impi == identity or identity in one.impus]

    def of_user(self, ue: str, impi: str) -> PhoneRecord | None:
        """Find one phone."""
        key = PhoneKey(ue, impi)
        return self._phones.get(key) or self._strangers.get(key)

    def set_with(self, sa: SaId) -> SetRecord | None:
        """Find the set that an SA belongs or belonged to, by destination and SPI."""
        record = self._by_spi.get(sa.spi)
        if record is not None and sa in record.sa_set.ids:
            return record
        return next((one for one in self._sets_at(sa.destination) if sa in one.sa_set.ids), None)

    def with_spi(self, spi: int) -> list[SetRecord]:
        """Find the sets with an SPI, ours or a phone's; it costs a look at all of them."""
        return [
            record
            for phone in self._all()
            for record in phone.sets
            if any(spi == sa.spi for sa in record.sa_set.ids)
        ]

    def _all(self) -> Iterator[PhoneRecord]:
        yield from self._phones.values()
        yield from self._strangers.values()

    def _sets_at(self, ue: str) -> Iterator[SetRecord]:
        """Give the sets of the phones at an address, the newest of each first."""
        return (record for phone in self.at(ue) for record in reversed(phone.sets))

    # -- room ---------------------------------------------------------------------------------

    def _phone(self, key: PhoneKey, now: float) -> PhoneRecord:
        for phones in (self._phones, self._strangers):
            if phone := phones.get(key):
                phones.move_to_end(key)
                phone.last = now
                return phone
        phone = self._strangers[key] = PhoneRecord(key)
        phone.last = now
        self._by_ue[key.ue] = (*self._by_ue.get(key.ue, ()), key)
        self._make_room(self._strangers)
        self._purge(now)
        return phone

    def _make_room(self, phones: OrderedDict[PhoneKey, PhoneRecord]) -> None:
        if len(phones) > self._max_phones:
            self.forgotten += 1
            self._forget(next(iter(phones.values())))

    def _purge(self, now: float) -> None:
        """Forget some of those of which nothing was heard for long."""
        for phones in (self._phones, self._strangers):
            for _ in range(_PURGED):
                oldest = next(iter(phones.values()), None)
                if oldest is None or now - oldest.last < self._max_age:
                    break
                self._forget(oldest)

    def _forget(self, phone: PhoneRecord) -> None:
        key = phone.key
        self._phones.pop(key, None)
        self._strangers.pop(key, None)
        left = tuple(one for one in self._by_ue[key.ue] if one != key)
        if left:
            self._by_ue[key.ue] = left
        else:
            del self._by_ue[key.ue]
        for record in phone.sets:
            self._forget_set(record)

    def _make_room_for_sets(self, phone: PhoneRecord) -> None:
        """Forget the oldest set of too many, one that has ended first."""
        if len(phone.sets) > _MOST_SETS:
            oldest = next((one for one in phone.sets if one.ended is not None), phone.sets[0])
            phone.sets.remove(oldest)
            self._forget_set(oldest)

    def _forget_set(self, record: SetRecord) -> None:
        """Take a set out of the index, unless its SPI has been given out again."""
        for spi in (record.sa_set.spi_ps, record.sa_set.spi_pc):
            if self._by_spi.get(spi) is record:
                del self._by_spi[spi]


def _note(phone: PhoneRecord, event: str, fields: Fields, now: float) -> None:
    what = fields.get("status", fields.get("resync"))
    kind = (event, what, fields.get("method") == "REGISTER")
    happening = phone.happened.pop(kind, None) or Happening(event, now)
    happening.again(now, fields)
    phone.happened[kind] = happening
    if len(phone.happened) > _MOST_KINDS:
        del phone.happened[next(iter(phone.happened))]


def _host(peer: str) -> str:
    """Give the address of ``address:port``, as reports have it."""
    return peer.rpartition(":")[0].strip("[]")


def _alive(record: SetRecord) -> tuple[SaId, ...]:
    return record.sa_set.ids if record.ended is None else ()


def _in_use(record: SetRecord) -> bool:
    return record.confirmed is not None and record.replaced is None and record.ended is None


def is_temporary(record: SetRecord) -> bool:
    """Whether a set waits for the answer to its challenge."""
    return record.confirmed is None and record.failed is None and record.ended is None
