"""Debian's Wireshark on the command line, which has readers and writers of its own."""

import subprocess
from pathlib import Path


def tshark(path: Path, *fields: str, only: str = "") -> list[list[str]]:
    """Dissect a capture: the fields of each frame, of those that ``only`` lets through."""
    command = ["tshark", "-n", "-r", str(path)]
    command += ["-o", "ip.check_checksum:TRUE", "-o", "tcp.reassemble_out_of_order:TRUE"]
    command += ["-T", "fields", "-E", "separator=/t"]
    command += ["-Y", only] if only else []
    for field in fields:
        command += ["-e", field]
    return [line.split("\t") for line in run(*command).splitlines()]


def convert(path: Path, kind: str, out: Path, *options: str) -> Path:
    """Have editcap write a capture in another format."""
    run("editcap", *options, "-F", kind, str(path), str(out))
    return out


def merge(paths: list[Path], out: Path) -> Path:
    """Have mergecap put captures together in the order of time."""
    run("mergecap", "-w", str(out), *map(str, paths))
    return out


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout
