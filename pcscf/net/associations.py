"""The SAs in the kernel: made, extended and removed as the core decides, and watched for it.

Whatever becomes of them is told to whom it concerns: the core by events, the recorder, the key
log and the journal by what was done.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from pcscf.config import Settings
from pcscf.core.effects import ExtendSas, InstallSas, RemoveSas
from pcscf.core.events import Event, Recalled, SaExpired, SasPresent, SasUsed
from pcscf.errors import StartError
from pcscf.net.key_log import KeyLog
from pcscf.net.observers import Journal
from pcscf.net.recorder import Recorder
from pcscf.net.usage import UsageReader
from pcscf.pace import Pace
from xfrm.errors import MonitorOverrunError, XfrmError
from xfrm.kernel import SaKernel
from xfrm.model import SaId, SaUsage

log = structlog.get_logger()


class Monitor(Protocol):
    """What is needed of ``xfrm.monitor.ExpireMonitor``."""

    def fileno(self) -> int:
        """Descriptor to wait on."""

    def read(self) -> list[SaId]:
        """Return SAs that ran out. Raises MonitorOverrunError."""

    def close(self) -> None:
        """Close the socket."""


class Associations:
    """Acts on one kernel. ``emit`` takes what the kernel tells."""

    def __init__(
        self,
        settings: Settings,
        kernel: SaKernel,
        monitor: Monitor,
        emit: Callable[[Event], None],
        *,
        key_log: KeyLog | None = None,
        journal: Journal | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self._own = settings.gm.addresses
        self._kernel = kernel
        self._monitor = monitor
        self._emit = emit
        self._key_log = key_log
        self._journal = journal
        self._recorder = recorder
        self._loop = asyncio.get_running_loop()
        self._usage = UsageReader(
            self._loop,
            kernel,
            self._on_usage,
            interval=settings.liveness.interval,
        )
        self._numbers = UsageReader(
            self._loop,
            kernel,
            self._on_numbers,
            interval=settings.store.sequence_interval if recorder else 0,
        )

    # -- from the start to the end ------------------------------------------------------------

    async def open(self, records: Mapping[str, bytes]) -> tuple[Recalled | None, int]:
        """Install the policies, and adopt the SAs of ``records``, which an earlier process kept.

        Gives what the core has to recall, and how many SAs were nobody's and are gone. Raises
        StartError.
        """
        try:
            if self._recorder:
                return await Pace().take(self._recorder.recall(records, self._kernel))
            return None, self._kernel.open()
        except (XfrmError, OSError) as error:
            raise StartError(f"the kernel refuses the policies: {error}") from None

    def watch(self) -> None:
        """Tell from now on which SAs run out."""
        self._loop.add_reader(self._monitor.fileno(), self._on_expirations)

    def count(self) -> None:
        """Look from now on at what the SAs carry, as often as the settings say."""
        self._usage.start()
        self._numbers.start()

    def change(self, settings: Settings) -> None:
        """Look at another interval."""
        self._usage.change(settings.liveness.interval)

    def sweep(self) -> None:
        """Remove all SAs, and leave the policies."""
        self._attempt("close_failed", self._kernel.open)

    def stop_counting(self) -> None:
        """Look no more."""
        self._usage.close()
        self._numbers.close()

    def close(self, *, keep: bool) -> None:
        """Remove our SAs, and the policies last; ``keep`` leaves both to the next process."""
        self.stop_counting()
        self._loop.remove_reader(self._monitor.fileno())
        self._monitor.close()
        self._attempt("close_failed", lambda: self._kernel.close(keep=keep))
        if self._key_log:
            self._key_log.close()

    # -- what the core decides ----------------------------------------------------------------

    def install(self, effect: InstallSas) -> str | None:
        """Install four SAs. Returns why the kernel holds none of them; None: it holds all."""
        sa_set, keys, lifetime = effect.sa_set, effect.keys, effect.lifetime
        try:
            self._kernel.install(sa_set, keys, lifetime)
        except (XfrmError, OSError) as error:
            if self._journal is not None:
                self._journal.refused(sa_set, str(error))
            return str(error)
        if self._key_log:
            self._key_log.write(sa_set, keys)
        if self._recorder:
            self._recorder.installed(sa_set, keys)
        if self._journal is not None:
            self._journal.installed(sa_set, lifetime)
        return None

    def extend(self, effect: ExtendSas) -> None:
        """Let four SAs live longer; a refusal is logged."""
        sa_set, lifetime = effect.sa_set, effect.lifetime
        is_done = self._attempt("extend_failed", lambda: self._kernel.extend(sa_set, lifetime))
        if is_done and self._journal is not None:
            self._journal.extended(sa_set, lifetime)

    def remove(self, effect: RemoveSas) -> None:
        """Remove four SAs; a refusal is logged."""
        sa_set = effect.sa_set
        is_done = self._attempt("remove_failed", lambda: self._kernel.remove(sa_set))
        if is_done and self._recorder:
            self._recorder.removed(sa_set)
        if is_done and self._journal is not None:
            self._journal.removed(sa_set)

    def _attempt(self, failure: str, request: Callable[[], object]) -> bool:
        """Ask for what is no one's loss: SAs also go by their hard lifetime. False: refused."""
        try:
            request()
        except (XfrmError, OSError) as error:
            log.warning(failure, reason=str(error))
            return False
        return True

    # -- what the kernel tells ----------------------------------------------------------------

    def _on_expirations(self) -> None:
        try:
            expired = self._monitor.read()
        except MonitorOverrunError:
            log.warning("expirations_lost")
            self._attempt("dump_failed", self._compare)
            return
        except OSError as error:
            # It would be readable for ever. The core's own deadlines remove SAs without it.
            log.error("monitor_failed", reason=str(error))  # noqa: TRY400 - one line
            self._loop.remove_reader(self._monitor.fileno())
            return
        for sa in expired:
            if self._journal is not None:
                self._journal.expired(sa)
            self._emit(SaExpired(sa))

    def _compare(self) -> None:
        self._emit(SasPresent(self._kernel.present()))

    def _on_usage(self, part: list[SaUsage]) -> None:
        """Hand in the counts of SAs that end here."""
        self._emit(SasUsed({one.id: one.packets for one in self._ending_here(part)}))

    def _on_numbers(self, part: list[SaUsage]) -> None:
        """Have the numbers of SAs that end here kept: nothing up to there is taken twice."""
        if self._recorder:
            self._recorder.used(self._ending_here(part))

    def _ending_here(self, part: list[SaUsage]) -> list[SaUsage]:
        return [one for one in part if one.id.destination in self._own]
