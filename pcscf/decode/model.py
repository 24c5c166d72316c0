"""What the decoder's parts hand on to each other, from captured octets to SIP messages.

Times are nanoseconds since 1970, as integers; addresses are numeric texts as the kernel prints
them.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Final, NamedTuple

from pcscf.errors import ParseError
from pcscf.sip.message import Request, Response, parse
from xfrm.algorithms import EspKeys, Suite

NO_IP: Final = "frames without IP"  # counted, and no loss: ARP is in every capture


class Frame(NamedTuple):
    """One frame of a capture. ``missing`` octets were cut off by the snap length."""

    number: int  # the first is 1, as Wireshark counts
    time: int
    link: int  # LINKTYPE_... of the tcpdump group's registry
    data: bytes
    missing: int = 0


class Packet(NamedTuple):
    """One IP packet, whole: fragments are put together, no extension header but in ``header``.

    ``protocol`` is what ``payload`` begins with. ``header`` is kept for who writes packets.
    """

    number: int  # of the frame that completed it
    time: int
    src: str
    dst: str
    protocol: int
    header: bytes
    payload: bytes
    missing: int = 0  # octets that the capture cut off the payload


class Endpoint(NamedTuple):
    """An address and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        """Print as SIP does: brackets around IPv6."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Fault(StrEnum):
    """Why an ESP packet could not be read, or not be trusted."""

    UNKNOWN_SPI = "unknown SPI"
    BAD_ICV = "bad ICV"  # damaged on its way, or forged: other packets of this SA were good
    WRONG_KEY = "wrong key"  # none of the SA's packets was good
    MALFORMED = "malformed"
    CUT = "cut by the snap length"
    SELECTOR = "selector"  # good, but its ports or addresses are not those that were agreed
    REPLAYED = "replayed"
    LATE = "late"  # read, but a receiver has dropped it: behind its window (RFC 4303 3.4.3)


class Candidate(NamedTuple):
    """An algorithm and keys that an SA may have: a packet that opens under them proves it.

    Not ``checked``: the key of the ICV is not known, only that of the cipher.
    """

    suite: Suite
    keys: EspKeys
    origin: str
    checked: bool = True

    def __repr__(self) -> str:
        return f"Candidate({self.suite.name}, {self.origin!r})"


@dataclass(slots=True, eq=False)
class Sa:
    """One security association: where its keys are from, and what came of its packets.

    ``suite`` and ``keys`` are None as long as nothing is known but the SPI. ``ports`` are those
    of source and destination that were agreed, if that was seen. ``since`` and ``until`` bound
    the time in which the SPI means this SA. ``candidates`` are what it may be instead of
    ``suite`` and ``keys``, as long as no packet has opened.
    """

    spi: int
    src: str
    dst: str
    origin: str = ""  # "401 in frame 7", "--ck and --ik", "FILE", "NULL, ICV unchecked"
    suite: Suite | None = None
    keys: EspKeys | None = field(default=None, repr=False)
    ports: tuple[int, int] | None = None
    user: str = ""
    since: int | None = None
    until: int | None = None
    checked: bool = True  # False: the ICV cannot be checked
    icv_size: int | None = None  # octets, where NULL encryption was recognised without keys
    candidates: tuple[Candidate, ...] = ()
    tried: str = ""  # where the keys are from that were said to be its own, and are not
    # -- counted
    packets: int = 0
    octets: int = 0
    first_time: int = 0
    last_time: int = 0
    first_sequence: int = 0
    last_sequence: int = 0
    missing: int = 0
    bad_run: int = 0  # packets in a row that were not opened
    bad_after: int = 0  # the number of the good packet before that row
    faults: Counter[Fault] = field(default_factory=Counter)


@dataclass  # a frozen one takes ten times as long to make
class SipMessage:
    """A SIP message as it was seen, not to be changed. ``sa`` is None when it came in clear.

    One of a TCP stream has the number and time of the packet that completed it.
    """

    number: int
    time: int
    src: Endpoint
    dst: Endpoint
    transport: str  # UDP or TCP
    sa: Sa | None
    data: bytes

    @cached_property
    def parsed(self) -> Request | Response | None:
        """The message parsed; None for one that is not well-formed."""
        try:
            return parse(self.data)
        except ParseError:
            return None

    @property
    def start_line(self) -> str:
        """The first line, also of a message that cannot be parsed."""
        return self.data.partition(b"\n")[0].rstrip(b"\r").decode("utf-8", "replace")
