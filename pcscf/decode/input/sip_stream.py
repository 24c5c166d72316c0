"""SIP in what datagrams and streams carry, told from whatever else may be in them."""

from typing import Final

from pcscf.decode.input.pieces import Piece
from pcscf.errors import ParseError
from pcscf.sip.framing import StreamFramer

_VERSION: Final = b"SIP/2.0"
_RESPONSE: Final = b"SIP/2.0 "
_LONGEST_LINE: Final = 8192  # a start line's
_LONGEST_METHOD: Final = 32
_METHODS: Final = set(
    b"ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER SUBSCRIBE"
    b" UPDATE".split()
)
_BLANK: Final = b"\r\n\r\n"
_CAPITALS: Final = range(ord("A"), ord("Z") + 1)


def sip_in(datagram: bytes) -> bytes | None:
    """Give the SIP message that a datagram is, without empty lines before it; None if it is none.

    Only the start line is looked at. A keep-alive (RFC 5626 3.5.1) is no message.
    """
    if datagram.startswith((b"\r", b"\n")):
        datagram = datagram.lstrip(b"\r\n")
    return datagram if is_sip(datagram) else None


def is_sip(data: bytes) -> bool:
    """Tell whether octets begin with the start line of a SIP message."""
    if data.startswith(_RESPONSE) and data[8:11].isdigit():  # as half of all are
        return True
    if not data or data[0] not in _CAPITALS:
        return False
    end = data.find(b"\n", 0, _LONGEST_LINE)
    line = data[:_LONGEST_LINE] if end < 0 else data[:end].rstrip(b"\r")
    if line.startswith(_VERSION):
        return line[7:8] == b" " and line[8:11].isdigit()
    words = line.split(b" ", 3)
    if len(words) != 3 or words[2] != _VERSION:
        return False
    # Methods may have more than letters (RFC 3261 25.1), but none has.
    return len(words[0]) <= _LONGEST_METHOD and words[0].isalpha()


def find_sip(data: bytes) -> int:
    """Give the place of the first line that is a start line, ended by a line feed; -1 if none is.

    Every occurrence of the version is looked at, with no more than the line around it. At the
    very start, which may be that of a line or not, only a known method is one.
    """
    found = data.find(_VERSION)
    while found >= 0:
        end = data.find(b"\n", found, found + _LONGEST_LINE)
        if end < 0 and len(data) - found < _LONGEST_LINE:
            return -1
        start = data.rfind(b"\n", max(0, found - _LONGEST_LINE), found) + 1
        if found in {start, end - 7, end - 8} and is_sip(data[start : end + 1]):
            may_be_cut = start == 0 and found > 0
            if not may_be_cut or data[: data.find(b" ")] in _METHODS:
                return start
        found = data.find(_VERSION, found + len(_VERSION))
    return -1


class SipStream:
    """Pieces of one direction of a TCP connection in, whole SIP messages out.

    A stream is searched for a start line first, and again after a gap or a message that cannot
    be followed. So one that was captured from its middle on is read, and one that has no SIP in
    it costs a search.
    """

    def __init__(self) -> None:
        self.broken = 0  # messages of which a part was lost, or whose end cannot be told
        self._end = 0  # of the piece before
        self._line = b""  # the last one, incomplete, while a start line is searched for
        self._framer: StreamFramer | None = None

    @property
    def held(self) -> int:
        """Octets kept of a message or a line that is not whole yet."""
        return len(self._line) + (self._framer.pending if self._framer else 0)

    def add(self, piece: Piece) -> list[bytes]:
        """Take a piece; give the messages that it completes.

        One whose Content-Length is missing or unreadable is given up to the end of its head.
        """
        if piece.start != self._end:
            self._lose()
        self._end = piece.start + len(piece.data)
        messages: list[bytes] = []
        data = piece.data
        while data:
            framer = self._framer
            if framer is None:
                data = self._search(data)
                self._framer = framer = StreamFramer() if data else None
            if framer is not None:
                data = self._frame(framer, data, messages)
        return messages

    def _lose(self) -> None:
        """Begin anew behind a gap."""
        if self._framer is not None and self._framer.pending:
            self.broken += 1
        self._framer = None
        self._line = b""

    def _search(self, data: bytes) -> bytes:
        """Give what begins with a start line; b"" if none is there yet."""
        data = self._line + data
        place = find_sip(data)
        if place >= 0:
            self._line = b""
            return data[place:]
        line = data[data.rfind(b"\n") + 1 :]
        self._line = line if len(line) < _LONGEST_LINE else b""
        return b""

    def _frame(self, framer: StreamFramer, data: bytes, messages: list[bytes]) -> bytes:
        """Add the messages that data completes; give what is behind one that cannot be followed."""
        fresh = data
        while True:
            try:
                items = framer.feed(fresh)
            except ParseError as error:
                self._framer = None
                self.broken += 1
                if error.status == 400 and is_sip(error.head):
                    messages.append(error.head + _BLANK)
                return _behind(error.head, data)
            messages += [item for item in items if isinstance(item, bytes) and is_sip(item)]
            if not items or not framer.pending:
                return b""
            fresh = b""


def _behind(head: bytes, data: bytes) -> bytes:
    """Give what comes after a head that ends in ``data``, and may have begun before it."""
    place = data.find(head)
    return data[place + len(head) :] if place >= 0 else data
