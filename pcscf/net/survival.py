"""What an Edge's registrations survive by: a store, and what an earlier process left there.

With a store that several instances share, one of them serves an address: the one that has its
lease. The others stand by, with no address and no SA, and one of them goes on with the phones when
that one has died.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import chain, repeat
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from pcscf.config import Settings
from pcscf.errors import LeaseLostError, StartError, StoreError
from pcscf.net.own_addresses import OwnAddresses, Place, is_here
from pcscf.net.ownership import Ownership
from pcscf.net.recorder import Memory, Recorder
from pcscf.store.keeper import Hold
from pcscf.store.model import Leases, Store
from pcscf.store.opening import instance_name, open_sealer, open_store
from pcscf.store.sqlite import SqliteStore
from pcscf.store.writer import Writer
from xfrm.errors import XfrmError
from xfrm.kernel import SaKernel

log = structlog.get_logger()

_LAST_WORDS: Final = 2.0  # seconds to write what is left at the end
_ARRIVAL: Final = 5.0  # seconds that addresses which others move are waited for
_LOOK: Final = 0.05  # seconds
_TOLD_AGAIN: Final = (0.2, 1.0, 3.0)  # seconds until neighbours are told once more
_TOLD_ALWAYS: Final = 10.0  # seconds between two times from then on


class Takeover(NamedTuple):
    """What there is with several instances.

    Nobody is served without the ``expected`` addresses. ``addresses`` None: others move them.
    """

    ownership: Ownership
    expected: tuple[str, ...]
    addresses: OwnAddresses | None


class Survival:
    """The store of one process, from when it may serve to its end."""

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        writer: Writer,
        kernel: SaKernel,
        takeover: Takeover | None = None,
    ) -> None:
        self.recorder = recorder
        self.writer = writer
        self._store = store
        self._kernel = kernel
        self._never = asyncio.Event()
        self._takeover = takeover
        self._telling: asyncio.Task[None] | None = None

    @property
    def ownership(self) -> Ownership | None:
        """The lease; None if nobody else could have it."""
        return self._takeover.ownership if self._takeover else None

    @property
    def lost(self) -> asyncio.Event:
        """Set when the phones are another instance's."""
        return self._takeover.ownership.lost if self._takeover else self._never

    async def begin(self) -> Mapping[str, bytes]:
        """Wait until the phones are ours, and return what an earlier process has left of them.

        Raises StartError if the store cannot be reached. Later it may go and come.
        """
        if self._takeover:
            await self._takeover.ownership.taken(self._stand_by)
        try:
            changes = await self._store.load()
        except StoreError as error:
            raise StartError(f"the store cannot be used: {error}") from None
        loop = asyncio.get_running_loop()
        self.recorder.since = time.time() - loop.time()
        self.writer.start()
        return {one.key: one.value for one in changes if one.value is not None}

    def _stand_by(self) -> None:
        """Leave nothing that answers in our place: an earlier process may have died here."""
        self._go()
        try:
            self._kernel.open()
        except (XfrmError, OSError) as error:
            raise StartError(f"the kernel refuses the policies: {error}") from None

    async def arrive(self) -> None:
        """Have our addresses come here, with everything in place behind them."""
        if self._takeover is None:
            return
        ownership, addresses = self._takeover.ownership, self._takeover.addresses
        loop = asyncio.get_running_loop()
        while not ownership.may_act:  # noqa: ASYNC110 - we stood still, and are asking
            await asyncio.sleep(_LOOK)
        if addresses:
            addresses.come()
            addresses.watch(ownership.contested)
            self._telling = loop.create_task(_tell_again(addresses, ownership))
        patience = loop.time() + _ARRIVAL
        while self._absent and loop.time() < patience:  # noqa: ASYNC110 - others move them
            await asyncio.sleep(_LOOK)
        for address in self._absent:
            log.warning("address_absent", address=address)

    @property
    def _absent(self) -> list[str]:
        expected = self._takeover.expected if self._takeover else ()
        return [one for one in expected if not is_here(one)]

    @property
    def reasons(self) -> list[str]:
        """Why no phone can be served, one line each."""
        if self._takeover and (waits_for := self._takeover.ownership.waits_for):
            return [waits_for]
        return [f"{one} is no address of this machine" for one in self._absent]

    @property
    def hold(self) -> Hold | None:
        """What is known of the lease; None if nobody else could have it."""
        return self._takeover.ownership.hold if self._takeover else None

    def leave(self) -> None:
        """Let go of the addresses if another one has the phones now. Raises LeaseLostError."""
        if self._takeover is None or not self._takeover.ownership.lost.is_set():
            return
        self._go()
        address = self._takeover.ownership.address
        raise LeaseLostError(f"the lease of {address} is another's now: it serves its phones")

    def _go(self) -> None:
        if self._telling:
            self._telling.cancel()
        addresses = self._takeover.addresses if self._takeover else None
        for failure in addresses.go() if addresses else ():
            log.warning("address_stays", reason=failure)

    async def close(self) -> None:
        """Write what is left, and give the lease back. Behind the sockets: nothing is sent now."""
        self._go()
        is_lost = self._takeover is not None and self._takeover.ownership.lost.is_set()
        if not is_lost:
            self.recorder.write()
            await self.writer.flush(_LAST_WORDS)
        await self.writer.close()
        if self._takeover:
            await self._takeover.ownership.close()
            if self._takeover.addresses:
                self._takeover.addresses.close()
        await self._store.close()


@asynccontextmanager
async def surviving(
    settings: Settings, edge: Memory, kernel: SaKernel
) -> AsyncIterator[Survival | None]:
    """Keep what must outlive the process within the block; None if there is no store.

    Raises StartError if the store or its keys cannot be used at the start.
    """
    store = open_store(settings.store, settings.gm.addresses[0])
    if store is None:
        yield None
        return
    try:
        sealer = open_sealer(settings.store)
        await store.open()
    except StoreError as error:
        raise StartError(f"the store cannot be used: {error}") from None

    def when_lost() -> None:
        recorder.write_all()

    writer = Writer(store, settings.store.interval, when_lost=when_lost)
    loop = asyncio.get_running_loop()
    recorder = Recorder(
        edge, writer, sealer, loop, time.time() - loop.time(), kernel=_this_kernel()
    )
    edge.track_changes()
    takeover = None if isinstance(store, SqliteStore) else _takeover(settings, store.leases)
    survival = Survival(store, recorder, writer, kernel, takeover)
    try:
        yield survival
    finally:
        await survival.close()


def _takeover(settings: Settings, leases: Leases) -> Takeover:
    store = settings.store
    owner = instance_name(store)
    ownership = Ownership(leases, settings.gm.addresses[0], owner, store.lease)
    device = store.takeover_device
    places = dict.fromkeys(settings.core.addresses, store.takeover_core_device or device)
    places |= dict.fromkeys(settings.gm.addresses, device)
    addresses = [Place(*place) for place in places.items()]
    return Takeover(ownership, tuple(places), OwnAddresses(addresses) if device else None)


def _this_kernel() -> str:
    """Name what holds our SAs: a network namespace, until the machine boots again."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {Path('/proc/self/ns/net').stat().st_ino}"


async def _tell_again(addresses: OwnAddresses, ownership: Ownership) -> None:
    """Tell neighbours for as long as it is true.

    The kernel of one that was stopped still answers who asks for the address.
    """
    for seconds in chain(_TOLD_AGAIN, repeat(_TOLD_ALWAYS)):
        await asyncio.sleep(seconds)
        if ownership.may_act:
            addresses.tell()
