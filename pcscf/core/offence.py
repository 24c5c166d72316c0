"""What a source does that honest phones hardly ever do, and what it weighs."""

from enum import StrEnum


class Offence(StrEnum):
    """A failed pattern; the value is what the operator reads."""

    UNREADABLE = "unreadable"  # no SIP message
    REFUSED = "refused"  # the core refused a REGISTER for good: 403 or another 4xx
    FOREIGN_IDENTITY = "foreign_identity"  # another user's identity under an SA
    MISMATCH = "mismatch"  # Security-Verify is not what we offered (RFC 3329 2.3.1)
    UNREGISTERED = "unregistered"  # a request of nobody who is registered
    PROBE = "probe"  # OPTIONS or INVITE to users that nobody has: a sweep
    SCANNER = "scanner"  # its User-Agent names a scanner


# A phone that lost its registration, or whose subscription has ended, errs every few
# seconds for a while. An attack on a user, or a sweep, errs without pause.
WEIGHT: dict[Offence, float] = {
    Offence.UNREADABLE: 2,
    Offence.REFUSED: 5,
    Offence.FOREIGN_IDENTITY: 20,
    Offence.MISMATCH: 20,
    Offence.UNREGISTERED: 2,
    Offence.PROBE: 10,
    Offence.SCANNER: 50,
}
