"""One Via value (RFC 3261 20.42)."""

import re
from typing import NamedTuple, Self

from pcscf.errors import ParseError
from pcscf.sip import grammar
from pcscf.sip.params import NO_PARAMS, Params
from pcscf.sip.remembered import remembered

# via-parm = sent-protocol LWS sent-by *(SEMI via-params)
# sent-protocol = protocol-name SLASH protocol-version SLASH transport
# sent-by = host [COLON port]
_VIA = re.compile(
    rf"({grammar.token}){grammar.SWS}/{grammar.SWS}({grammar.token}){grammar.SWS}/{grammar.SWS}"
    rf"({grammar.token}){grammar.LWS}"
    rf"({grammar.host})(?:{grammar.SWS}:{grammar.SWS}({grammar.port}))?{grammar.SWS}"
)


class Via(NamedTuple):
    """Where a message has been. ``host`` keeps the brackets of IPv6."""

    transport: str
    host: str
    port: int | None
    params: Params = NO_PARAMS
    protocol: str = "SIP/2.0"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one Via value; raises ParseError 400."""
        sent = text.partition(";")[0]
        protocol, transport, host, port = _read_sent(sent)
        return cls(transport, host, port, Params.parse(text[len(sent) :]), protocol)

    @property
    def branch(self) -> str | None:
        """The transaction's identifier; None in RFC 2543 messages."""
        return self.params.get("branch")

    @property
    def received(self) -> str | None:
        """The source address the next hop saw; some put an IPv6 address in brackets here."""
        return self.params.get("received")

    @property
    def rport(self) -> str | None:
        """RFC 3581: "" asks for the source port, digits tell it, None is neither."""
        return self.params.get("rport")

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"{self.protocol}/{self.transport} {self.host}{port}{self.params}"


@remembered
def _read_sent(text: str) -> tuple[str, str, str, int | None]:
    """Read what comes before the parameters: protocol, transport, host and port."""
    match = _VIA.fullmatch(text)
    if match is None:
        raise ParseError(400, "Bad Via")
    name, version, transport, host, port = match.groups()
    number = None if port is None else grammar.number(port, 65535, "Port")
    return f"{name}/{version}", transport, host, number
