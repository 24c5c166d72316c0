"""How large a message may be. Hostile input costs no more than one pass over these sizes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in octets unless said otherwise."""

    max_message: int = 65535  # no UDP datagram carries more, so no stream needs to
    max_body: int = 57344  # SDP, XML or a short message; the rest of max_message is for the head
    max_head: int = 32768  # what a stream may send before the empty line has to come
    max_headers: int = 256  # lines; the longest legal IMS message has some 60
    max_line: int = 8192  # one header line with its folding; tokens and Identity stay below 2 KB


DEFAULT = Limits()
