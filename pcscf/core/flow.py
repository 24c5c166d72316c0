"""Where messages come from and go to."""

from enum import StrEnum
from typing import NamedTuple


class Side(StrEnum):
    """Which of the P-CSCF's sockets a flow ends at; the socket decides, never a header."""

    CLEAR = "clear"  # Gm, the unprotected port
    PROTECTED = "protected"  # Gm, ports ps and pc: the kernel lets nothing but ESP through
    CORE = "core"  # towards the S-CSCF


class Transport(StrEnum):
    """Transport as the Via header field spells it."""

    UDP = "UDP"
    TCP = "TCP"


class Endpoint(NamedTuple):
    """An address and a port; ``host`` is a numeric address as the kernel prints it, no brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        """Print as SIP does: brackets around IPv6."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Flow(NamedTuple):
    """A transport, a side and two endpoints.

    A TCP connection is named by its four-tuple, so a Flow names it too. In a
    flow to send on, local port 0 means any port of that side's own choice
    (a TCP connection to the core).
    """

    transport: Transport
    side: Side
    local: Endpoint
    remote: Endpoint

    @property
    def connection_key(self) -> "Flow":
        """Name a connection: on Gm by all of its flow, to the core by the remote end.

        On Gm the local port tells the SAs apart. To the core our port is one of the
        kernel's choice, and any connection to that server will do.
        """
        if self.side is Side.CORE:
            return self._replace(local=Endpoint(self.local.host, 0))
        return self
