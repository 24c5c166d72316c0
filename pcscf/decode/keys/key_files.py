"""``--keys FILE``: what kind of file it is, is seen from its beginning.

These are: the output of ``ip xfrm state``; Wireshark's ``esp_sa``; the key log of
``xfrm.keylog``; and a pcapng file with a Decryption Secrets Block that holds such a key log.
"""

from collections.abc import Callable, Iterable
from io import BufferedReader
from pathlib import Path
from typing import Final

from pcscf.decode.keys.file_keys import FileKeys
from pcscf.decode.keys.secrets_blocks import is_pcapng, secrets_blocks
from pcscf.decode.keys.wireshark_keys import is_esp_sa, read_esp_sa
from pcscf.decode.keys.xfrm_state import is_xfrm_state, read_xfrm_state
from pcscf.decode.model import Candidate, Sa
from pcscf.errors import KeyFileError
from xfrm.keylog import SECRETS_TYPE, SET, SINGLE, LoggedSa, read_line, sa_line

_MAX_TEXT: Final = 64 << 20


def load_keys(path: str) -> FileKeys:
    """Read a file of keys. Raises KeyFileError, one line, if there are none in it.

    Parts of it that cannot be used are told in ``notes``.
    """
    try:
        with Path(path).open("rb") as file:
            found = _of_pcapng(file, path) if is_pcapng(file.peek(4)) else _of_text(file, path)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from None
    if not found.sas and not found.wildcards:
        reason = found.notes[0].removeprefix(f"{path}: ") if found.notes else "no keys in it"
        raise KeyFileError(f"{path}: {reason}")
    return found


def read_secrets(secrets_type: int, data: bytes, origin: str) -> FileKeys:
    """Read the keys of a pcapng Decryption Secrets Block; those of other types hold none."""
    if secrets_type != SECRETS_TYPE:
        return FileKeys()
    return _read_key_log(data.decode("utf-8", "replace"), origin)


def secrets_text(sas: Iterable[Sa]) -> bytes:
    """Make the key log of all SAs with keys, as it goes into a Decryption Secrets Block."""
    lines = [
        sa_line(LoggedSa(sa.since, sa.src, sa.dst, sa.suite, sa.spi, sa.ports, sa.keys))
        for sa in sas
        if sa.suite is not None and sa.keys is not None
    ]
    return "".join(lines).encode()


def _is_key_log(text: str) -> bool:
    return any(line.startswith((SET, SINGLE)) for line in text.splitlines())


def _of_pcapng(file: BufferedReader, path: str) -> FileKeys:
    found = FileKeys()
    for secrets_type, data in secrets_blocks(file):
        found.add(read_secrets(secrets_type, data, path))
    return found


def _of_text(file: BufferedReader, path: str) -> FileKeys:
    octets = file.read(_MAX_TEXT + 1)
    if len(octets) > _MAX_TEXT:
        raise KeyFileError(f"{path}: larger than {_MAX_TEXT >> 20} MiB")
    text = octets.decode("utf-8", "replace")
    for is_it, read in _READERS:
        if is_it(text):
            return read(text, path)
    raise KeyFileError(
        f"{path}: neither ip xfrm state, nor Wireshark's esp_sa, nor a key log, nor pcapng"
    )


def _read_key_log(text: str, origin: str) -> FileKeys:
    found = FileKeys()
    for number, line in enumerate(text.splitlines(), 1):
        name = f"{origin}: line {number}"
        try:
            logged = read_line(line)
        except ValueError as error:
            found.note(f"{name}: {error}")
            continue
        for one in logged:
            sa = Sa(one.spi, one.src, one.dst, ports=one.ports, since=one.time)
            found.add_sa(sa, Candidate(one.suite, one.keys, origin, one.checked), name)
    return found


_READERS: Final[tuple[tuple[Callable[[str], bool], Callable[[str, str], FileKeys]], ...]] = (
    (_is_key_log, _read_key_log),
    (is_xfrm_state, read_xfrm_state),
    (is_esp_sa, read_esp_sa),
)
