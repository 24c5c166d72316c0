"""The XFRM netlink socket: requests out in batches, every answer read.

The socket is pyroute2's; its message classes know no XFRM and take some hundred
microseconds to encode a message, so what goes over it is packed by ``xfrm.wire``.
"""

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from pyroute2.netlink.nlsocket import AsyncNetlinkSocket

from xfrm import wire
from xfrm.errors import KernelRefusal
from xfrm.layout import NETLINK_CAP_ACK, NETLINK_XFRM, SOL_NETLINK, Msg
from xfrm.wire import Answer, Message

RECEIVE_BUFFER: Final = 1 << 20  # octets; what a default kernel does not grant is cut by it
_BATCH: Final = 64  # requests in one send: their answers must fit the receive buffer
_ANSWER_SIZE: Final = 4096
_DUMP_SIZE: Final = 32768  # the kernel fills no more into one receive of a dump
_PATIENCE: Final = 2  # seconds; answers are there when send returns, unless something is broken
_LAST_SEQUENCE: Final = 2**31
_NO_ANSWER: Final = Answer(errno.ENODATA, "no answer")

T = TypeVar("T")


def open_socket(receive_buffer: int = RECEIVE_BUFFER) -> socket.socket:
    """Open a socket of the XFRM family; KernelRefusal if the kernel has none."""
    maker = AsyncNetlinkSocket(family=NETLINK_XFRM, ext_ack=True, rcvbuf=receive_buffer)
    try:
        made: socket.socket = maker.setup_socket()
        # Without it an error would carry the request back, keys and all.
        made.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
    except OSError as error:
        raise refusal("open an XFRM netlink socket", _answer(error), "modprobe xfrm_user") from None
    return made


class XfrmSocket:
    """A socket for requests. ``ask`` and ``dump`` return when the kernel has answered."""

    def __init__(self) -> None:
        self._socket = open_socket()
        # The kernel's own time limit: Python's would cost a poll before every receive.
        limit = struct.pack("@ll", _PATIENCE, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        self._sequence = 1

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def ask(self, encode: Callable[[T, int], bytes], items: Sequence[T]) -> list[Answer]:
        """Send one request per item, in as few sends as may be, and return the answers in order.

        The kernel goes through all of them, whatever it answers to the first ones.
        """
        answers: list[Answer] = []
        for start in range(0, len(items), _BATCH):
            answers += self._ask(encode, items[start : start + _BATCH])
        return answers

    def _ask(self, encode: Callable[[T, int], bytes], items: Sequence[T]) -> list[Answer]:
        first = self._take(len(items))
        answers = [_NO_ANSWER] * len(items)
        missing = len(items)
        try:
            self._socket.send(b"".join([encode(item, first + i) for i, item in enumerate(items)]))
            while missing:
                for message in wire.messages(self._socket.recv(_ANSWER_SIZE)):
                    index = message.sequence - first
                    # Anything else is the late answer to a request that was given up.
                    if message.type == Msg.ERROR and 0 <= index < len(items):
                        answers[index] = wire.read_answer(message)
                        missing -= 1
        except OSError as error:
            raise refusal("XFRM netlink", _answer(error)) from None
        return answers

    def get(self, request: Callable[[int], bytes]) -> Message | Answer:
        """Ask for one object: the message that describes it, or why there is none."""
        for message in self._answers(request, _ANSWER_SIZE):
            return wire.read_answer(message) if message.type == Msg.ERROR else message
        return _NO_ANSWER

    def dump(self, request: Callable[[int], bytes]) -> Iterator[Message]:
        """Ask for a table and yield its entries; KernelRefusal if there is none to be had."""
        for message in self._answers(request, _DUMP_SIZE):
            if message.type == Msg.ERROR:
                raise refusal("dump the XFRM tables", wire.read_answer(message))
            if message.type == Msg.DONE:
                return
            yield message

    def _answers(self, request: Callable[[int], bytes], size: int) -> Iterator[Message]:
        sequence = self._take(1)
        try:
            self._socket.send(request(sequence))
            while True:
                for message in wire.messages(self._socket.recv(size)):
                    if message.sequence == sequence:
                        yield message
        except OSError as error:
            raise refusal("XFRM netlink", _answer(error)) from None

    def _take(self, count: int) -> int:
        first = self._sequence if self._sequence + count < _LAST_SEQUENCE else 1
        self._sequence = first + count
        return first


def _answer(error: OSError) -> Answer:
    return Answer(error.errno or errno.EIO, "")


def refusal(request: str, answer: Answer, hint: str = "") -> KernelRefusal:
    """Make the error of a request that was not granted."""
    name = errno.errorcode.get(answer.code, str(answer.code))
    if answer.code == errno.EPERM:
        hint = "needs CAP_NET_ADMIN"
    return KernelRefusal(
        request, answer.code, f"{name}: {answer.text or os.strerror(answer.code)}", hint
    )
