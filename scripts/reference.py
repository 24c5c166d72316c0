#!/usr/bin/env python3
"""Make docs/configuration.md: its head is kept, all below the mark is made anew.

    .venv/bin/python scripts/reference.py

Texts and defaults are those of config/pcscf.toml, types those of pcscf/config_sections.py.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from pcscf.config import Settings  # noqa: E402 - of this tree, installed or not
from pcscf.config_sections import Section  # noqa: E402

SHIPPED = ROOT / "config" / "pcscf.toml"
PAGE = ROOT / "docs" / "configuration.md"
MARK = "<!-- Made by scripts/reference.py from here on: change config/pcscf.toml instead. -->\n"
EXAMPLE = re.compile(r"\w+ = ")


class Written(NamedTuple):
    """What the file says of a key or a table: its comment's lines, and a key's default."""

    comment: list[str]
    default: str = ""


# The file


def written(text: str) -> dict[str, Written]:
    """``section.key``, and ``section`` by itself, of a file in which each stands below its text."""
    found: dict[str, Written] = {}
    section, comment = "", []
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("#"):
            comment.append(line.removeprefix("#").removeprefix(" "))
            continue
        if header := re.fullmatch(r"\[(.+)\]", line):
            section = header[1]
            found[section] = Written(comment)
        elif key := re.match(r"(\w+) = (.+)", line):
            found[f"{section}.{key[1]}"] = Written(comment, _value(key[2], lines))
        comment = []
    return found


def _value(first: str, lines: Iterator[str]) -> str:
    """Give a value on one line, though an array may stand on several."""
    parts = [first]
    while not _is_whole(" ".join(parts)):
        parts.append(next(lines).strip())
    return re.sub(r",? \]$", "]", " ".join(parts)).replace("[ ", "[")


def _is_whole(text: str) -> bool:
    try:
        tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return False
    return True


# The types


def words(field: FieldInfo) -> str:
    """Say what values a key takes."""
    kind: Any = (
        Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    )
    schema = TypeAdapter(kind).json_schema()
    return _words(schema, schema.get("$defs", {}))


def _words(schema: dict[str, Any], known: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _words(known[schema["$ref"].rpartition("/")[2]], known)
    if "anyOf" in schema:
        return " or ".join(_words(one, known) for one in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f'`"{one}"`' for one in schema["enum"])
    if "const" in schema:
        return f'`"{schema["const"]}"`'
    return _KINDS[schema["type"]](schema, known)


def _number(schema: dict[str, Any], _: object) -> str:
    name = {"integer": "whole number", "number": "number"}[schema["type"]]
    if "maximum" in schema:
        return f"{name}, {schema['minimum']} to {schema['maximum']}"
    if "exclusiveMinimum" in schema:
        return f"{name} above {schema['exclusiveMinimum']}"
    return f"{name}, {schema['minimum']} or more" if "minimum" in schema else name


def _list(schema: dict[str, Any], known: dict[str, Any]) -> str:
    least = ", at least one" if schema.get("minItems") else ""
    return f"list of: {_words(schema['items'], known)}{least}"


def _text(schema: dict[str, Any], _: object) -> str:
    if "description" in schema:
        return str(schema["description"])
    least = schema.get("minLength")
    return f"text of {least} to {schema['maxLength']} characters" if least else "text"


def _table(schema: dict[str, Any], known: dict[str, Any]) -> str:
    return "table of " + ", ".join(
        f"`{name}` ({_words(one, known)})" for name, one in schema["properties"].items()
    )


_KINDS = {
    "boolean": lambda *_: "`true` or `false`",
    "integer": _number,
    "number": _number,
    "string": _text,
    "array": _list,
    "object": _table,
}


# The page


def reference() -> str:
    """Write all sections."""
    texts = written(SHIPPED.read_text("utf-8"))
    links = [f"[{name}](#{name.replace('.', '')})" for name, _ in _sections() if name in texts]
    parts = [
        ", ".join(links),
        *(part for name, kind in _sections() for part in _section(name, kind, texts)),
    ]
    return "\n\n".join(parts) + "\n"


def _sections() -> Iterator[tuple[str, type[Section]]]:
    for name, field in Settings.model_fields.items():
        yield from _with_inner(name, field)


def _with_inner(name: str, field: FieldInfo) -> Iterator[tuple[str, type[Section]]]:
    kind = _table_of(field)
    if kind is None:
        return
    yield name, kind
    for inner, one in kind.model_fields.items():
        yield from _with_inner(f"{name}.{inner}", one)


def _table_of(field: FieldInfo) -> type[Section] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _section(name: str, kind: type[Section], texts: dict[str, Written]) -> Iterator[str]:
    keys = [(key, one) for key, one in kind.model_fields.items() if _table_of(one) is None]
    if not keys:
        return  # it only holds other tables
    yield f"## [{name}]"
    if texts[name].comment:
        yield _prose(texts[name].comment)
    for key, field in keys:
        full = f"{name}.{key}"
        yield f"### {full}"
        yield _prose(texts[full].comment)
        yield _facts(full, field, texts[full].default, is_live=kind.is_live(key))


def _facts(full: str, field: FieldInfo, default: str, *, is_live: bool) -> str:
    variable = "PCSCF_" + full.replace(".", "__").upper()
    what = "no default, as in" if field.is_required() else "default"
    when = "changes while running" if is_live else "needs a restart"
    return f"{words(field)} · {what} `{default}` · `{variable}` · {when}"


def _prose(comment: list[str]) -> str:
    """Join lines to a paragraph; one that is a line of TOML stands as such."""
    text = "\n".join(f"\n    {one}\n" if EXAMPLE.match(one) else one for one in comment)
    return text.removeprefix("Required. ").strip("\n")


def page() -> str:
    """The page with its head as it is."""
    head, mark, _ = PAGE.read_text("utf-8").partition(MARK)
    if not mark:
        raise SystemExit(f"{PAGE}: the mark is missing")
    return f"{head}{MARK}\n{reference()}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
