"""Caller blocking: who may not call whom is in an SQL table. Needs the package aiosqlite.

    CREATE TABLE blocked (called TEXT, caller TEXT, PRIMARY KEY (called, caller));
    INSERT INTO blocked VALUES ('sip:alice@ims.example.net', '+491701234567');

``called`` is a public identity of the phone, ``caller`` a number, or a whole URI where it has none.
The table is looked at in a thread of aiosqlite's: the call waits for it, and nobody else does.
"""

import json
import os
import sqlite3

import aiosqlite

from pcscf.hooks import Reject, RequestView, number_of

DATABASE = os.environ.get("BLOCKED_CALLERS", "/var/lib/pcscf/blocked.sqlite")
BEGINS = ("INVITE", "MESSAGE")
QUERY = "SELECT 1 FROM file.blocked WHERE caller = ? AND called IN (SELECT value FROM json_each(?))"

opened: list[aiosqlite.Connection] = []


async def on_start() -> None:
    """Open the database, for reading only; it has to be there."""
    # Attached to one that always opens: of one that does not, aiosqlite leaves the thread.
    database = await aiosqlite.connect(":memory:", uri=True)
    try:
        await database.execute("ATTACH ? AS file", (f"file:{DATABASE}?mode=ro",))
        await database.execute_fetchall("SELECT called, caller FROM file.blocked LIMIT 1")
    except sqlite3.Error:
        await database.close()
        raise
    opened.append(database)


async def on_stop() -> None:
    """Close it, or its thread would keep the process alive."""
    for database in opened:
        await database.close()


async def before_phone(request: RequestView) -> Reject | None:
    """Refuse what a blocked caller begins. What is in a dialog has been let through before."""
    if request.in_dialog or request.method not in BEGINS or request.phone is None:
        return None
    if request.phone.emergency:  # whoever has called for help may be called back
        return None
    caller = number_of(request.caller) or request.caller
    called = json.dumps(request.phone.identities)
    async with opened[0].execute(QUERY, (caller, called)) as rows:
        return Reject(603, "Decline") if await rows.fetchone() else None
