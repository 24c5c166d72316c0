"""Where the command gets the parts from that decode, capture live, and write captures."""

from collections.abc import Iterable

from pcscf.decode.capture import Capture
from pcscf.decode.decoder import Decoder, Keys
from pcscf.decode.model import Frame, Packet, Sa
from pcscf.decode.output import Sink
from pcscf.errors import PcscfError


class Writer:
    """A pcapng file that is written; ``secrets`` comes before frames."""

    def frame(self, frame: Frame) -> None:
        """Write a frame as it was captured."""
        raise NotImplementedError

    def packet(self, packet: Packet) -> None:
        """Write a packet as raw IP."""
        raise NotImplementedError

    def secrets(self, sas: Iterable[Sa]) -> None:
        """Write the keys of SAs as a decryption-secrets block."""
        raise NotImplementedError


def new_decoder(keys: Keys) -> Decoder:  # noqa: ARG001 - until there is one
    """Make a decoder. Raises KeyFileError for keys that cannot be used."""
    raise PcscfError("the engine is not built yet")


def open_live(interface: str) -> Capture:  # noqa: ARG001 - until there is one
    """Capture on an interface. Raises CaptureError, which says what right is missing."""
    raise PcscfError("live capture is not built yet")


def new_writer(sink: Sink) -> Writer:  # noqa: ARG001 - until there is one
    """Begin a pcapng file."""
    raise PcscfError("writing captures is not built yet")
