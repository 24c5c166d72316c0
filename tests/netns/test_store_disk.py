"""The store's file on a disk that is full, and on one that cannot be written.

A file system of 1 MB, which takes the rights that ESP tests have. What no rights are needed for is
in ``tests/store/test_sqlite.py``.
"""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.esp

# In a mount namespace, which ends with its processes.
ON_A_SMALL_DISK = """
mount -t tmpfs -o size=1M,mode=700 none "$1"
exec "$2" -c "$3" "$1"
"""

FILLED = """
import asyncio, os, subprocess, sys, time
from pcscf.errors import StoreError
from pcscf.store.model import Change
from pcscf.store.sqlite import SqliteStore

LATER = time.time() + 3600
disk = sys.argv[1]

async def attempt(letter):
    try:
        await store.write([Change(f"reg:{n}", letter * 1500, LATER) for n in range(40)])
    except StoreError as error:
        return str(error)
    return "written"

async def opened():
    global store
    store = SqliteStore(disk + "/store")
    try:
        await store.open()
        return {each.value[:1] for each in await store.load()}
    except StoreError as error:
        return str(error)

def fill():
    with open(disk + "/ballast", "wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))

async def main():
    print(await opened(), await attempt(b"a"))
    try:
        fill()
    except OSError:
        pass
    print(*{await attempt(b"x") for _ in range(50)}, sep="\\n")
    os.unlink(disk + "/ballast")
    print(await attempt(b"b"))
    await store.close()
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    print(await opened())
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    print(await opened())
    await store.close()

asyncio.run(main())
"""


def test_a_full_disk_is_told_and_forgotten_once_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    script = [ON_A_SMALL_DISK, "sh", str(disk), sys.executable, FILLED]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-euc", *script], capture_output=True, text=True, check=False
    )
    assert (done.stdout.splitlines(), done.stderr) == (
        [
            "set() written",
            f"store.path: {disk}/store: the disk is full",
            "written",
            f"store.path: {disk}/store: Read-only file system",
            "{b'b'}",
        ],
        "",
    )
