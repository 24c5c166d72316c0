"""The events of the log: as the source makes them, and as docs/log.md has them.

A call of ``report`` or of a method of a logger makes an event. Where its word is a parameter, so do
the calls of that function. Fields are keywords, the keys of a dictionary that is handed on as
``**fields``, and call_id where a message is given.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
LEVELS = ("debug", "info", "warning", "error")
LOGGERS = ("log", "logger")  # the second where ``pcscf.log`` is the first
ANY = "..."  # fields that only the run knows


@dataclass
class Event:
    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Maker:
    """A function that makes an event; where its arguments have the word, and the level if at all.

    ``levels`` and ``fields`` are those that it adds itself.
    """

    word: int
    level: int | None
    levels: frozenset[str]
    fields: frozenset[str]


class Source:
    """The functions of the package, and the events that their calls make."""

    def __init__(self) -> None:
        self.events: defaultdict[str, Event] = defaultdict(Event)
        self._functions = list(_functions())
        self._makers: dict[tuple[str, str], Maker] = {}
        self._concerned = {
            key
            for _, function in self._functions
            if function.name.endswith("concerned")
            for key in _keys(function)
        }
        while self._look():
            pass

    def _look(self) -> bool:
        """Go through all calls once; say whether a function turned out to be a maker."""
        before = len(self._makers)
        for module, function in self._functions:
            for node in ast.walk(function):
                if isinstance(node, ast.Call):
                    maker = self._maker(module, function, node)
                    if maker is not None and len(node.args) > maker.word:
                        self._take(module, function, node, maker)
        return len(self._makers) > before

    def _maker(self, module: str, function: ast.FunctionDef, call: ast.Call) -> Maker | None:
        name = _name(call.func)
        if name == "report":
            about = {"call_id"} if len(call.args) > 2 else set()
            return Maker(1, 0, frozenset(), frozenset(about))
        if name in LEVELS and isinstance(call.func, ast.Attribute):
            logs = _name(call.func.value) in LOGGERS
            return Maker(0, None, frozenset({name}), frozenset()) if logs else None
        if function.name == name or not _is_method(call.func):
            return None
        return self._makers.get((module if name.startswith("_") else "", name))

    def _take(self, module: str, function: ast.FunctionDef, call: ast.Call, maker: Maker) -> None:
        fields = maker.fields | set(self._fields(function, call))
        levels, level = set(maker.levels), None
        if maker.level is not None:
            levels |= _texts(call.args[maker.level])
            level = _parameter(function, call.args[maker.level])
        for text in _texts(call.args[maker.word]):
            self.events[text].levels |= levels
            self.events[text].fields |= fields
        word = _parameter(function, call.args[maker.word])
        if word is not None:
            place = module if function.name.startswith("_") else ""
            made = Maker(word, level, frozenset(levels), frozenset(fields))
            self._makers[place, function.name] = made

    def _fields(self, function: ast.FunctionDef, call: ast.Call) -> Iterator[str]:
        passed_on = function.args.kwarg.arg if function.args.kwarg else ""
        for keyword in call.keywords:
            if keyword.arg is not None:
                yield keyword.arg
            elif isinstance(keyword.value, ast.Name):
                yield from _keys(function) if keyword.value.id != passed_on else ()
            elif _name(getattr(keyword.value, "func", keyword.value)).endswith("concerned"):
                yield from self._concerned
            else:
                yield ANY


def _functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in sorted((ROOT / "pcscf").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield str(path), node  # type: ignore[misc]


def _parameter(function: ast.FunctionDef, node: ast.expr) -> int | None:
    """At which place of the arguments a value comes in, if it is one of them."""
    names = [one.arg for one in function.args.args if one.arg != "self"]
    return names.index(node.id) if isinstance(node, ast.Name) and node.id in names else None


def _keys(function: ast.FunctionDef) -> set[str]:
    """The keys of all dictionaries in a function."""
    keys: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Dict):
            keys.update(text for key in node.keys if key for text in _texts(key))
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            keys |= _texts(node.slice)
    return keys


def _is_method(node: ast.expr) -> bool:
    """Whether it is one of ``self``, or of a part of it; ``rewrite.drop`` is a function."""
    if not isinstance(node, ast.Attribute):
        return False
    return isinstance(node.value, ast.Attribute) or _name(node.value) == "self"


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _texts(node: ast.expr) -> set[str]:
    if isinstance(node, ast.IfExp):
        return _texts(node.body) | _texts(node.orelse)
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def documented(text: str) -> dict[str, Event]:
    """Read the tables of docs/log.md: event, levels, fields, meaning."""
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 4:
            word, levels, fields, _ = cells
            names = set(re.findall(r"`([^`]+)`", fields))
            found[word.strip("`")] = Event(set(levels.split(", ")), names)
    return found
