"""Reading a hook file: its functions by point, or all that is wrong with it, with the line.

A function is called at a point if its name is the point's, or begins with it and an underscore.
Several are called in the order in which the file has them. ``on_start`` and ``on_stop`` are
called when the file is taken into service and when nothing is left that it began.
"""

import ast
import inspect
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Final

from pcscf.core.hooks import Point
from pcscf.errors import ConfigError
from pcscf.hooks.alarm import Alarm, OutOfTimeError
from pcscf.hooks.places import describe, line_of

Life = FunctionType  # without arguments

_START, _STOP = "on_start", "on_stop"
_LOOK_ALIKE: Final = ("on_", "before_")  # how points begin: another one is a slip of the pen
LIFE_TIME: Final = 5.0  # seconds, to run it or its on_start; at a reload all phones wait for it
_NUMBERS = count(1)


@dataclass(frozen=True)
class HookFile:
    """A file that has been read. ``functions`` has no point without any."""

    path: Path
    functions: Mapping[Point, tuple[FunctionType, ...]]
    on_start: Life | None
    on_stop: Life | None
    module: ModuleType

    def forget(self) -> None:
        """Let its module be found no more; what still runs keeps it."""
        sys.modules.pop(self.module.__name__, None)


def check(path: Path) -> list[str]:
    """Give what is wrong with a hook file, a line each: file, line, reason. Its code is run."""
    try:
        load(path).forget()
    except ConfigError as error:
        return str(error).splitlines()
    return []


def load(path: Path) -> HookFile:
    """Read a hook file and run its code. Raises ConfigError, a line for each thing wrong."""
    tree, source = _parse(path)
    module = _run(path, source)
    problems = [*_defined_twice(path, tree), *_unusable(path, module)]
    functions = _functions(module)
    if not functions and not problems:
        problems = [f"{path}: no function at any point: {', '.join(Point)}"]
    if problems:
        del sys.modules[module.__name__]
        raise ConfigError("\n".join(problems))
    names = vars(module)
    return HookFile(path, functions, names.get(_START), names.get(_STOP), module)


def _parse(path: Path) -> tuple[ast.Module, bytes]:
    try:
        mode = path.stat().st_mode
        source = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if mode & stat.S_IWOTH:
        raise ConfigError(f"{path}: anybody may write to it: chmod o-w")
    try:
        return ast.parse(source, str(path)), source
    except SyntaxError as error:
        raise ConfigError(f"{path}:{error.lineno or 1}: {error.msg}") from None
    except ValueError as error:  # a NUL
        raise ConfigError(f"{path}:1: {error}") from None


def _run(path: Path, source: bytes) -> ModuleType:
    """Run the file as a module of its own, however often it is read."""
    module = ModuleType(f"pcscf_hook_file_{next(_NUMBERS)}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where dataclasses, for one, look for it
    code = compile(source, str(path), "exec")
    alarm = Alarm()
    alarm.install()
    try:
        alarm.limit(lambda: exec(code, vars(module)), LIFE_TIME)  # noqa: S102 - what it is for
    except BaseException as error:  # noqa: BLE001 - it may be sys.exit() too
        del sys.modules[module.__name__]
        late = isinstance(error, OutOfTimeError)
        reason = f"takes more than {LIFE_TIME:g} s" if late else describe(error)
        raise ConfigError(f"{path}:{line_of(error, str(path)) or 1}: {reason}") from None
    finally:
        alarm.remove()
    return module


def _functions(module: ModuleType) -> dict[Point, tuple[FunctionType, ...]]:
    found: dict[Point, tuple[FunctionType, ...]] = {}
    for name, value in vars(module).items():
        point = _point_of(name)
        if point is not None and isinstance(value, FunctionType):
            found[point] = (*found.get(point, ()), value)
    return found


def _point_of(name: str) -> Point | None:
    return next((p for p in Point if name == p or name.startswith(f"{p}_")), None)


def _unusable(path: Path, module: ModuleType) -> Iterator[str]:
    for name, value in vars(module).items():
        if not name.startswith(_LOOK_ALIKE):
            continue
        place = f"{path}:{value.__code__.co_firstlineno}" if _is_function(value) else str(path)
        arguments = 0 if name in (_START, _STOP) else 1
        if not arguments or _point_of(name) is not None:
            yield from (f"{place}: {name} {why}" for why in _faults(value, arguments))
        elif _is_function(value):
            yield f"{place}: {name}: there is no such point; there are {', '.join(Point)}"


def _is_function(value: object) -> bool:
    return isinstance(value, FunctionType)


def _faults(value: object, arguments: int) -> Iterator[str]:
    """Yield what keeps a value from being called with so many arguments."""
    if not isinstance(value, FunctionType):
        yield "is no function"
        return
    if inspect.isgeneratorfunction(value) or inspect.isasyncgenfunction(value):
        yield "yields, so calling it does nothing"
    try:
        inspect.signature(value).bind(*range(arguments))
    except TypeError:
        takes = "one argument, the message" if arguments else "no argument"
        yield f"has to take {takes}"


def _defined_twice(path: Path, tree: ast.Module) -> Iterator[str]:
    lines: dict[str, int] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name in lines and node.name.startswith(_LOOK_ALIKE):
                first = lines[node.name]
                yield f"{path}:{node.lineno}: {node.name} replaces the one in line {first}"
            lines[node.name] = node.lineno
