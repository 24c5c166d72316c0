"""Ten thousand damaged captures through all of ``pcscf decode``: each ends in a clear status.

They are made of the demo's own: two phones that register and register again, one under NULL
and UDP, one under AES and TCP, with the core's side, and its keys in secrets blocks.
"""

import gzip
import io
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from pcscf.decode.command.command import decode
from pcscf.decode.command.options import Format
from pcscf.decode.engine import Engine
from pcscf.decode.input.capture import open_capture
from pcscf.decode.keys.key_files import secrets_text
from tests.decode import files
from tests.decode.damage import damaged
from tests.decode.files import Stored
from xfrm.keylog import SECRETS_TYPE

DEMO = Path(__file__).parent.parent / "captures/demo"
TURNS = 1250  # of each of eight kinds
FRAMES = 48  # until both phones have registered anew
SLOWEST = 2.0  # seconds of CPU for a capture of some 40 KB
STATUSES = {0, 1, 2}


def demo() -> list[Stored]:
    frames = []
    for name in ("gm", "core"):
        with open_capture(str(DEMO / f"{name}.pcap")) as capture:
            frames += [(frame.time, frame.data, len(frame.data)) for frame in capture]
    return sorted(frames)[:FRAMES]


STORED = demo()


def key_log() -> bytes:
    engine = Engine()
    for name in ("gm", "core"):
        with open_capture(str(DEMO / f"{name}.pcap")) as capture:
            for frame in capture:
                engine.feed(frame)
    engine.finish()
    return secrets_text(engine.sas)


SECRETS = files.secrets(SECRETS_TYPE, key_log())


def pcapng(frames: list[Stored], sign: str = "<") -> bytes:
    """Blocks of two sections, each with two interfaces."""
    out = b""
    for part in (frames[: FRAMES // 3], frames[FRAMES // 3 :]):
        out += files.section(sign) + files.interface(sign=sign)
        out += files.interface(sign=sign, resolution=9)
        for n, (when, frame, size) in enumerate(part):
            ticks = when if n % 2 else when // 1000
            out += files.enhanced(ticks, frame, sign, index=n % 2, original=size)
    return out


Make = Callable[[list[Stored]], bytes]
KINDS: dict[str, Make] = {
    "pcap": files.pcap,
    "pcap-big-endian": lambda frames: files.pcap(frames, sign=">", nanoseconds=True),
    "pcap-gm-alone": lambda frames: files.pcap([one for one in frames if b"ck=" not in one[1]]),
    "pcap-gzip": lambda frames: gzip.compress(files.pcap(frames), 1),
    "pcapng": pcapng,
    "pcapng-big-endian": lambda frames: pcapng(frames, ">"),
    "pcapng-secrets": lambda frames: files.section() + SECRETS + pcapng(frames),
    "pcapng-gzip": lambda frames: gzip.compress(pcapng(frames), 1),
}


def shuffled(chance: random.Random, frames: list[Stored]) -> list[Stored]:
    """Frames in another order, twice, or left out; damaged in themselves, or cut."""
    frames = list(frames)
    for _ in range(chance.randrange(4)):
        place, other = chance.randrange(len(frames)), chance.randrange(len(frames))
        when, frame, size = frames[place]
        match chance.randrange(5):
            case 0:
                frames[place], frames[other] = frames[other], frames[place]
            case 1:
                frames.insert(other, frames[place])
            case 2:
                del frames[place]
            case 3:
                broken = damaged(chance, frame)
                frames[place] = (when, broken, len(broken))
            case 4:
                frames[place] = (when, frame[: chance.randrange(len(frame))], size)
    return frames


def capture(chance: random.Random, make: Make) -> bytes:
    """Damaged in its frames, in the file, or in what it was before it was compressed.

    Some are no more than their damaged beginning, which most damage would miss.
    """
    file = make(shuffled(chance, STORED) if chance.random() < 0.7 else STORED)
    if chance.random() < 0.05:
        return damaged(chance, file[:64])
    if file.startswith(b"\x1f\x8b") and chance.random() < 0.5:
        return gzip.compress(damaged(chance, gzip.decompress(file)), 1)
    return damaged(chance, file) if chance.random() < 0.7 else file


class Streams:
    """Standard output and error of one run."""

    def __init__(self) -> None:
        self.out, self.err = (
            io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in "oe"
        )

    def texts(self) -> tuple[str, str]:
        for stream in (self.out, self.err):
            stream.seek(0)
        return self.out.read(), self.err.read()


def run(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    streams = Streams()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", streams.out)
        patched.setattr(sys, "stderr", streams.err)
        with pytest.raises(typer.Exit) as ended:
            decode(files=[str(path)], form=Format.JSONL)
    out, err = streams.texts()
    return ended.value.exit_code, out, err


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_captures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    chance = random.Random(f"damage to {kind}")
    path = tmp_path / "damaged"
    statuses, found = Counter[int](), 0
    for _ in range(TURNS):
        path.write_bytes(capture(chance, KINDS[kind]))
        began = time.process_time()
        status, out, err = run(path, monkeypatch)
        assert time.process_time() - began < SLOWEST
        statuses[status] += 1
        if status == 2:
            assert out == ""
            assert err.startswith(f"{path}: ")
            assert err.endswith("\n")
            assert err[:-1].isprintable()
        else:
            assert err == ""
            *lines, last = out.splitlines()
            summary = json.loads(last)
            assert (summary["type"], summary["schema"]) == ("summary", 1)
            assert sum('"type": "message"' in line for line in lines) == summary["messages"]
            assert status == (summary["unread"] > 0)
            assert summary["read"] + summary["unread"] == summary["esp"]
            found += summary["messages"]
    assert set(statuses) == STATUSES
    assert found > TURNS * 10  # damage was done, and much could be read all the same
