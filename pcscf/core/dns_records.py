"""Questions to the DNS and what is kept of its answers."""

from enum import StrEnum
from typing import NamedTuple


class RecordType(StrEnum):
    """The types that RFC 3263 asks for."""

    A = "A"
    AAAA = "AAAA"
    SRV = "SRV"
    NAPTR = "NAPTR"


class Question(NamedTuple):
    """``name`` in lower case, without its final dot."""

    name: str
    type: RecordType


class Srv(NamedTuple):
    """RFC 2782. ``host`` is empty for "." in the record: the service is not to be had here."""

    priority: int
    weight: int
    port: int
    host: str


class Naptr(NamedTuple):
    """RFC 3403 4.1, without the regular expression, which SIP does not use (RFC 3263 4.1).

    ``flags`` and ``service`` in lower case; ``replacement`` is empty for ".".
    """

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


Record = str | Srv | Naptr
"""One record; of A and AAAA the numeric address as the kernel prints it."""

Records = tuple[Record, ...]
"""One answer; empty if there is no such name or type."""
