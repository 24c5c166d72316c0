"""What the kernel tells unasked: SAs of ours whose hard lifetime ran out."""

import errno
from typing import Final

from xfrm import wire
from xfrm.errors import MonitorOverrunError
from xfrm.layout import Group, Msg
from xfrm.model import SaId
from xfrm.netlink import RECEIVE_BUFFER, open_socket

_DRAIN: Final = 256  # receives per read(), so that a mass expiry does not hold up the loop
_SIZE: Final = 4096


class ExpireMonitor:
    """A socket in the EXPIRE group, for an event loop.

    Wait until ``fileno()`` is readable, then ``read()``. The kernel sends one
    datagram for every SA that runs out; a receive buffer that is full loses them.
    """

    def __init__(self, reqid: int, receive_buffer: int = RECEIVE_BUFFER) -> None:
        self._reqid = reqid
        self._socket = open_socket(receive_buffer)
        self._socket.setblocking(False)
        # A socket without a port id of its own (0, as the kernel's) would be passed over.
        self._socket.bind((0, 1 << (Group.EXPIRE - 1)))

    def fileno(self) -> int:
        """Descriptor to wait on."""
        return self._socket.fileno()

    def read(self) -> list[SaId]:
        """Return SAs of this reqid that the kernel has dropped, as far as it has told.

        Raises MonitorOverrunError if it could not tell all: ask which SAs are there, and
        call ``read()`` again, as notifications from before and after may still wait.
        """
        expired: list[SaId] = []
        for _ in range(_DRAIN):
            try:
                data = self._socket.recv(_SIZE)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    raise MonitorOverrunError("notifications of expired SAs were lost") from None
                raise
            expired += self._ours(data)
        return expired

    def _ours(self, data: bytes) -> list[SaId]:
        told = [wire.read_expiration(m) for m in wire.messages(data) if m.type == Msg.EXPIRE]
        return [one.id for one in told if one.hard and one.reqid == self._reqid]

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
