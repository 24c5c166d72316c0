"""``pcscf decode`` beside Debian's tshark: CPU a packet, on captures of 100,000 packets of ESP.

A capture begins with the demo's, both sides of the P-CSCF, so each decoder works for its keys:
ours finds them in it, tshark is given the table of SAs that ours has written. MESSAGEs and 200s
follow, all of one size and different from each other. Both check the ICV of every packet,
decrypt, and dissect SIP. Ours writes JSON Lines with whole messages; tshark writes three fields
of each, and in a run of its own what a line of ours says. All must find the same number of
messages. They take turns; a ratio is of two that stand side by side.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import BinaryIO, Final

from pcscf.decode import Decoder, Sa, merged, open_capture
from pcscf.decode.output.esp_sa import EspSa
from tests.bench.load import SIZE
from tests.bench.relays import ROOT
from tests.bench.timing import microseconds
from tests.decode.files import Stored, pcap
from tests.decode.wires import ESP, ethernet, ipv4, udp
from xfrm.esp import EspCodec

OURS, THEIRS, WHOLE = "pcscf decode", "tshark, three fields", "tshark, whole messages"
SUITES: Final = ("hmac-sha-1-96/aes-cbc", "hmac-sha-1-96/null")
PACKETS: Final = 100_000
ROUNDS: Final = 3
_DEMO: Final = [ROOT / "tests/captures/demo" / name for name in ("gm.pcap", "core.pcap")]
_FILE_HEADER: Final = len(pcap([]))
_MILLISECOND: Final = 1_000_000
_ESP_PREFERENCES: Final = ("esp.enable_encryption_decode", "esp.enable_authentication_check")
_THREE: Final = ("frame.number", "sip.Call-ID", "sip.CSeq")
_ALL: Final = (
    "frame.time_epoch", "ip.src", "ip.dst", "udp.srcport", "udp.dstport", "esp.spi",
    "sip.Request-Line", "sip.Status-Line", "sip.Call-ID", "udp.payload",
)  # fmt: skip


class DisagreementError(Exception):
    """The decoders have not found the same messages, or one of them has failed."""


@dataclass(frozen=True, slots=True)
class DecodeFigures:
    """Microseconds of CPU a packet, by decoder, one figure a round."""

    cost: dict[str, list[float]]

    def best(self, name: str) -> float:
        """The round with the least noise."""
        return min(self.cost[name])

    def spread(self, of: str = THEIRS) -> tuple[float, float, float]:
        """How many times the packets a second of CPU of ``of``: smallest, median, largest."""
        pairs = zip(self.cost[of], self.cost[OURS], strict=True)
        ratios = sorted(theirs / ours for theirs, ours in pairs)
        return ratios[0], median(ratios), ratios[-1]


def measure(suite: str, packets: int = PACKETS, rounds: int = ROUNDS) -> DecodeFigures:
    """Let them take turns on a capture of one suite. Raises DisagreementError."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        capture = directory / "messages.pcap"
        messages = write_capture(capture, directory / "esp_sa", suite, packets)
        decoders: dict[str, Callable[[Path, Path], tuple[float, int]]] = {
            OURS: ours,
            THEIRS: partial(tshark, fields=_THREE),
            WHOLE: partial(tshark, fields=_ALL),
        }
        cost: dict[str, list[float]] = {name: [] for name in decoders}
        for _ in range(rounds):
            for decoder, run in decoders.items():
                spent, found = run(capture, directory)
                if found != messages:
                    raise DisagreementError(f"{decoder}: {found} of {messages} messages")
                cost[decoder].append(microseconds(spent, packets))
    return DecodeFigures(cost)


# -- the capture


def write_capture(capture: Path, esp_sa: Path, suite: str, packets: int) -> int:
    """Write a capture of so many packets, and its SAs for tshark; give the messages in it."""
    decoder = Decoder()
    with capture.open("wb") as out:
        out.write(pcap([]))
        registration, messages, last = 0, 0, 0
        with ExitStack() as stack:
            captures = [stack.enter_context(open_capture(str(path))) for path in _DEMO]
            for frame in merged(captures, decoder.add_secrets):
                messages += len(decoder.feed(frame))
                _write(out, (frame.time, frame.data, len(frame.data)))
                registration, last = frame.number, frame.time
        added = packets - registration
        for number, packet in zip(range(added), _protected(decoder, suite), strict=False):
            _write(out, (last + (number + 1) * _MILLISECOND, packet, len(packet)))
    _write_sas(esp_sa, decoder)
    return messages + len(decoder.finish()) + added


def _write(out: BinaryIO, frame: Stored) -> None:
    out.write(pcap([frame])[_FILE_HEADER:])


