"""A session description: its lines as they came, found once (RFC 8866).

An edit replaces or removes one line; ``to_bytes`` joins the lines again, so what was not
edited leaves byte for byte as it came, with the line end it had: CRLF, LF, or none at the
end of the body. A CR by itself ends no line.

Reading is tolerant, since a proxy passes on what it does not understand: a line of another
shape is a line all the same, and an m= line that lacks something has empty fields.
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from pcscf.errors import ParseError

_LINE = re.compile(r"[^\n]*+\n|[^\n]++")
_MAX_LINES = 2048  # a dozen streams with all their candidates stay below 1000


class Attribute(NamedTuple):
    """One ``a=name:value`` line; ``value`` is empty without a colon."""

    place: int  # the line, for ``Sdp.replace`` and ``Sdp.remove``
    name: str  # as sent
    value: str


@dataclass(frozen=True, slots=True)
class Media:
    """One media section: its m= line and its attributes in order.

    ``m=<media> <port> <proto> <fmt> ...`` (RFC 8866 5.14). What the line lacks is empty.
    """

    place: int
    text: str  # behind "m="
    media: str
    port: str  # with "/<number of ports>", if sent
    proto: str
    formats: tuple[str, ...]  # by preference (RFC 3264 5.1)
    attributes: list[Attribute] = field(default_factory=list)

    @classmethod
    def read(cls, place: int, text: str) -> Self:
        """Read what stands behind ``m=``."""
        fields = text.split(" ")
        media, port, proto = (*fields[:3], "", "")[:3]
        return cls(place, text, media, port, proto, tuple(filter(None, fields[3:])))

    def line_without(self, formats: set[str]) -> str:
        """Give the m= line without these formats; the others keep order and blanks."""
        fields = self.text.split(" ")
        kept = [text for text in fields[3:] if text not in formats]
        return "m=" + " ".join(fields[:3] + kept)


class Sdp:
    """The lines of a session description, and where its sections are.

    ``session`` are the attributes above the first m= line. Places stay valid while lines
    are edited; ``session`` and ``media`` stay as they were read.
    """

    __slots__ = ("_lines", "media", "session")

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines  # each with its line end; removed ones are empty
        self.session: list[Attribute] = []
        self.media: list[Media] = []
        attributes = self.session
        for place, line in enumerate(lines):
            kind = line[:2]
            if kind == "a=":
                name, _, value = _bare(line)[2:].partition(":")
                attributes.append(Attribute(place, name, value))
            elif kind == "m=":
                section = Media.read(place, _bare(line)[2:])
                self.media.append(section)
                attributes = section.attributes

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a body; ParseError 400 if it is no SDP, or has more lines than one can mean.

        Nothing is dangerous about SDP that we cannot read: pass it on as it is.
        """
        if not body.startswith(b"v="):
            raise ParseError(400, "Bad SDP")
        lines = _LINE.findall(body.decode("utf-8", "surrogateescape"))
        if len(lines) > _MAX_LINES:
            raise ParseError(400, "Too Many SDP Lines")
        return cls(lines)

    def replace(self, place: int, text: str) -> None:
        """Give a line another text; its line end stays. ValueError for line ends in ``text``."""
        if "\r" in text or "\n" in text:
            raise ValueError("a line of SDP has no line ends inside")
        line = self._lines[place]
        self._lines[place] = text + line[len(_bare(line)) :]

    def remove(self, place: int) -> None:
        """Take a line out, with its line end."""
        self._lines[place] = ""

    def to_bytes(self) -> bytes:
        """Give the body as it goes on the wire."""
        return "".join(self._lines).encode("utf-8", "surrogateescape")


def _bare(line: str) -> str:
    return line.rstrip("\r\n")
