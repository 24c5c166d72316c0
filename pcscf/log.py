"""The log: one line an event to stderr, for people or as JSON.

An event is a fixed word with fields. Key material never gets this far; the
processor that masks fields by name is a net below that rule, not a reason to bend it.
"""

import contextlib
import json
import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final, Literal, TextIO, get_args

import structlog

_SECRET = re.compile(r"(^|_)(ck|ik|keys?|ki|k|opc?|res|xres|password|secret)(_|$)", re.IGNORECASE)
_PLAIN = re.compile(r"[\w.:/\[\]+*@-]+", re.ASCII)

Format = Literal["console", "json"]
Level = Literal["debug", "info", "warning", "error"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)  # the most talkative first
_LEVELS: Final = {name: getattr(logging, name.upper()) for name in LEVELS}

# The levels that are written now: whoever has much to tell looks here before making a line of it.
written: Final[set[str]] = set(LEVELS)


def mask_secrets(
    _logger: object, _method: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Hide the value of every field whose name is that of a key (TS 33.203 annex I, RFC 3310)."""
    for name in fields:
        if _SECRET.search(name):
            fields[name] = "hidden"
    return fields


def console_line(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> str:
    """Print one event for people. A peer's text cannot leave its quotes, its line or ASCII."""
    start = f"{fields.pop('timestamp')} {fields.pop('level'):7} {fields.pop('event')}"
    return " ".join([start, *(f"{name}={_value(value)}" for name, value in fields.items())])


def _value(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


class _Lines:
    """Writes lines. A log that nobody takes any more must not end the service."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = msg


def configure(level: Level, form: Format, stream: TextIO | None = None) -> None:
    """Set up structlog for the process; ``stream`` is stderr unless given."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            mask_secrets,
            console_line if form == "console" else structlog.processors.JSONRenderer(),
        ],
        logger_factory=lambda *_: _Lines(stream or sys.stderr),
        cache_logger_on_first_use=False,  # so that all of it can be changed while running
    )
    set_level(level)


def set_level(level: Level) -> None:
    """Write from now on what is at least of this level."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]))
    written.clear()
    written.update(name for name, number in _LEVELS.items() if number >= _LEVELS[level])


def level() -> Level:
    """Give the level of what is written."""
    logger = structlog.get_logger()
    return next(name for name in LEVELS if logger.is_enabled_for(_LEVELS[name]))


def describe(error: BaseException) -> str:
    """Give an exception's type and where it was raised, innermost place first, on one line.

    Neither its text nor any local variable: they may quote a message, and so its keys.
    """
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        file = code.co_filename.rpartition("/")[2]
        places.append(f"{file}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return f"{type(error).__name__} at " + " < ".join(reversed(places))
