"""Who may look on while the server acts. What they are told of is done, or decided already.

They are called on the way of a message, so they are quick, and do not raise.
"""

from collections.abc import Mapping
from typing import Protocol

from pcscf.core.flow import Flow
from xfrm.model import SaId, SaSet


class Tap(Protocol):
    """Looks at SIP as it comes out of ESP and before it goes in, on both sides."""

    def seen(self, flow: Flow, data: bytes, *, sent: bool) -> None:
        """Take a whole message that was received, or is about to be sent, on a flow.

        A challenge of the core has CK and IK in it: whoever passes a message on hides them.
        """


class Journal(Protocol):
    """Keeps what became of SA sets, and what the core reported."""

    def installed(self, sa_set: SaSet, lifetime: int) -> None:
        """The kernel holds all four SAs, for ``lifetime`` seconds at most."""

    def refused(self, sa_set: SaSet, reason: str) -> None:
        """The kernel refused a set, and holds none of the four."""

    def extended(self, sa_set: SaSet, lifetime: int) -> None:
        """The SAs live ``lifetime`` seconds from now."""

    def removed(self, sa_set: SaSet) -> None:
        """The SAs were removed."""

    def expired(self, sa: SaId) -> None:
        """The kernel dropped one SA, at the end of its lifetime."""

    def reported(self, level: str, event: str, fields: Mapping[str, str | int | float]) -> None:
        """The core told the operator something (``pcscf.core.effects.Report``)."""
