"""Captures to the SIP in them: the offline side. Needs no privileges and no running P-CSCF.

    from pcscf.decode import Decoder, open_capture

    decoder = Decoder()
    with open_capture("gm.pcapng") as capture:
        for frame in capture:
            for message in decoder.feed(frame):
                print(message.time, message.src, message.dst, message.sa, message.start_line)
    for message in decoder.finish():
        ...

``input`` takes captures apart, ``keys`` finds and opens the SAs, ``engine`` joins them;
``output`` and ``command`` are ``pcscf decode``.
"""

from pcscf.decode.decoder import Keys
from pcscf.decode.engine import Engine as Decoder
from pcscf.decode.input.capture import Capture, open_capture
from pcscf.decode.input.merge import merged
from pcscf.decode.model import Endpoint, Fault, Frame, Packet, Sa, SipMessage
from pcscf.decode.output.summary import Summary

__all__ = [
    "Capture",
    "Decoder",
    "Endpoint",
    "Fault",
    "Frame",
    "Keys",
    "Packet",
    "Sa",
    "SipMessage",
    "Summary",
    "merged",
    "open_capture",
]
