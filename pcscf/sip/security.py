"""Security-Client, Security-Server, Security-Verify (RFC 3329 2.2, TS 33.203 Annex H)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from pcscf.errors import ParseError
from pcscf.sip import grammar
from pcscf.sip.elements import split_elements
from pcscf.sip.params import Params

IPSEC_3GPP: Final = "ipsec-3gpp"

# security-client = name HCOLON sec-mechanism *(COMMA sec-mechanism)
# sec-mechanism = mechanism-name *(SEMI mech-parameter)
_NAME = re.compile(grammar.token)
# qvalue = ("0" ["." 0*3DIGIT]) / ("1" ["." 0*3("0")]) ; wider: more digits
_QVALUE = re.compile(r"0(?:\.[0-9]*)?|1(?:\.0*)?")

_MAX_SPI: Final = 2**32 - 1
_RESERVED_SPI: Final = 255  # RFC 4303 2.1: 0 is local use, 1 to 255 are IANA's
_SIP_PORTS: Final = (5060, 5061)  # TS 33.203 7.1: never a protected port
_NUMERIC: Final = frozenset({"spi-c", "spi-s", "port-c", "port-s"})


@dataclass(frozen=True, slots=True)
class SecMechanism:
    """One entry of a list. ``name`` is in lower case; parameters as sent.

    ``values`` are those of the parameters in lower case and without quotes, by lower-case
    name. Numbers are None if absent or unreadable; ``problem`` tells which entry can be used.
    """

    name: str
    params: Params
    values: Mapping[str, str] = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one sec-mechanism; raises ParseError 400."""
        match = _NAME.match(text)
        if match is None:
            raise ParseError(400, "Bad Security Mechanism")
        params = Params.parse(text[match.end() :])
        values = {
            name.lower(): grammar.unquote(value or "").lower()
            for name, value in reversed(params.items)  # of two, the first counts
        }
        return cls(match[0].lower(), params, values)

    @classmethod
    def parse_many(cls, values: Iterable[str]) -> list[Self]:
        """Read all entries of all header lines in order; raises ParseError 400.

        Unknown mechanisms and algorithms are kept: they are no error (RFC 3329 2.2).
        """
        return [cls.parse(element) for value in values for element in split_elements(value)]

    @property
    def alg(self) -> str | None:
        """Integrity algorithm; mandatory for ipsec-3gpp."""
        return self.values.get("alg")

    @property
    def ealg(self) -> str:
        """Encryption algorithm; "null" if absent."""
        return self.values.get("ealg") or "null"

    @property
    def prot(self) -> str:
        """IPsec protocol; "esp" if absent."""
        return self.values.get("prot") or "esp"

    @property
    def mod(self) -> str:
        """IPsec mode; "trans" if absent."""
        return self.values.get("mod") or "trans"

    @property
    def q(self) -> float | None:
        """Preference, 0 to 1."""
        text = self.values.get("q", "")
        return float(text) if _QVALUE.fullmatch(text) else None

    @property
    def spi_c(self) -> int | None:
        """SPI of the sender's inbound SA at its client port."""
        return self._number("spi-c", _MAX_SPI)

    @property
    def spi_s(self) -> int | None:
        """SPI of the sender's inbound SA at its server port."""
        return self._number("spi-s", _MAX_SPI)

    @property
    def port_c(self) -> int | None:
        """The sender's protected client port."""
        return self._number("port-c", 65535)

    @property
    def port_s(self) -> int | None:
        """The sender's protected server port."""
        return self._number("port-s", 65535)

    @property
    def problem(self) -> str | None:
        """Why no SA can be made of this entry, or None (TS 33.203 7.1, Annex H)."""
        if self.name != IPSEC_3GPP:
            return f"not {IPSEC_3GPP}"
        if not self.alg:
            return "alg missing"
        if self.prot != "esp":
            return "prot is not esp"
        if self.mod != "trans":
            return "mod is not trans"
        return self._number_problem()

    def _number_problem(self) -> str | None:
        spi_c, spi_s = self.spi_c, self.spi_s
        for name, spi in (("spi-c", spi_c), ("spi-s", spi_s)):
            if spi is None or spi <= _RESERVED_SPI:
                return f"{name} missing or not an SPI"
        for name, port in (("port-c", self.port_c), ("port-s", self.port_s)):
            if not port or port in _SIP_PORTS:
                return f"{name} missing or not a protected port"
        # an SA is named by address and SPI: two cannot share one
        return "spi-c and spi-s are equal" if spi_c == spi_s else None

    @property
    def key(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """What two equal entries have in common: blanks, case and parameter order do not count."""
        return self.name, tuple(sorted(self._comparable()))

    def _comparable(self) -> Iterable[tuple[str, str]]:
        for name, value in self.params.items:
            lower = name.lower()
            text = grammar.unquote(value or "").lower()
            if lower in _NUMERIC and text.isascii() and text.isdigit():
                text = text.lstrip("0") or "0"
            elif lower == "q" and _QVALUE.fullmatch(text):
                text = f"{float(text):g}"
            yield lower, text

    def _number(self, name: str, maximum: int) -> int | None:
        try:
            return grammar.number(self.values.get(name, ""), maximum, name)
        except ParseError:
            return None

    def __str__(self) -> str:
        return f"{self.name}{self.params}"


def format_ipsec_3gpp(  # noqa: PLR0917 - in the order of the wire
    q: float | None,
    alg: str,
    ealg: str,
    spi_c: int,
    spi_s: int,
    port_c: int,
    port_s: int,
) -> str:
    """Print one ipsec-3gpp entry; ``q`` (0 to 1, three decimals) is left out if None."""
    preference = "" if q is None else f"; q={format_q(q)}"
    return (
        f"{IPSEC_3GPP}{preference}; alg={alg}; ealg={ealg}; prot=esp; mod=trans"
        f"; spi-c={spi_c}; spi-s={spi_s}; port-c={port_c}; port-s={port_s}"
    )


def format_q(q: float) -> str:
    """Print a qvalue with up to three decimals."""
    return f"{q:.3f}".rstrip("0").rstrip(".")
