"""The store and the keys that the settings name."""

import socket
from typing import TYPE_CHECKING

from pcscf.errors import SealError
from pcscf.store.key_file import read_keys
from pcscf.store.sealing import Sealer
from pcscf.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from pcscf.config_sections import Store as Settings
    from pcscf.store.valkey import ValkeyStore


def open_store(settings: "Settings", name: str = "pcscf") -> "SqliteStore | ValkeyStore | None":
    """Make the store, which is not reached before its ``open``; None: there is to be none.

    On a Valkey server there is one for each ``name`` that is served, and its ``leases`` say by
    whom. A file has the records of one instance, whatever the name.
    """
    if settings.used == "none":
        return None
    if settings.used == "sqlite":
        return SqliteStore(settings.path)
    # It takes a tenth of a second, which the others need not wait for.
    from pcscf.store.valkey import ValkeyStore  # noqa: PLC0415
    from pcscf.store.valkey_server import ValkeyServer  # noqa: PLC0415

    return ValkeyStore(ValkeyServer(settings.url, settings.timeout), settings.prefix, name)


def instance_name(settings: "Settings") -> str:
    """Return what this instance is called in leases."""
    return settings.instance or socket.gethostname()


def open_sealer(settings: "Settings") -> Sealer:
    """Read the operator's keys. Raises SealError."""
    try:
        return Sealer(read_keys(settings.key_file))
    except SealError as error:
        raise SealError(f"store.key_file: {error}") from None
