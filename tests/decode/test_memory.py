"""Memory does not grow with the capture; by hand with hundreds of megabytes, here with fewer."""

import re
import subprocess
import sys

import pytest

from tests.decode.endless import KINDS, MEGABYTE, pcap

SMALL, LARGE = 4, 16  # megabytes; each of the bounds is reached within the first
MAY_GROW = 12  # megabytes, with what the allocator keeps, and texts of addresses

# Of the program itself: what wait4 tells has that of this process in it.
PROGRAM = """
import sys
from pcscf import cli
sys.argv = ["pcscf", "decode", "-", "-f", "jsonl", "-o", "/dev/null"]
try:
    cli.main()
finally:
    print(open("/proc/self/status").read(), file=sys.stderr)
"""
PEAK = re.compile(r"VmHWM:\s+([0-9]+) kB")


def peak(kind: str, megabytes: int) -> float:
    """Decode a capture from a pipe; give the most memory that it took, in megabytes."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin
    for part in pcap(KINDS[kind](), megabytes * MEGABYTE):
        process.stdin.write(part)
    _, err = process.communicate()
    assert process.returncode == (kind == "unknown_spis")
    found = PEAK.search(err.decode())
    assert found
    return int(found[1]) / 1000


@pytest.mark.parametrize("kind", ["texts", "unknown_spis", "streams", "fragments"])
def test_a_longer_capture_takes_no_more(kind: str) -> None:
    small, large = peak(kind, SMALL), peak(kind, LARGE)
    assert large < small + MAY_GROW
    assert large < 110
