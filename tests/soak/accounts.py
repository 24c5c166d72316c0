"""Three accounts of the same SAs and registrations: the kernel's, the store's and the process's.

Each is read by its own way: XFRM netlink, SQLite file or Valkey hash, the admin socket.
``differences`` names what one of them has and another has not.
"""

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from valkey import Valkey

from tests.netns.asking import AdminSocket
from xfrm.kernel import XfrmKernel
from xfrm.model import SaId

EXPIRY = 8  # octets in front of a record on a Valkey server
PAGE = 500  # the most that the admin side gives at once
CLOCKS = 2.0  # seconds by which two accounts of one end may differ

SPIS = ("spi_uc", "spi_us", "spi_pc", "spi_ps")
PORTS = ("port_uc", "port_us", "port_pc", "port_ps")
NUMBERS = (*SPIS, *PORTS)
LASTING = ("current", "previous")  # stages of sets that are written down

Name = tuple[str, str]  # private identity and address: who has a registration


class Set(NamedTuple):
    """One set of SAs; ``numbers`` are those of ``NUMBERS``."""

    ue: str
    pcscf: str
    suite: str
    stage: str
    numbers: tuple[int, ...]

    @property
    def ids(self) -> set[SaId]:
        """Its four SAs."""
        uc, us, pc, ps = self.numbers[:4]
        return {
            SaId(self.ue, uc), SaId(self.ue, us), SaId(self.pcscf, pc), SaId(self.pcscf, ps),
        }  # fmt: skip

    @property
    def record(self) -> str:
        """The record that has its keys."""
        return f"sa:{self.pcscf}:{self.numbers[3]}"


class Holder(NamedTuple):
    """One registration. ``sets`` are the lasting ones, ``ends`` is in seconds since 1970."""

    transport: str
    dialogs: int
    contacts: frozenset[tuple[str, str]]
    sets: frozenset[Set]
    ends: float


class Memory(NamedTuple):
    """What the process says: all sets, and all registrations."""

    sets: list[Set]
    holders: dict[Name, Holder]


class Store(NamedTuple):
    """What the file says: registrations, names of records of keys, and sequence numbers."""

    holders: dict[Name, Holder]
    keys: set[str]
    sequences: dict[SaId, int]


Kernel = Mapping[SaId, int]  # each SA, with its sequence number


# -- reading


def read_kernel(kernel: XfrmKernel) -> dict[SaId, int]:
    """Dump the SAs."""
    return {one.id: one.sequence for one in kernel.dump()}


def read_memory(admin: AdminSocket) -> Memory:
    """Ask the process; what changes between its two answers is seen as a difference."""
    ues, sets = admin.get(f"/api/ues?most={PAGE}"), admin.get(f"/api/sas?most={PAGE}")
    assert max(ues["total"], sets["total"]) <= PAGE, "more than one page"
    holders = {(one["impi"], one["ue"]): _shown(one) for one in ues["ues"]}
    return Memory([_shown_set(one) for one in sets["sas"]], holders)


def _shown(ue: Mapping[str, Any]) -> Holder:
    sets = frozenset(_shown_set(one) for one in ue["sas"] if one["stage"] in LASTING)
    contacts = frozenset((one["impu"], one["contact"]) for one in ue["bindings"])
    ends = time.time() + ue["expires_in"] if ue["expires_in"] is not None else 0.0
    return Holder(ue["transport"], ue["dialogs"], contacts, sets, ends)


def _shown_set(found: Mapping[str, Any]) -> Set:
    numbers = tuple(found[name] for name in NUMBERS)
    return Set(found["ue"], found["pcscf"], found["suite"], found["stage"], numbers)


