"""The other end of a trace: its lines back to messages, as the decoder has them."""

import json
from base64 import b64decode
from decimal import Decimal
from typing import Any, Final, NamedTuple

from pcscf.decode.model import Endpoint, Sa, SipMessage
from pcscf.errors import PcscfError

_SECOND: Final = 1_000_000_000
_SAS: Final = 10_000  # remembered, so that an SA is one object; no more afterwards
_KEYS: Final = "the kernel has the keys"

_SaName = tuple[int, Endpoint, Endpoint]


class Lost(NamedTuple):
    """So many messages are missing here: whoever reads was too slow."""

    messages: int


class Reader:
    """Reads lines in their order; messages of one SA share it."""

    def __init__(self) -> None:
        self._number = 0
        self._sas: dict[_SaName, Sa] = {}

    def read(self, line: bytes) -> SipMessage | Lost | None:
        """Read one line; None for one that is blank or of another type.

        Raises PcscfError, one line, for what is no line of a trace.
        """
        if not line.strip():
            return None
        try:
            values: dict[str, Any] = json.loads(line, parse_float=Decimal)
            kind = values["type"]
            if kind == "lost":
                return Lost(int(values["count"]))
            return self._message(values) if kind == "message" else None
        except (ValueError, KeyError, TypeError, ArithmeticError) as error:
            raise PcscfError(f"not a line of a trace: {type(error).__name__}") from None

    def _message(self, values: dict[str, Any]) -> SipMessage:
        src, dst = _endpoint(str(values["src"])), _endpoint(str(values["dst"]))
        spi = values["spi"]
        self._number += 1
        return SipMessage(
            number=self._number,
            time=int(Decimal(values["time"]) * _SECOND),
            src=src,
            dst=dst,
            transport=str(values["transport"]),
            sa=None if spi is None else self._sa((int(spi), src, dst)),
            data=b64decode(values["raw"], validate=True),
        )

    def _sa(self, name: _SaName) -> Sa:
        sa = self._sas.get(name)
        if sa is None:
            spi, src, dst = name
            sa = Sa(spi, src.host, dst.host, origin=_KEYS, ports=(src.port, dst.port))
            if len(self._sas) < _SAS:
                self._sas[name] = sa
        return sa


def _endpoint(text: str) -> Endpoint:
    host, colon, port = text.rpartition(":")
    if not colon:
        raise ValueError("no port")
    return Endpoint(host.strip("[]"), int(port))
