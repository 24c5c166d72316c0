"""What outlives this process: written down as it changes, read and taken up at the start.

Three kinds of records, by their keys: ``reg:TOKEN`` is a registration (``pcscf.core.snapshot``),
``sa:ADDRESS:SPI`` the sealed keys of a set, by our address and the SPI at our server port, and
``seq:ADDRESS:SPI`` how far the sequence numbers of an inbound SA had come. Without a key to seal
with there are none of the second kind: then a set goes on only in a kernel that holds it still.
``kernel`` names the kernel that had the SAs last: what another one still holds is from before.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from math import ceil
from typing import Final, NamedTuple, Protocol

import structlog

from pcscf.core import snapshot
from pcscf.core.events import Recalled
from pcscf.core.sa_table import SaRow
from pcscf.core.snapshot import Values
from pcscf.core.views import Look
from pcscf.errors import SealError
from pcscf.store.sealing import Sealer
from xfrm.errors import XfrmError
from xfrm.kernel import SaKernel
from xfrm.model import KEY_SIZE, AkaKeys, SaId, SaSet, SaUsage, Sequences

log = structlog.get_logger()

_REG: Final = "reg:"
_KERNEL: Final = "kernel"
_STEP: Final = 50  # records: some milliseconds of the loop's time
_SOON: Final = 0.05  # seconds, in which what changes together is written once
_LONGEST: Final = 30 * 86_400.0  # seconds; no registration lasts longer
_NET: Final = 60  # seconds that the kernel's own lifetime lies above ours
# A set that is made anew sends on from here times the number of times that it was: no phone gets
# so many packets under one set between two restarts.
_AHEAD: Final = 1 << 22


class Notebook(Protocol):
    """what the recorder needs of ``pcscf.store.writer.Writer``. Nothing here waits."""

    def put(self, key: str, value: bytes, expires: float) -> None:
        """Write soon. ``expires`` is in seconds since 1970; then nobody needs it."""

    def forget(self, key: str) -> None:
        """Remove soon."""


class Memory(Protocol):
    """what the recorder needs of ``pcscf.core.edge.Edge``."""

    def track_changes(self) -> None:
        """Begin to note which registrations change."""

    @property
    def has_changes(self) -> bool:
        """Whether there is something to take."""

    def touch_all(self) -> None:
        """Have all registrations among the changes."""

    def take_changes(self, since: float) -> dict[str, Values | None]:
        """Give each changed registration as it is now, by its token; None: it is gone."""


class _Kept(NamedTuple):
    keys: AkaKeys
    made: int  # how often the set was made anew


class Recorder:
    """Keeps one Edge's registrations. ``since`` is what makes the loop's clock one of 1970.

    ``kernel`` names the one that holds our SAs, unlike any other; without a name it is the same
    at every start.
    """

    def __init__(
        self,
        edge: Memory,
        notebook: Notebook,
        sealer: Sealer | None,
        loop: asyncio.AbstractEventLoop,
        since: float,
        *,
        kernel: str = "",
    ) -> None:
        self.since = since
        self._edge = edge
        self._notebook = notebook
        self._sealer = sealer
        self._loop = loop
        self._kernel = kernel.encode()
        self._soon: asyncio.TimerHandle | None = None
        self._received: dict[SaId, int] = {}  # as written, of inbound SAs
        self._sealed: dict[str, bytes] = {}  # as written; a store that was emptied gets it again

    # --- while it runs ---

    def seal_with(self, sealer: Sealer) -> None:
        """Seal with other keys from now on; what is written already is left as it is."""
        self._sealer = sealer

    def look(self) -> None:
        """Write soon, if something has changed. Called after every event: next to nothing."""
        if self._soon is None and self._edge.has_changes:
            self._soon = self._loop.call_later(_SOON, self.write)

    def write(self) -> None:
        """Hand on what has changed."""
        if self._soon:
            self._soon.cancel()
            self._soon = None
        for token, values in self._edge.take_changes(self.since).items():
            if values is None:
                self._notebook.forget(_REG + token)
            else:
                self._notebook.put(_REG + token, _written(values), snapshot.ends(values))

    def write_all(self) -> None:
        """Hand on all that is known: the store has lost it."""
        self._edge.touch_all()
        self.write()
        self._write_kernel()
        for name, sealed in self._sealed.items():
            self._notebook.put(name, sealed, self._at_last())
        for sa, number in self._received.items():
            self._notebook.put(_number_name(sa), b"%d" % number, self._at_last())

    def installed(self, sa_set: SaSet, keys: AkaKeys) -> None:
        """Keep a set's keys, if they can be sealed."""
        self._keep(sa_set, _Kept(keys, 0))

    def removed(self, sa_set: SaSet) -> None:
        """Forget a set's keys and numbers."""
        if self._sealed.pop(_key_name(sa_set), None) is not None:
            self._notebook.forget(_key_name(sa_set))
        for sa in _inbound(sa_set):
            if self._received.pop(sa, None) is not None:
                self._notebook.forget(_number_name(sa))

    def used(self, part: list[SaUsage]) -> None:
        """Keep how far the numbers of SAs have come, which had come less far before."""
        for one in part:
            if one.sequence > self._received.get(one.id, 0):
                self._received[one.id] = one.sequence
                self._notebook.put(_number_name(one.id), b"%d" % one.sequence, self._at_last())

    def _keep(self, sa_set: SaSet, kept: _Kept) -> None:
        if self._sealer is None:
            return
        name = _key_name(sa_set)
        secret = kept.made.to_bytes(4) + kept.keys.ck + kept.keys.ik
        sealed = self._sealed[name] = self._sealer.seal(name, secret)
        self._notebook.put(name, sealed, self._at_last())

    def _at_last(self) -> float:
        """When a record goes by itself that is removed in time: after any registration."""
        return self._loop.time() + self.since + _LONGEST

    # --- at the start ---

    def recall(self, records: Mapping[str, bytes], kernel: SaKernel) -> Look[tuple[Recalled, int]]:
        """Open the kernel with the SAs of what was kept; say what to hand in, and what was swept.

        In steps, as it may take seconds, in which a lease has to be renewed. Raises KernelRefusal
        if the policies are refused.
        """
        saved = yield from self._registrations(records)
        rows = yield from self._all_rows(saved.values())
        sets = [row.sa_set for row in rows]
        is_same = records.get(_KERNEL, b"") == self._kernel
        swept = kernel.open(sets if is_same else ())
        self._write_kernel()
        present = kernel.present()
        living = {one for one in sets if present.issuperset(one.ids)}
        made = {row.sa_set for row in rows if row.sa_set not in living}
        for number, row in enumerate(rows):
            if row.sa_set in made and not self._make_anew(row, records, kernel):
                made.discard(row.sa_set)
            if number % _STEP == 0:
                yield
        self._tidy(records, sets)
        log.info("recalled", registrations=len(saved), sets=len(living), made_anew=len(made))
        return Recalled(saved, frozenset(living | made), self.since), swept

    def _registrations(self, records: Mapping[str, bytes]) -> Look[dict[str, Values]]:
        """Read those that can be read, by their tokens."""
        found = {}
        for number, (key, value) in enumerate(records.items()):
            if number % _STEP == 0:
                yield
            if not key.startswith(_REG):
                continue
            try:
                values = json.loads(value)
            except ValueError:
                values = None
            if isinstance(values, dict):
                found[key.removeprefix(_REG)] = values
            else:
                log.warning("record_unreadable", record=key)
                self._notebook.forget(key)
        return found

    def _all_rows(self, saved: Iterable[Values]) -> Look[list[SaRow]]:
        found: list[SaRow] = []
        for number, values in enumerate(saved):
            found += self._rows(values)
            if number % _STEP == 0:
                yield
        return found

    def _rows(self, values: Values) -> tuple[SaRow, ...]:
        """Give a snapshot's sets; none of one that the core will refuse, and say why."""
        try:
            return snapshot.load(values, self.since).rows
        except ValueError:
            return ()

    def _make_anew(self, row: SaRow, records: Mapping[str, bytes], kernel: SaKernel) -> bool:
        """Install a set that this kernel does not hold, ahead of all that the phone has seen."""
        kept = self._kept(row.sa_set, records)
        lifetime = ceil(snapshot.deadline(row) - self._loop.time())
        if kept is None or lifetime <= 0:
            return False
        kept = kept._replace(made=kept.made + 1)
        ps, pc = (_number(records.get(_number_name(sa))) for sa in _inbound(row.sa_set))
        sequences = Sequences(sent=kept.made * _AHEAD, ps=ps, pc=pc)
        try:
            kernel.install(row.sa_set, kept.keys, lifetime + _NET, sequences)
        except (XfrmError, OSError) as error:
            log.warning("not_made_anew", ue=row.sa_set.ue, reason=str(error))
            return False
        self._keep(row.sa_set, kept)
        return True

    def _kept(self, sa_set: SaSet, records: Mapping[str, bytes]) -> _Kept | None:
        name = _key_name(sa_set)
        sealed = records.get(name)
        if sealed is None or self._sealer is None:
            return None
        try:
            secret = self._sealer.open(name, sealed)
            ck, ik = secret[4 : 4 + KEY_SIZE], secret[4 + KEY_SIZE :]
            return _Kept(AkaKeys(ck, ik), int.from_bytes(secret[:4]))
        except (SealError, ValueError) as error:
            log.warning("keys_not_unsealed", ue=sa_set.ue, reason=str(error))
            return None

    def _tidy(self, records: Mapping[str, bytes], sets: list[SaSet]) -> None:
        """Forget keys and numbers of sets that nobody has; go on with the numbers of the others."""
        numbers = {_number_name(sa): sa for one in sets for sa in _inbound(one)}
        names = {_key_name(one) for one in sets}
        for key, value in records.items():
            if key in numbers:
                self._received[numbers[key]] = _number(value)
            elif key in names:
                self._go_on(key, self._sealed.get(key, value))
            elif key != _KERNEL and not key.startswith(_REG):
                self._notebook.forget(key)

    def _write_kernel(self) -> None:
        if self._kernel:
            self._notebook.put(_KERNEL, self._kernel, self._at_last())

    def _go_on(self, name: str, sealed: bytes) -> None:
        """Keep what is sealed already; with the operator's new key, if there is one."""
        try:
            current = self._sealer.reseal(name, sealed) if self._sealer else sealed
        except SealError:
            current = sealed  # the set lives in the kernel; whoever has the key may open it
        self._sealed[name] = current
        if current is not sealed:
            self._notebook.put(name, current, self._at_last())


def _written(values: Values) -> bytes:
    return json.dumps(values, separators=(",", ":"), allow_nan=False).encode()


def _key_name(sa_set: SaSet) -> str:
    return f"sa:{sa_set.pcscf}:{sa_set.spi_ps}"


def _number_name(sa: SaId) -> str:
    return f"seq:{sa.destination}:{sa.spi}"


def _inbound(sa_set: SaSet) -> tuple[SaId, SaId]:
    return SaId(sa_set.pcscf, sa_set.spi_ps), SaId(sa_set.pcscf, sa_set.spi_pc)


def _number(value: bytes | None) -> int:
    return int(value) if value and value.isdigit() and int(value) < 1 << 32 else 0
