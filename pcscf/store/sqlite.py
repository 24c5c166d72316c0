"""Records in an SQLite file: for one instance, on a disk of its machine.

The file is in WAL mode, and a commit waits for the disk (``synchronous=FULL``): what was confirmed
survives a loss of power as well. It costs an fsync for each batch, in a thread of its own; at ten
batches a second that is little, and where a disk is slower there are fewer and larger batches.
"""

import asyncio
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from pcscf.errors import LeaseLostError, StoreError, StoreLostError
from pcscf.private_file import open_private
from pcscf.store.model import Change

_P = ParamSpec("_P")
_T = TypeVar("_T")

_APPLICATION = 0x70637366  # "pcsf": tells our files from those of other programs
_VERSION = 1
_BUSY = 2.0  # seconds to wait for a lock, such as that of a shell somebody has open
_WAL_KEPT = 64 * 2**20  # octets of it that stay on disk after a burst

_SCHEMA = (
    "CREATE TABLE record (key TEXT PRIMARY KEY, value BLOB NOT NULL, expires REAL NOT NULL)",
    "CREATE TABLE owner (token TEXT NOT NULL)",
    "INSERT INTO owner VALUES ('')",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {_VERSION}",
)
_PUT = """INSERT INTO record VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires"""
_FORGET = "DELETE FROM record WHERE key = ?"

_MENDS = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_NOTADB": "is no SQLite file; move it away to begin with an empty one",
    "SQLITE_CORRUPT": "is damaged; move it away to begin with an empty one",
    "SQLITE_READONLY": "cannot be written: look at the rights, and whether the disk is read-only",
    "SQLITE_BUSY": "is locked by another process",
}


class SqliteStore:
    """A Store (``model``) in the file at ``path``, which is made with mode 0600 if need be.

    The connection lives in one thread, which takes one call after the other.
    """

    def __init__(self, path: str, clock: Callable[[], float] = time.time) -> None:
        self._path = Path(path)
        self._clock = clock
        self._token = secrets.token_hex(8)
        self._worker = ThreadPoolExecutor(1, "store")
        self._database: sqlite3.Connection | None = None
        self._identity = (0, 0)  # of the file: device and inode
        self._ours = False  # what is in it is what we know

    async def open(self) -> None:
        """Open the file and look whether it is whole."""
        await self._do(SqliteStore._open)

    async def load(self) -> list[Change]:
        """Make it ours, and return what has not expired."""
        return await self._do(SqliteStore._load)

    async def write(self, changes: Sequence[Change]) -> None:
        """Write all or nothing, down to the disk."""
        await self._do(SqliteStore._write, changes)

    async def close(self) -> None:
        """Close the file, behind what is under way."""
        await self._do(SqliteStore._close)
        self._worker.shutdown()

    async def _do(
        self, act: Callable[Concatenate["SqliteStore", _P], _T], *args: _P.args, **_: _P.kwargs
    ) -> _T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._worker, act, self, *args)
        except sqlite3.Error as error:
            raise self._error(_reason(error)) from None

    # In the thread

    def _open(self) -> None:
        try:
            descriptor = open_private(str(self._path), os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise self._error(error.strerror or "") from None
        status = os.fstat(descriptor)
        os.close(descriptor)
        self._identity = status.st_dev, status.st_ino
        database = sqlite3.connect(self._path, timeout=_BUSY, isolation_level=None)
        try:
            self._prepare(database)
        except BaseException:
            database.close()
            raise
        self._database = database

    def _prepare(self, database: sqlite3.Connection) -> None:
        with database:
            database.execute("BEGIN IMMEDIATE")
            if _number(database, "SELECT count(*) FROM sqlite_master") == 0:
                for statement in _SCHEMA:
                    database.execute(statement)
            elif _number(database, "PRAGMA application_id") != _APPLICATION:
                raise self._error("belongs to another program")
        if _number(database, "PRAGMA user_version") != _VERSION:
            raise self._error("was written by another version of pcscf")
        (mode,) = database.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise self._error("must be on a local disk: this one cannot share memory")
        database.execute("PRAGMA synchronous = FULL")
        database.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT}")
        if database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise self._error(_MENDS["SQLITE_CORRUPT"])

    def _load(self) -> list[Change]:
        if self._database is None:
            raise self._error("is not open")
        with self._database as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("UPDATE owner SET token = ?", (self._token,))
            database.execute("DELETE FROM record WHERE expires <= ?", (self._clock(),))
            found = database.execute("SELECT key, value, expires FROM record").fetchall()
        self._ours = True
        return [Change(*row) for row in found]

    def _write(self, changes: Sequence[Change]) -> None:
        with self._current() as database:
            database.execute("BEGIN IMMEDIATE")
            if self._ours:
                self._check_owner(database)
            else:
                database.execute("UPDATE owner SET token = ?", (self._token,))
                database.execute("DELETE FROM record")
            database.executemany(_PUT, [each for each in changes if each.value is not None])
            database.executemany(_FORGET, [(each.key,) for each in changes if each.value is None])
        self._ours = True

    def _check_owner(self, database: sqlite3.Connection) -> None:
        (token,) = database.execute("SELECT token FROM owner").fetchone()
        if token != self._token:
            raise LeaseLostError(f"store.path: {self._path}: another process has taken it over")

    def _current(self) -> sqlite3.Connection:
        """Return the connection. Whoever removes the file has us write where nobody will look."""
        if self._database is None or self._is_gone():
            self._close()
            self._open()
            raise StoreLostError(f"store.path: {self._path}: was removed or replaced; begun anew")
        return self._database

    def _is_gone(self) -> bool:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return True
        return (status.st_dev, status.st_ino) != self._identity

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
            self._ours = False

    def _error(self, why: str) -> StoreError:
        return StoreError(f"store.path: {self._path}: {why}")


def _number(database: sqlite3.Connection, statement: str) -> int:
    (number,) = database.execute(statement).fetchone()
    return int(number)


def _reason(error: sqlite3.Error) -> str:
    """Name what is wrong; SQLite has finer names behind the first two words, for some errors."""
    name = "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])
    return _MENDS.get(name, str(error))