def _write_sas(path: Path, decoder: Decoder) -> None:
    with path.open("wb") as file:
        table = EspSa(file)
        for sa in decoder.sas:
            table.sa(sa, "")


def _protected(decoder: Decoder, suite: str) -> Iterator[bytes]:
    """Yield frames of a phone's MESSAGEs and their 200s, under the SAs it has registered last."""
    sas = [sa for sa in decoder.sas if sa.suite and sa.suite.name == suite and sa.packets]
    upwards, downwards = (_Sender(sa) for sa in sas[-2:])
    for number in count():
        yield upwards.send(message(number, "MESSAGE sip:001010000000002@home.example SIP/2.0"))
        yield downwards.send(message(number, "SIP/2.0 200 OK"))


class _Sender:
    """What seals datagrams under an SA, after the packets that it has carried."""

    def __init__(self, sa: Sa) -> None:
        assert sa.suite
        assert sa.keys
        assert sa.ports
        self._sa = sa
        self._ports = sa.ports
        self._codec = EspCodec(sa.suite, sa.keys)
        self._sequence = sa.last_sequence

    def send(self, data: bytes) -> bytes:
        self._sequence += 1
        sealed = self._codec.seal(self._sa.spi, self._sequence, udp(data, *self._ports), 17)
        return ethernet(ipv4(sealed, ESP, self._sa.src, self._sa.dst))


_HEAD: Final = """\
{start}\r
Via: SIP/2.0/UDP 192.0.2.10:28861;branch=z9hG4bK{number:016x}\r
Max-Forwards: 70\r
Route: <sip:192.0.2.1:6100;lr>\r
Route: <sip:orig@198.51.100.2:5060;lr>\r
From: <sip:001010000000001@home.example>;tag={number:016x}\r
To: <sip:001010000000002@home.example>\r
Call-ID: {number:016x}@192.0.2.10\r
CSeq: 1 MESSAGE\r
P-Preferred-Identity: <sip:001010000000001@home.example>\r
Require: sec-agree\r
Proxy-Require: sec-agree\r
Security-Verify: ipsec-3gpp;q=0.9;alg=hmac-sha-1-96;ealg=aes-cbc;prot=esp;mod=trans;\
spi-c=1464328907;spi-s=1258978343;port-c=6112;port-s=6100\r
Content-Type: text/plain\r
Content-Length: {length:3}\r
\r
"""


def message(number: int, start: str) -> bytes:
    """A message of SIZE octets, with a branch, tag and Call-ID that no other number has."""
    length = SIZE - len(_HEAD.format(start=start, number=number, length=0))
    return _HEAD.format(start=start, number=number, length=length).encode() + b"x" * length


# -- the decoders


def ours(capture: Path, directory: Path) -> tuple[float, int]:
    """Decode with ours; give seconds of CPU, and the messages found."""
    out = directory / "messages.jsonl"
    command = [sys.executable, "-m", "pcscf", "decode", "--format", "jsonl", "-o", str(out)]
    with (directory / "log").open("wb") as log:
        spent = _spent([*command, str(capture)], log)
    with out.open("rb") as lines:
        return spent, sum(line.startswith(b'{"type": "message"') for line in lines)


def tshark(capture: Path, directory: Path, fields: Iterable[str]) -> tuple[float, int]:
    """Decode with tshark, whose table of SAs is in the directory; as ``ours``."""
    out = directory / "messages.txt"
    command = ["tshark", "-n", "-r", str(capture), "-Y", "sip", "-T", "fields"]
    for field in fields:
        command += ["-e", field]
    for preference in _ESP_PREFERENCES:
        command += ["-o", f"{preference}:TRUE"]
    with out.open("wb") as file:
        spent = _spent(command, file, WIRESHARK_CONFIG_DIR=str(directory))
    with out.open("rb") as lines:
        return spent, sum(1 for _ in lines)


def _spent(command: list[str], out: BinaryIO, **environment: str) -> float:
    """Run a command to its end; give the seconds of CPU, user and system, that it took."""
    with subprocess.Popen(
        command, cwd=ROOT, stdout=out, stderr=subprocess.DEVNULL, env=os.environ | environment
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise DisagreementError(f"{command[0]}: exit status {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Print the figures of every suite."""
    for suite in SUITES:
        figures = measure(suite)
        sys.stdout.write(f"{suite}: {OURS} {figures.best(OURS):.1f} us a packet\n")
        for other in THEIRS, WHOLE:
            smallest, middle, largest = figures.spread(other)
            sys.stdout.write(
                f"  {other} {figures.best(other):.1f} us: {middle:.2f} times"
                f" ({smallest:.2f} to {largest:.2f})\n"
            )


if __name__ == "__main__":
    main()
