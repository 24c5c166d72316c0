"""Parameters of a header value or a URI: ``;name=value`` in order."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from pcscf.errors import ParseError
from pcscf.sip import grammar

_PARAM = re.compile(grammar.generic_param)
_PARAMS = re.compile(rf"(?:{grammar.generic_param})*{grammar.SWS}")
# Most parameters: no blanks and no quotes.
_PLAIN = re.compile(rf"(?:;[{grammar.token_chars}]++(?:=[^ \t\r\n;,\"<>]*+)?)*")
_URI_PARAMS = re.compile(rf"(?:;{grammar.uri_parameter})*")


@dataclass(frozen=True, slots=True)
class Params:
    """Ordered parameters; names compare without case (RFC 3261 7.3.1).

    ``items`` are (name, value) as sent, values with their quotes; a parameter without
    "=" has the value None. Of parameters given twice, the first counts.
    """

    items: tuple[tuple[str, str | None], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``*(SEMI generic-param)``; raises ParseError 400 on anything else."""
        if not text:
            return cls()
        if _PLAIN.fullmatch(text):
            return cls(_cut(text))
        if not _PARAMS.fullmatch(text):
            raise ParseError(400, "Bad Header Parameter")
        return cls(tuple([(match[1], match[2]) for match in _PARAM.finditer(text)]))

    @classmethod
    def parse_uri(cls, text: str) -> Self:
        """Read ``*(";" uri-parameter)``, which allows no blanks and no quotes."""
        if not text:
            return cls()
        if not _URI_PARAMS.fullmatch(text):
            raise ParseError(400, "Bad URI Parameter")
        return cls(_cut(text))

    def get(self, name: str) -> str | None:
        """Give a parameter's value without its quotes; "" if it has none, None if absent."""
        lower = name.lower()
        for own, value in self.items:
            if own == lower or own.lower() == lower:
                return grammar.unquote(value) if value else ""
        return None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self.items)

    def __len__(self) -> int:
        return len(self.items)

    def with_(self, name: str, value: str | None = None) -> Self:
        """Give a copy with the parameter set, in its place or at the end.

        ``value`` is printed as it is; quote it first where it needs quotes.
        """
        if name not in self:
            return type(self)((*self.items, (name, value)))
        items = []
        for own, old in self.items:
            if own.lower() != name.lower():
                items.append((own, old))
            elif all(kept.lower() != name.lower() for kept, _ in items):
                items.append((own, value))
        return type(self)(tuple(items))

    def without(self, name: str) -> Self:
        """Give a copy without the parameter."""
        kept = (item for item in self.items if item[0].lower() != name.lower())
        return type(self)(tuple(kept))

    def __str__(self) -> str:
        return "".join(
            f";{name}" if value is None else f";{name}={value}" for name, value in self.items
        )


def _cut(text: str) -> tuple[tuple[str, str | None], ...]:
    """Cut parameters without quotes and blanks."""
    pairs = [part.partition("=") for part in text[1:].split(";")]
    return tuple([(name, value if equal else None) for name, equal, value in pairs])


NO_PARAMS = Params()
