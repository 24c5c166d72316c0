"""The kernel's side of an XFRM netlink socket, as far as our requests go.

It keeps two tables of requests and answers as the kernel does. What a real kernel makes of
them is tested in ``tests/netns``; this one refuses on order and needs no rights.
"""

import errno
from collections import deque
from socket import AF_INET, htonl, inet_pton

from xfrm import wire
from xfrm.layout import (
    LIFETIME_CUR,
    NLATTR,
    NLMSGERR,
    NLMSGHDR,
    USERPOLICY_INFO,
    USERSA_ID,
    USERSA_INFO,
    Flag,
    Msg,
)
from xfrm.model import SaId

NAME = slice(USERSA_INFO.offset["id"], USERSA_INFO.offset["id"] + 20)  # destination and SPI
CURRENT = slice(USERSA_INFO.offset["curlft"], USERSA_INFO.offset["curlft"] + LIFETIME_CUR.size)
SELECTOR = slice(0, 56)


class FakeNetlink:
    """A socket. ``sends`` are the requests of each send, ``refuse`` says what to refuse.

    ``refuse`` maps the number of an SA request (NEWSA, UPDSA; from 0 on) to an errno.
    ``added`` is the creation time that new SAs get; so many answers get lost as ``lose`` says.
    """

    def __init__(self) -> None:
        self.sends: list[list[wire.Message]] = []
        self.states: dict[bytes, bytes] = {}
        self.policies: dict[tuple[bytes, int], bytes] = {}
        self.refuse: dict[int, tuple[int, str]] = {}
        self.added = 0
        self.lose = 0
        self.options: list[tuple[int, int]] = []
        self.is_closed = False
        self._sa_requests = 0
        self._answers: deque[bytes] = deque()

    def setsockopt(self, level: int, option: int, value: object) -> None:
        self.options.append((level, option))

    def close(self) -> None:
        self.is_closed = True

    def send(self, data: bytes) -> int:
        requests = list(wire.messages(data))
        self.sends.append(requests)
        for request in requests:
            self._handle(request)
        return len(data)

    def recv(self, size: int) -> bytes:
        if not self._answers:
            raise BlockingIOError(errno.EAGAIN, "nothing within the time limit")
        return self._answers.popleft()

    def count(self, sa: SaId, *, octets: int, packets: int, used: int) -> None:
        """Let an SA have been used."""
        name = USERSA_ID.pack(inet_pton(AF_INET, sa.destination), htonl(sa.spi), 0, 0)[:20]
        state = self.states[name]
        current = LIFETIME_CUR.pack(octets, packets, self.added, used)
        self.states[name] = state[: CURRENT.start] + current + state[CURRENT.stop :]

    def late_answer(self, sequence: int, code: int) -> None:
        """Put the answer to a request that was given up long ago into the queue."""
        self._error(sequence, code)

    def _handle(self, request: wire.Message) -> None:
        body = bytes(request.body)
        match Msg(request.type):
            case Msg.NEWSA | Msg.UPDSA as kind:
                self._error(request.sequence, *self._put_state(kind, body))
            case Msg.DELSA:
                self._error(request.sequence, errno.ESRCH * (not self.states.pop(body[:20], b"")))
            case Msg.NEWPOLICY | Msg.UPDPOLICY as kind:
                self._error(request.sequence, self._put_policy(kind, body))
            case Msg.DELPOLICY:
                gone = self.policies.pop((body[SELECTOR], body[60]), b"")
                self._error(request.sequence, errno.ENOENT * (not gone))
            case Msg.GETSA if request.flags & Flag.DUMP:
                self._dump(request.sequence, Msg.NEWSA, list(self.states.values()))
            case Msg.GETPOLICY if request.flags & Flag.DUMP:
                self._dump(request.sequence, Msg.NEWPOLICY, list(self.policies.values()))
            case Msg.GETSA:
                self._get(request.sequence, body[: USERSA_ID.offset["family"]])

    def _put_state(self, kind: Msg, body: bytes) -> tuple[int, str]:
        number, self._sa_requests = self._sa_requests, self._sa_requests + 1
        if number in self.refuse:
            return self.refuse[number]
        name = body[NAME]
        if kind is Msg.NEWSA and name in self.states:
            return errno.EEXIST, ""
        if kind is Msg.UPDSA and name not in self.states:
            return errno.ESRCH, ""
        current = LIFETIME_CUR.pack(0, 0, self.added, 0)
        self.states[name] = body[: CURRENT.start] + current + body[CURRENT.stop :]
        return 0, ""

    def _put_policy(self, kind: Msg, body: bytes) -> int:
        key = body[SELECTOR], body[USERPOLICY_INFO.offset["dir"]]
        if kind is Msg.NEWPOLICY and key in self.policies:
            return errno.EEXIST
        self.policies[key] = body
        return 0

    def _get(self, sequence: int, name: bytes) -> None:
        if name in self.states:
            self._answer(Msg.NEWSA, 0, sequence, self.states[name])
        else:
            self._error(sequence, errno.ESRCH)

    def _dump(self, sequence: int, kind: Msg, entries: list[bytes]) -> None:
        for entry in entries:
            self._answer(kind, 2, sequence, entry)
        self._answer(Msg.DONE, 2, sequence, bytes(4))

    def _error(self, sequence: int, code: int, words: str = "") -> None:
        body = NLMSGERR.pack(-code, bytes(NLMSGHDR.size))
        flags = 0
        if words:
            text = words.encode() + b"\0"
            body += NLATTR.pack(NLATTR.size + len(text), 1) + text + bytes(-len(text) % 4)
            flags = 0x100 | Flag.ACK_TLVS
        self._answer(Msg.ERROR, flags, sequence, body)

    def _answer(self, kind: int, flags: int, sequence: int, body: bytes) -> None:
        if self.lose:
            self.lose -= 1
            return
        self._answers.append(
            NLMSGHDR.pack(NLMSGHDR.size + len(body), kind, flags, sequence, 0) + body
        )
