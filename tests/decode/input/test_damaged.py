"""Ten thousand damaged captures: each ends in frames, a note, or one readable line; and soon."""

import gzip
import io
import random
import time
from pathlib import Path

import pytest

from pcscf.decode.input.capture import Capture, open_capture
from pcscf.decode.input.messages import Messages
from pcscf.decode.input.reader import MAX_FRAME
from pcscf.decode.input.unwrap import Unwrapper
from pcscf.decode.input.writer import PcapngWriter
from pcscf.errors import CaptureError
from tests.decode import files
from tests.decode.damage import damaged
from tests.decode.frames import FRAMES, PACKETS

TURNS = 1000  # of each of ten files
SLOWEST = 2.0  # seconds of CPU for a capture of some 15 KB

STORED = files.stored(*FRAMES)
RAW = files.stored(*PACKETS)
FILES = {
    "pcap": files.pcap(STORED),
    "pcap-big-endian": files.pcap(STORED, sign=">", nanoseconds=True),
    "pcap-modified": files.pcap(STORED, modified=True),
    "pcap-raw": files.pcap(RAW, files.RAW),
    "pcap-gzip": gzip.compress(files.pcap(STORED)),
    "pcapng": files.pcapng(STORED),
    "pcapng-big-endian": files.pcapng(STORED, sign=">"),
    "pcapng-sections": files.pcapng(STORED[:9])
    + files.secrets(1, b"secret")
    + files.pcapng(RAW, files.RAW, ">"),
    "pcapng-old-blocks": files.section()
    + files.interface(snap=2000, resolution=0x8A, offset=-5)
    + b"".join(files.simple(one) + files.obsolete(7, one) for one in FRAMES),
    "pcapng-gzip": gzip.compress(files.pcapng(STORED)) + gzip.compress(files.pcapng(RAW, 101)),
}


def read(capture: Capture) -> int:
    """Go all the way with each frame; give the number of messages."""
    unwrapper, messages, writer = Unwrapper(), Messages(), PcapngWriter(io.BytesIO())
    found = 0
    for number, frame in enumerate(capture, 1):
        assert frame.number == number
        assert len(frame.data) <= MAX_FRAME
        assert 0 <= frame.time < 1 << 63
        assert frame.missing >= 0
        writer.write_frame(frame)
        packet = unwrapper.frame(frame)
        if packet is not None:
            writer.write_packet(packet)
            found += len(messages.feed(packet))
    return found + len(messages.finish())


@pytest.mark.parametrize("kind", FILES)
def test_damaged_captures(tmp_path: Path, kind: str) -> None:
    chance = random.Random(f"damage to {kind}")
    path = tmp_path / "damaged"
    refused = noted = found = 0
    for _ in range(TURNS):
        path.write_bytes(damaged(chance, FILES[kind]))
        began = time.process_time()
        try:
            with open_capture(str(path)) as capture:
                found += read(capture)
                noted += bool(capture.notes)
                assert len(capture.notes) <= 3
                lines = capture.notes
        except CaptureError as error:
            refused += 1
            lines = [str(error)]
        assert all(line and "\n" not in line for line in lines)
        assert time.process_time() - began < SLOWEST
    # Damage was done, and much could be read all the same.
    assert refused
    assert noted > TURNS // 5
    assert found > TURNS * 3
