"""The key log: what is needed to read captured ESP, one line for each set of SAs.

It is for captures what the key log of TLS libraries is: a P-CSCF writes it if asked to, and the
decoder reads it. Every line stands for itself, words are parted by blanks, times are seconds
since 1970, keys are hexadecimal::

    GM_SAS 1764125462.123456789 192.0.2.10 192.0.2.1 hmac-sha-1-96/aes-cbc
        uc=40001:1234567801 us=40002:1234567802 pc=6101:3456789001 ps=6100:3456789002 CK IK
    ESP_SA - 192.0.2.10 192.0.2.1 hmac-sha-1-96/aes-cbc 3456789002 40001:6100 AUTH CRYPT

(each is one line). ``GM_SAS`` has the phone's address, the P-CSCF's, and port and SPI of each
of the four ends (TS 33.203 7.1); ``ESP_SA`` is one SA alone, with source, destination and ESP
keys. There ``-`` stands for a time, ports or a key that is not known. Lines that begin with
``#`` are comments.
"""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from xfrm.algorithms import EspKeys, Suite
from xfrm.model import AkaKeys, SaSet

SET: Final = "GM_SAS"
SINGLE: Final = "ESP_SA"
# Of a pcapng Decryption Secrets Block that holds these lines; the letters GMKL. No type is
# registered for ESP.
SECRETS_TYPE: Final = 0x474D4B4C

_NANO: Final = 10**9
_UNKNOWN: Final = "-"
_ENDS: Final = ("uc", "us", "pc", "ps")
_MAX_PORT: Final = 65535
_MAX_SPI: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class LoggedSa:
    """One SA of a key log. ``time`` is in nanoseconds, ``ports`` source and destination.

    The keys are in no text but the line.
    """

    time: int | None
    src: str
    dst: str
    suite: Suite
    spi: int
    ports: tuple[int, int] | None
    keys: EspKeys

    @property
    def checked(self) -> bool:
        """Whether the key of the ICV is known."""
        return bool(self.keys.auth) or self.suite.combined is not None


def set_line(time: int, sas: SaSet, aka: AkaKeys) -> str:
    """Print the line of a set whose SAs begin at ``time``, nanoseconds since 1970; with its end."""
    ports = (sas.port_uc, sas.port_us, sas.port_pc, sas.port_ps)
    spis = (sas.spi_uc, sas.spi_us, sas.spi_pc, sas.spi_ps)
    ends = [f"{e}={p}:{s}" for e, p, s in zip(_ENDS, ports, spis, strict=True)]
    words = [SET, _time_text(time), sas.ue, sas.pcscf, sas.suite.name, *ends]
    return " ".join([*words, aka.ck.hex(), aka.ik.hex()]) + "\n"


def sa_line(sa: LoggedSa) -> str:
    """Print the line of one SA, with its end."""
    ports = f"{sa.ports[0]}:{sa.ports[1]}" if sa.ports else _UNKNOWN
    keys = (key.hex() or _UNKNOWN for key in (sa.keys.auth, sa.keys.crypt))
    words = [SINGLE, _time_text(sa.time), sa.src, sa.dst, sa.suite.name, str(sa.spi), ports]
    return " ".join([*words, *keys]) + "\n"


def read_line(line: str) -> list[LoggedSa]:
    """Read one line: four SAs, one, or none of a comment.

    Raises ValueError, whose text does not quote the line, for one that is neither.
    """
    words = line.split()
    if not words or words[0].startswith("#"):
        return []
    if words[0] == SET and len(words) == 11:
        return _read_set(words)
    if words[0] == SINGLE and len(words) == 9:
        return [_read_single(words)]
    raise ValueError("no line of a key log")


def _read_set(words: list[str]) -> list[LoggedSa]:
    time, suite = _time(words[1]), _suite(words[4])
    ue, pcscf = (_address(word) for word in words[2:4])
    (uc, spi_uc), (us, spi_us), (pc, spi_pc), (ps, spi_ps) = map(_end, _ENDS, words[5:9])
    keys = suite.keys(AkaKeys(*(_hex(word) for word in words[9:])))
    return [
        LoggedSa(time, ue, pcscf, suite, spi_ps, (uc, ps), keys),
        LoggedSa(time, pcscf, ue, suite, spi_uc, (ps, uc), keys),
        LoggedSa(time, pcscf, ue, suite, spi_us, (pc, us), keys),
        LoggedSa(time, ue, pcscf, suite, spi_pc, (us, pc), keys),
    ]


def _read_single(words: list[str]) -> LoggedSa:
    ports = None if words[6] == _UNKNOWN else _ports(words[6])
    keys = EspKeys(*(b"" if word == _UNKNOWN else _hex(word) for word in words[7:]))
    return LoggedSa(
        _time(words[1]),
        _address(words[2]),
        _address(words[3]),
        _suite(words[4]),
        _number(words[5], _MAX_SPI, "SPI"),
        ports,
        keys,
    )


def _end(name: str, word: str) -> tuple[int, int]:
    """Read port and SPI of one end."""
    label, _, numbers = word.partition("=")
    port, _, spi = numbers.partition(":")
    if label != name:
        raise ValueError(f"{name}= expected")
    return _number(port, _MAX_PORT, "port"), _number(spi, _MAX_SPI, "SPI")


def _ports(word: str) -> tuple[int, int]:
    source, _, destination = word.partition(":")
    return _number(source, _MAX_PORT, "port"), _number(destination, _MAX_PORT, "port")


def _number(text: str, maximum: int, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 0 < int(text) <= maximum):
        raise ValueError(f"no {name}")
    return int(text)


def _time_text(time: int | None) -> str:
    return _UNKNOWN if time is None else f"{time // _NANO}.{time % _NANO:09}"


def _time(text: str) -> int | None:
    if text == _UNKNOWN:
        return None
    seconds, _, fraction = text.partition(".")
    digits = seconds + fraction.ljust(9, "0")
    is_number = digits.isascii() and digits.isdigit()
    if not is_number or not seconds or len(fraction) > 9 or len(digits) > 20:
        raise ValueError("no time")
    return int(digits)


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError("no address") from None


def _suite(text: str) -> Suite:
    alg, _, ealg = text.partition("/")
    try:
        return Suite(alg, ealg)
    except ValueError:
        raise ValueError("unknown algorithms") from None


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ValueError("a key is not hexadecimal") from None