class SqliteFile:
    """The store's file, read beside the process that writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database: sqlite3.Connection | None = None

    def read(self) -> Store:
        """Read all records, as of one moment."""
        if self._database is None:
            self._database = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        records = dict(self._database.execute("SELECT key, value FROM record"))
        return sorted_out(records)

    def close(self) -> None:
        """Let go of the file: who starts anew may make another one."""
        if self._database is not None:
            self._database.close()
            self._database = None


class ValkeyHash:
    """The hash of a name that is served, read beside the process that writes it."""

    def __init__(self, server: Valkey, key: str) -> None:
        self._server, self._key = server, key

    def read(self) -> Store:
        """Read all records, as of one moment."""
        fields = cast("dict[bytes, bytes]", self._server.hgetall(self._key))
        records = {key.decode(): value[EXPIRY:] for key, value in fields.items()}
        records.pop("#batch", None)
        return sorted_out(records)


def sorted_out(records: Mapping[str, bytes]) -> Store:
    """Make a Store of records; a registration that is there twice is a ValueError."""
    store = Store({}, set(), {})
    for key, value in records.items():
        kind, _, rest = key.partition(":")
        if kind == "reg":
            name, holder = _written(json.loads(value))
            if name in store.holders:
                raise ValueError(f"two records of {name}")
            store.holders[name] = holder
        elif kind == "sa":
            store.keys.add(key)
        elif kind == "seq":
            address, _, spi = rest.rpartition(":")
            store.sequences[SaId(address, int(spi))] = int(value)
        elif key != "kernel":  # where the SAs are
            raise ValueError(f"a record of no known kind: {key}")
    return store


def _written(values: Mapping[str, Any]) -> tuple[Name, Holder]:
    impi, host = values["phone"][:2]
    sets = frozenset(_written_set(stage, own) for stage, _, _, own in values["sets"])
    contacts = frozenset((one[0], one[1]) for one in values["bindings"])
    ends = max((one[2] for one in values["bindings"]), default=0.0)
    return (impi, host), Holder(values["transport"], len(values["dialogs"]), contacts, sets, ends)


def _written_set(stage: str, own: list[Any]) -> Set:
    ue, pcscf, alg, ealg, *numbers = own
    return Set(ue, pcscf, f"{alg}/{ealg}", stage.lower(), tuple(numbers))


# -- comparing


def differences(kernel: Kernel, store: Store, memory: Memory) -> list[str]:
    """Say what the three do not agree on, one line each; nothing if they do."""
    return [
        *_of_sas(kernel, memory),
        *_of_keys(store, memory),
        *_of_sequences(kernel, store, memory),
        *_of_holders(store, memory),
    ]


def _of_sas(kernel: Kernel, memory: Memory) -> Iterator[str]:
    known = [sa for one in memory.sets for sa in one.ids]
    yield from _apart("SA", kernel, "the kernel", known, "memory")
    if len(set(known)) != len(known):
        yield "an SA belongs to two sets in memory"


def _of_keys(store: Store, memory: Memory) -> Iterator[str]:
    names = [one.record for one in memory.sets]
    yield from _apart("keys of set", store.keys, "the store", names, "memory")


def _of_sequences(kernel: Kernel, store: Store, memory: Memory) -> Iterator[str]:
    for sa, number in store.sequences.items():
        if sa not in kernel:
            yield f"number of SA {sa} is in the store, and the SA not in the kernel"
        elif number > kernel[sa]:
            yield f"number of SA {sa} is {number} in the store, and {kernel[sa]} in the kernel"


def _of_holders(store: Store, memory: Memory) -> Iterator[str]:
    yield from _apart("registration", store.holders, "the store", memory.holders, "memory")
    for name in store.holders.keys() & memory.holders.keys():
        kept, held = store.holders[name], memory.holders[name]
        for field in ("transport", "dialogs", "contacts", "sets"):
            there, here = getattr(kept, field), getattr(held, field)
            if there != here:
                yield f"{field} of {name}: {there} in the store, {here} in memory"
        if abs(kept.ends - held.ends) > CLOCKS:
            yield f"end of {name}: {kept.ends} in the store, {held.ends} in memory"


def _apart(
    what: str, ones: Iterable[Any], here: str, others: Iterable[Any], there: str
) -> list[str]:
    ones, others = set(ones), set(others)
    found = [f"{what} {one} is in {here}, and not in {there}" for one in ones - others]
    found += [f"{what} {one} is in {there}, and not in {here}" for one in others - ones]
    return sorted(found)
