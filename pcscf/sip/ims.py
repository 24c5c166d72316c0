"""Header values of the IMS (RFC 7315, RFC 3325, RFC 3608)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from pcscf.errors import ParseError
from pcscf.sip import grammar
from pcscf.sip.address import NameAddr
from pcscf.sip.params import NO_PARAMS, Params

# gen-value = token / host / quoted-string: what needs no quotes
_UNQUOTED = re.compile(rf"{grammar.token}|{grammar.host}")
_OWN: Final = ("icid-value", "icid-generated-at", "orig-ioi", "term-ioi")


def parse_name_addrs(values: Iterable[str]) -> list[NameAddr]:
    """Read P-Associated-URI, Service-Route, Path, Record-Route, Route: addresses in order.

    Raises ParseError 400. These headers take name-addr alone: a "*" is refused.
    """
    found = NameAddr.parse_many(values)
    if any(address.uri == "*" for address in found):
        raise ParseError(400, "Bad Address")
    return found


def format_name_addrs(addresses: Iterable[NameAddr]) -> str:
    """Print addresses as one comma-separated value."""
    return ", ".join(map(str, addresses))


@dataclass(frozen=True, slots=True)
class PChargingVector:
    """P-Charging-Vector (RFC 7315 4.6); values without quotes, "" if absent.

    ``others`` are the parameters this class does not name, kept as sent.
    """

    icid_value: str
    generated_at: str = ""
    orig_ioi: str = ""
    term_ioi: str = ""
    others: Params = NO_PARAMS

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``icid-value *(SEMI charge-params)``; raises ParseError 400."""
        params = Params.parse(f";{text}")
        icid, generated_at, orig_ioi, term_ioi = (params.get(name) or "" for name in _OWN)
        if not icid:
            raise ParseError(400, "Bad P-Charging-Vector")
        others = (item for item in params.items if item[0].lower() not in _OWN)
        return cls(icid, generated_at, orig_ioi, term_ioi, Params(tuple(others)))

    def __str__(self) -> str:
        own = zip(
            _OWN, (self.icid_value, self.generated_at, self.orig_ioi, self.term_ioi), strict=True
        )
        printed = (f"{name}={_gen_value(value)}" for name, value in own if value)
        return ";".join(printed) + str(self.others)


def _gen_value(value: str) -> str:
    return value if _UNQUOTED.fullmatch(value) else grammar.quote(value)
