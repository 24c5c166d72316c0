"""What every form of output can do, in the order in which it is asked to.

Whoever writes text or octets gets a ``Sink``: a binary file, so that lines end as they are
written and no encoding of the terminal is in the way.
"""

from typing import Protocol

from pcscf.decode.model import Sa, SipMessage
from pcscf.decode.output.summary import Summary


class Sink(Protocol):
    """Where octets go: a file, a pipe, a terminal. Raises OSError when they cannot."""

    def write(self, data: bytes, /) -> object:
        """Take octets."""

    def flush(self) -> object:
        """Pass on what was taken."""


class Output(Protocol):
    """One form of output. ``begin``, then messages, then each SA, then ``end``; once each.

    Messages come in the order of the capture. SAs come when all is counted.
    """

    def begin(self) -> None:
        """Write what stands in front."""

    def message(self, message: SipMessage) -> None:
        """Write one message."""

    def hidden(self, message: SipMessage) -> None:
        """Look at a message that the user did not ask for: it may tell what hosts are called."""

    def sa(self, sa: Sa, reason: str) -> None:
        """Write what came of an SA. ``reason`` is a phrase, empty if all went well."""

    def end(self, summary: Summary) -> None:
        """Write what stands at the end."""
