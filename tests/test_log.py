"""The log: one line an event, and no key in it."""

import io
import json
import logging

import pytest
import structlog

from pcscf import log

SECRET = "00112233445566778899aabbccddeeff"


@pytest.fixture(autouse=True)
def _restore():
    yield
    structlog.reset_defaults()


def written(form: log.Format, event: str, level: log.Level = "info", **fields: object) -> str:
    stream = io.StringIO()
    log.configure(level, form, stream)
    structlog.get_logger().info(event, **fields)
    return stream.getvalue()


def test_console_prints_time_level_event_and_fields_in_order():
    line = written("console", "ready", port=5060, host="[2001:db8::1]:5060", text="a b")
    stamp, rest = line.split(" ", 1)
    assert stamp.endswith("Z")
    assert rest == 'info    ready port=5060 host=[2001:db8::1]:5060 text="a b"\n'


def test_json_is_one_object_a_line():
    line = written("json", "ready", port=5060)
    assert line.count("\n") == 1
    assert json.loads(line) | {"timestamp": ""} == {
        "event": "ready",
        "level": "info",
        "port": 5060,
        "timestamp": "",
    }


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize("text", ["a\nready", "\x1b[31m", 'x" level=error', "\udcff", "\x85", ""])
def test_a_peers_text_stays_on_its_line_and_in_its_quotes(form, text):
    line = written(form, "refused", reason=text)
    assert line.isascii()
    assert line[:-1].isprintable()
    value = json.loads(line)["reason"] if form == "json" else json.loads(line.split("reason=")[1])
    assert value == text


def test_the_level_is_a_threshold():
    assert written("console", "ready", level="warning") == ""
    assert written("console", "ready", level="debug") != ""


def test_the_level_can_change_while_it_runs():
    stream = io.StringIO()
    log.configure("info", "json", stream)
    logger = structlog.get_logger()
    for level in ("warning", "debug", "error", "info"):
        log.set_level(level)
        assert log.level() == level
        for word in log.LEVELS:
            logger.log(getattr(logging, word.upper()), f"{word} at {level}")
    told = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert told == [
        "warning at warning", "error at warning",
        "debug at debug", "info at debug", "warning at debug", "error at debug",
        "error at error",
        "info at info", "warning at info", "error at info",
    ]  # fmt: skip


@pytest.mark.parametrize("level", log.LEVELS)
def test_whoever_has_much_to_tell_can_ask_what_is_written(level):
    log.configure(level, "json", io.StringIO())
    assert log.written == set(log.LEVELS[log.LEVELS.index(level) :])


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize(
    "name", ["ck", "IK", "key", "auth_key", "enc_key", "keys", "new_ck", "xres", "password", "k"]
)
def test_a_field_named_like_a_key_is_hidden(form, name):
    line = written(form, "installed", "info", **{name: SECRET})
    assert SECRET not in line
    assert "hidden" in line


@pytest.mark.parametrize("name", ["checks", "risk", "monkey", "reason", "spi_ps", "block"])
def test_other_fields_are_not(name):
    assert f"{name}=1" in written("console", "installed", "info", **{name: 1})


def raise_with(text: str) -> None:
    raise ValueError(text)


def test_an_exception_is_described_by_type_and_place_not_by_its_text():
    try:
        raise_with(f"ck={SECRET}")
    except ValueError as error:
        text = log.describe(error)
    assert text.startswith("ValueError at test_log.py:")
    assert " raise_with < test_log.py:" in text
    assert "test_an_exception" in text
    assert SECRET not in text
    assert "\n" not in text


def test_stderr_is_where_it_goes_unless_told_otherwise(capsys):
    log.configure("info", "console")
    structlog.get_logger().info("ready")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(" ready\n")


@pytest.mark.parametrize("name", log.LEVELS)
def test_the_level_changes_while_running_for_loggers_that_are_there(name):
    stream = io.StringIO()
    log.configure("error", "json", stream)
    logger = structlog.get_logger()
    log.set_level(name)
    assert log.level() == name
    for word in log.LEVELS:
        getattr(logger, word)("word")
    levels = [json.loads(line)["level"] for line in stream.getvalue().splitlines()]
    assert levels == list(log.LEVELS[log.LEVELS.index(name) :])
