"""The diagnosis of one P-CSCF: what the admin API asks, answered in values for JSON."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from pcscf.core.source import source
from pcscf.core.views import SaSetView, UeView, Views
from pcscf.diagnosis.about_packets import meaning, unknown_spi
from pcscf.diagnosis.counters import EarlierLooks, FourSas, SaCounters, read_four
from pcscf.diagnosis.facts import LiveSet, Phone, World
from pcscf.diagnosis.journal import (
    Counters,
    Journal,
    PhoneKey,
    PhoneRecord,
    SetRecord,
    is_temporary,
)
from pcscf.diagnosis.raw_esp import open_raw_esp
from pcscf.diagnosis.unknown_spis import UnknownSpis
from pcscf.diagnosis.watch import Ears, Watch
from pcscf.diagnosis.why import sentences
from pcscf.diagnosis.words import iso
from pcscf.diagnosis.xfrm_stat import STAT, XfrmStat
from xfrm.errors import XfrmError
from xfrm.kernel import SaKernel
from xfrm.model import SaId, SaSet

Json = dict[str, Any]

_SPI = re.compile(r"0x[0-9a-fA-F]{1,8}")
_MOST_PHONES = 20  # told of in one answer: more at one address are a simulator
_MOST_SPIS = 100


class Diagnosis:
    """``journal`` is for the server; ``why``, ``drops`` and ``sas`` are for the admin API.

    All of them answer at once, with some short requests to the kernel. ``gm`` are our
    addresses on Gm; the settings are those of ``[diagnosis]``. ``clock`` is seconds since the
    epoch.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        kernel: SaKernel,
        views: Views,
        *,
        gm: Sequence[str],
        interval: float,
        listen: float,
        max_phones: int,
        max_age: float,
        stat: Path = STAT,
        ears: Callable[[Sequence[str]], Ears] = open_raw_esp,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._kernel = kernel
        self._views = views
        self._loop = loop
        self._clock = clock
        self._started = clock()
        self._stat = XfrmStat(stat)
        self._spis = UnknownSpis(self._is_there)
        self._earlier = EarlierLooks()
        self._watch = Watch(
            self._loop,
            self._stat,
            self._spis,
            lambda: ears(gm),
            interval=interval,
            linger=listen,
            max_age=max_age,
            clock=clock,
        )
        self.journal = Journal(clock, max_phones=max_phones, max_age=max_age, read=self._count)

    def start(self) -> None:
        """Begin to look at what the kernel drops."""
        self._watch.start()

    def close(self) -> None:
        """Look no more."""
        self._watch.close()

    # -- why ----------------------------------------------------------------------------------

    async def why(self, who: str) -> list[Json]:
        """Say why somebody is not registered, or how it stands: ``time``, ``level``, ``text``.

        ``who`` is an address, an IMPU, an IMPI, or an SPI as ``0x1234abcd``. The loop turns
        while all phones are looked at; the rest is said at once.
        """
        name = (self._owner(int(who, 16)) or who) if _SPI.fullmatch(who) else who
        look = self._views.finding(name, self._loop.time())
        while True:
            try:
                next(look)
            except StopIteration as end:
                return self._told(name, end.value)
            await asyncio.sleep(0)

    def _owner(self, spi: int) -> str:
        """Say who has, or had last, an SA with an SPI; empty if that is nobody."""
        sets = self.journal.with_spi(spi)
        return max(sets, key=lambda one: one.installed).impi if sets else ""

    def _told(self, who: str, ues: Sequence[UeView]) -> list[Json]:
        address = _address(who)
        now = self._clock()
        phones = self._phones(who, address, ues, now)
        told = sentences(address or who, phones, self._world(now), is_address=bool(address))
        return [
            {
                "time": None if one.time is None else iso(one.time),
                "level": one.level.name.lower(),
                "text": one.text,
            }
            for one in told
        ]

    def _phones(
        self, who: str, address: str, ues: Sequence[UeView], now: float
    ) -> tuple[Phone, ...]:
        records = self.journal.at(address) if address else self._records_of(who, ues)
        known: dict[PhoneKey, PhoneRecord | None] = {one.key: one for one in records}
        views = {PhoneKey(ue.ue, ue.impi): ue for ue in ues}
        for key in views:
            known.setdefault(key, self.journal.of_user(*key))
        if address and not known and (self._spis.of(address) or self._is_blocked(address)):
            known[PhoneKey(address, "")] = None
        shown = list(known.items())[:_MOST_PHONES]
        return tuple(self._phone(key, record, views.get(key), now) for key, record in shown)

    def _records_of(self, who: str, ues: Sequence[UeView]) -> list[PhoneRecord]:
        """Find the addresses from which a user was heard; since it registered, if it is."""
        names = dict.fromkeys((who, *(ue.impi for ue in ues)))
        records = [record for name in names for record in self.journal.of(name)]
        here = {PhoneKey(ue.ue, ue.impi) for ue in ues}
        since = max((one.last_of("registered") for one in records if one.key in here), default=0)
        return [one for one in records if one.key in here or one.last > since]

    def _phone(
        self, key: PhoneKey, record: PhoneRecord | None, view: UeView | None, now: float
    ) -> Phone:
        sets = tuple(self._sets(record, view, now))
        return Phone(key, view, record, sets, tuple(self._spis.of(key.ue)))

    def _sets(
        self, record: PhoneRecord | None, view: UeView | None, now: float
    ) -> Iterator[LiveSet]:
        """Give those that the core holds, and those of phones that are not registered."""
        seen = set()
        for one in view.sas if view is not None else ():
            known = self.journal.set_with(SaId(one.pcscf, one.spi_ps))
            seen.add(one.spi_ps)
            yield self._live(one, one.stage, one.suite, known, now)
        for known in reversed(record.sets if record is not None else []):
            sa_set = known.sa_set
            if known.ended is None and known.expires > now and sa_set.spi_ps not in seen:
                stage = "temporary" if is_temporary(known) else "leaving"
                yield self._live(sa_set, stage, sa_set.suite.name, known, now)

    def _live(
        self, one: FourSas, stage: str, suite: str, known: SetRecord | None, now: float
    ) -> LiveSet:
        sas = read_four(self._kernel, one)
        since = known.installed if known is not None else None
        return LiveSet(stage, suite, sas, since, known, self._earlier.compare(sas, now))

    def _world(self, now: float) -> World:
        return World(
            now=now,
            started=self._started,
            forgot=self.journal.forgotten > 0,
            recent=self._stat.recent(now),
            blocked={one.source: one for one in self._views.blocked(self._loop.time())},
            hops=tuple(self._views.next_hops()),
            set_with=self.journal.set_with,
            blind=self._watch.note,
        )

    def _is_blocked(self, address: str) -> bool:
        return source(address) in {one.source for one in self._views.blocked(self._loop.time())}

    # -- what was dropped ---------------------------------------------------------------------

    def drops(self) -> Json:
        """Say what the kernel dropped since the start, and which SPIs have no SA.

        ``recent`` is of the last minute. Counters that never rose are left out.
        """
        now = self._clock()
        world = self._world(now)
        return {
            "since": iso(self._started),
            "counters": [
                {
                    "name": name,
                    "count": count,
                    "recent": world.recent[name],
                    "meaning": meaning(name),
                }
                for name, count in self._stat.since_start().items()
                if count
            ],
            "unknown_spis": [
                {
                    "time": iso(one.last),
                    "src": one.key.source,
                    "dst": one.key.sa.destination,
                    "spi": one.key.sa.spi,
                    "count": one.count,
                    "sentence": unknown_spi(one, world),
                }
                for one in self._spis.all()[:_MOST_SPIS]
            ],
            "watching": self._watch.is_listening,
            "note": self._watch.note,
        }

    def xfrm_errors(self) -> dict[str, int]:
        """Give the counters of /proc/net/xfrm_stat as they are now; empty if there are none."""
        return self._stat.read() or {}

    # -- the kernel ---------------------------------------------------------------------------

    def sas(self, one: SaSetView) -> list[Json]:
        """Give the four SAs of a set with the kernel's counters; None for what it does not say."""
        return [_sa(sa, self._clock()) for sa in read_four(self._kernel, one)]

    def _count(self, sa_set: SaSet) -> Counters:
        return tuple(sa.kernel for sa in read_four(self._kernel, sa_set))

    def _is_there(self, sa: SaId) -> bool:
        """Whether the kernel has an SA; one that it cannot be asked about is not suspected."""
        try:
            return self._kernel.read(sa) is not None
        except (XfrmError, OSError):
            return True


def _address(text: str) -> str:
    """Read a numeric address as the kernel prints it; empty if it is none."""
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError:
        return ""


def _sa(one: SaCounters, now: float) -> Json:
    told: Json = {
        "spi": one.id.spi,
        "src": one.source.host,
        "src_port": one.source.port,
        "dst": one.destination.host,
        "dst_port": one.destination.port,
        "direction": "in" if one.inbound else "out",
    }
    names = ("packets", "bytes", "replay_window", "replay", "integrity_failed")
    kernel = one.kernel
    if kernel is None:
        return told | dict.fromkeys((*names, "added", "used", "expires_in"))
    return told | {
        "packets": kernel.packets,
        "bytes": kernel.octets,
        "replay_window": kernel.outside_window,
        "replay": kernel.replayed,
        "integrity_failed": kernel.integrity_failed,
        "added": iso(kernel.added) if kernel.added else None,
        "used": iso(kernel.used) if kernel.used else None,
        "expires_in": kernel.added + kernel.lifetime - now if kernel.lifetime else None,
    }
