"""A message as the lines it came in: what nobody touches leaves octet by octet."""

import re

from tests.peers.text import FOLD, folded, split

LINE_END = re.compile(r"\r\n(?![ \t])")  # RFC 3261 section 7.3.1: a folded line goes on


class Lines:
    """Start line, header lines without their last CRLF, body."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        self.start, *self.lines = LINE_END.split(head.decode("utf-8", "surrogateescape"))

    def to_bytes(self) -> bytes:
        """The message on the wire."""
        text = "\r\n".join([self.start, *self.lines, "", ""])
        return text.encode("utf-8", "surrogateescape") + self.body

    def find(self, name: str) -> int | None:
        """Where the first line of this full, lower-case name stands."""
        for index, line in enumerate(self.lines):
            if folded(line.partition(":")[0]) == name:
                return index
        return None

    def push(self, name: str, value: str) -> None:
        """Put a line above the first of its name, or above all."""
        self.lines.insert(self.find(name.lower()) or 0, f"{name}: {value}")

    def put(self, name: str, value: str) -> None:
        """Write the line of a name anew, or put it at the end."""
        index = self.find(name.lower())
        if index is None:
            self.lines.append(f"{name}: {value}")
        else:
            self.lines[index] = f"{name}: {value}"

    def pop(self, name: str) -> None:
        """Take the first element of a name away (Via, Route)."""
        index = self.find(name)
        if index is None:
            return
        written, _, value = self.lines[index].partition(":")
        rest = split(FOLD.sub(" ", value))[1:]
        self.lines[index : index + 1] = [f"{written}: {', '.join(rest)}"] if rest else []


def without_top_via(answer: bytes) -> bytes:
    """An answer as a proxy passes it on (RFC 3261 section 16.7 step 3)."""
    lines = Lines(answer)
    lines.pop("via")
    return lines.to_bytes()
