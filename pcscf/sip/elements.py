"""Comma-separated header values (RFC 3261 7.3.1): where one element ends.

Commas inside quoted-strings and inside <> do not separate. Empty elements are skipped.
"""

import re

# An unclosed quote or bracket reaches to the end of the value: the element is then
# refused by its own parser, and a value of quotes costs no more than one pass.
_ELEMENT = re.compile(r'(?:[^",<]++|"(?:[^"\\]++|\\.)*"?|<[^>]*+>?)+', re.DOTALL)


def split_elements(value: str) -> list[str]:
    """Cut a value at its commas; elements come stripped of blanks."""
    if "," not in value:
        value = value.strip(" \t")
        return [value] if value else []
    parts = value.split(",") if '"' not in value and "<" not in value else _ELEMENT.findall(value)
    return [bare for part in parts if (bare := part.strip(" \t"))]


def split_first(value: str) -> tuple[str, str]:
    """Cut off the first element: it, and what stands behind its comma ("" if nothing does)."""
    if "," not in value:
        return value.strip(" \t"), ""
    for match in _ELEMENT.finditer(value):
        element = match[0].strip(" \t")
        if element:
            return element, value[match.end() + 1 :].strip(" \t")
    return "", ""
