"""What stores take and give; see the package's head for the nouns."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Change(NamedTuple):
    """A record as it is from now on. ``value`` None: it is forgotten.

    Nobody needs it after ``expires``, in seconds since 1970. A key begins with a letter.
    """

    key: str
    value: bytes | None
    expires: float


class Store(Protocol):
    """Keeps records. Every method raises StoreError, one line with what mends it."""

    async def open(self) -> None:
        """Reach the store, and make what it needs where there is nothing yet."""

    async def load(self) -> list[Change]:
        """Become the one process that writes, and return all records that have not expired.

        Whoever did so before gets LeaseLostError from now on: the newest knows best. On Valkey a
        lease says who it is, which is to be taken before.
        """

    async def write(self, changes: Sequence[Change]) -> None:
        """Write all of them or none; each key stands there once. They are safe on return.

        StoreLostError: what was written earlier is gone, and these were not written either. Without
        ``load`` before, the store is emptied first: what nobody has read, nobody will look after.
        """

    async def close(self) -> None:
        """Let go of it. A write that is under way is ended first."""


class Leases(Protocol):
    """Who serves what bears a name, such as an address. Raises StoreError."""

    async def take(self, name: str, owner: str, seconds: float, *, abandoned: bool = True) -> bool:
        """Take the lease, or renew one's own, for ``seconds`` from the call; False: another's.

        A process that has just started gets that of an earlier process of the same owner, which
        is refused from then on. ``abandoned``: take one as well that its owner has not released
        and that is not there any more, be it that he is dead or that the store was.
        """

    def holder(self, name: str) -> str:
        """Return who had the lease when ``take`` was refused last; empty: nobody whom it knew.

        It is nobody's and refused where only one that was ``abandoned`` is there to be taken.
        """

    async def release(self, name: str, owner: str) -> None:
        """End one's own lease now; another's is left alone."""
