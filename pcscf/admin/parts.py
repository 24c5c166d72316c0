"""What the admin side needs of others, as small as it can be.

Those of ``Parts`` may be missing: then what needs them answers 501.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from aiohttp import web

from pcscf.core.events import Event
from pcscf.core.measures import Measures
from pcscf.core.views import SaSetView, Views
from pcscf.hooks.measures import HookMeasures
from pcscf.store.keeper import Hold
from pcscf.store.writer import State

Json = dict[str, Any]
"""An object that ``json`` can write; see docs/operate.md for what is in each."""


class Core(Protocol):
    """What is needed of ``pcscf.core.edge.Edge``."""

    @property
    def views(self) -> Views:
        """What an operator may look at."""

    @property
    def measures(self) -> Measures:
        """What was measured since the start."""

    @property
    def draining(self) -> bool:
        """Whether new phones are turned away."""

    def held(self) -> dict[str, int]:
        """Count what is held at present."""

    def counted(self) -> dict[str, int]:
        """Give what was counted since the start."""


class Server(Protocol):
    """What is needed of ``pcscf.net.server.Server``."""

    @property
    def is_up(self) -> bool:
        """Whether phones are served."""

    @property
    def lag(self) -> float:
        """How late the event loop is, in seconds."""

    @property
    def failed_events(self) -> int:
        """How many events ended in a defect of ours."""

    def dispatch(self, event: Event) -> None:
        """Have the core handle an event."""


class Kernel(Protocol):
    """What is needed of ``xfrm.kernel.SaKernel``."""

    def reach(self) -> None:
        """Raise XfrmError or OSError unless the kernel answers."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The P-CSCF that is looked at. ``started`` is of the wall clock; suites by name."""

    core: Core
    server: Server
    kernel: Kernel
    version: str
    started: datetime
    gm: Sequence[str]
    suites: Sequence[str]


class Diagnosis(Protocol):
    """What the kernel did with ESP, and why."""

    def xfrm_errors(self) -> Mapping[str, int]:
        """Give the counters of /proc/net/xfrm_stat; empty if there are none."""

    def drops(self) -> Json:
        """Tell what was dropped, and why."""

    async def why(self, who: str) -> list[Json]:
        """Explain in sentences what happened to a phone: by address, IMPU or IMPI."""

    def sas(self, sa_set: SaSetView) -> list[Json]:
        """Give the four SAs of a set with the kernel's counters, as far as they are there."""


class Traces(Protocol):
    """The mirror of decrypted SIP."""

    def opened(self, who: str | None) -> AbstractContextManager[AsyncIterator[bytes]]:
        """Show the messages of a phone, or all, from now on: whole lines, blank in silence."""


class Reloaded(Protocol):
    """What came of reading the settings anew: keys, or what is wrong, one line each."""

    @property
    def applied(self) -> Sequence[str]:
        """Keys that changed."""

    @property
    def needs_restart(self) -> Sequence[str]:
        """Keys that would."""

    @property
    def errors(self) -> Sequence[str]:
        """Why nothing did."""


class Reload(Protocol):
    """Reads the settings anew."""

    def reload(self) -> Reloaded:
        """Apply what can change while running, or nothing at all."""


class Survival(Protocol):
    """What is needed of ``pcscf.net.survival.Survival``: whether the phones are ours."""

    @property
    def reasons(self) -> Sequence[str]:
        """Why no phone can be served, one line each."""

    @property
    def hold(self) -> Hold | None:
        """What is known of the lease; None if nobody else could have it."""


class Writing(Protocol):
    """What is needed of ``pcscf.store.writer.Writer``; it says what each number counts."""

    written: int
    batches: int
    failures: int
    unmade: int
    spent: float

    @property
    def waiting(self) -> int:
        """Records that are still to be written."""

    @property
    def state(self) -> State:
        """How the store keeps up."""


class Store(NamedTuple):
    """Where registrations survive. ``kind`` is that of the settings."""

    kind: str
    writing: Writing


class Hooks(Protocol):
    """What is needed of ``pcscf.hooks.service.HookService``."""

    measures: HookMeasures

    @property
    def file(self) -> str:
        """The file in service; empty if there is none."""

    @property
    def functions(self) -> Sequence[str]:
        """The names of its functions."""


class Mirror(Protocol):
    """What is needed of ``pcscf.mirror.homer.Homer``: messages that left, and others by reason."""

    sent: int

    @property
    def lost(self) -> Mapping[str, int]:
        """What did not, by reason."""


AddPages = Callable[[web.Application], None]
"""Has an application serve the console at / and its files below /console/."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What others build."""

    diagnosis: Diagnosis | None = None
    traces: Traces | None = None
    reload: Reload | None = None
    console: AddPages | None = None
    survival: Survival | None = None
    store: Store | None = None
    hooks: Hooks | None = None
    mirror: Mirror | None = None
