"""The output for who wants packets, which come to a writer without a way through here."""

from pcscf.decode.model import Sa, SipMessage
from pcscf.decode.output.summary import Summary


class Packets:
    """Takes part in a run, and writes nothing."""

    def begin(self) -> None:
        """Nothing."""

    def message(self, message: SipMessage) -> None:
        """Nothing: the packets that carried it are written."""

    def hidden(self, message: SipMessage) -> None:
        """Nothing."""

    def sa(self, sa: Sa, reason: str) -> None:
        """Nothing."""

    def end(self, summary: Summary) -> None:
        """Nothing."""
