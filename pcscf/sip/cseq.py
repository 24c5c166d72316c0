"""The CSeq value (RFC 3261 20.16)."""

import re
from typing import NamedTuple, Self

from pcscf.errors import ParseError
from pcscf.sip import grammar
from pcscf.sip.remembered import remembered

# CSeq = "CSeq" HCOLON 1*DIGIT LWS Method
_CSEQ = re.compile(rf"([0-9]++){grammar.LWS}({grammar.token})")


class CSeq(NamedTuple):
    """A request's number and method; the method is case-sensitive."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a CSeq; raises ParseError 400, also for a number above 32 bits."""
        return cls(*_read(text))

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


@remembered
def _read(text: str) -> tuple[int, str]:
    match = _CSEQ.fullmatch(text)
    if match is None:
        raise ParseError(400, "Bad CSeq")
    return grammar.number(match[1], 2**32 - 1, "CSeq"), match[2]
