"""What is known of a phone when somebody asks why; sentences are made of nothing else.

Moments are seconds since the epoch.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import NamedTuple

from pcscf.core.views import BlockedView, HopView, UeView
from pcscf.diagnosis.counters import SaCounters, Standstill
from pcscf.diagnosis.journal import PhoneKey, PhoneRecord, SetRecord
from pcscf.diagnosis.unknown_spis import UnknownSpi
from xfrm.model import SaId


class Level(IntEnum):
    """How bad a sentence is; the worst comes first."""

    BAD = 0
    NOTE = 1
    OK = 2


class Sentence(NamedTuple):
    """One thing an operator must know. ``time`` is when it was so last, None for now."""

    time: float | None
    level: Level
    text: str


class LiveSet(NamedTuple):
    """A set that the core counts on. ``since`` is when it was installed, None if forgotten.

    ``stage`` is a name of ``pcscf.core.sa_table.Stage`` in lower case.
    """

    stage: str
    suite: str
    sas: tuple[SaCounters, ...]
    since: float | None
    record: SetRecord | None
    standstill: Standstill


class Phone(NamedTuple):
    """One user at one address: what the core holds, what is remembered, and its sets, newest first.

    ``unknown`` is ESP from its address that no SA takes.
    """

    key: PhoneKey
    view: UeView | None
    record: PhoneRecord | None
    sets: tuple[LiveSet, ...]
    unknown: tuple[UnknownSpi, ...]

    @property
    def is_registered(self) -> bool:
        """Whether it has a binding."""
        return self.view is not None and bool(self.view.bindings)

    @property
    def good_since(self) -> float:
        """When it registered last: what went wrong before is over. 0 for never."""
        return self.record.last_of("registered") if self.record else 0.0


class World(NamedTuple):
    """What is the same for all phones.

    ``started`` is since when is remembered, ``forgot`` whether phones were forgotten since.
    ``recent`` is what the kernel dropped in the last minute, for all phones together.
    ``blocked`` is by source. ``set_with`` finds the set that an SA belonged to. ``blind``
    says why SPIs without an SA cannot be named, if they cannot.
    """

    now: float
    started: float
    forgot: bool
    recent: Counter[str]
    blocked: Mapping[str, BlockedView]
    hops: tuple[HopView, ...]
    set_with: Callable[[SaId], SetRecord | None]
    blind: str
