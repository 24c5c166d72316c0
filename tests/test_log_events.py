"""docs/log.md has every event that the source makes, with its levels and fields."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from pcscf import log
from pcscf.core.events import SaExpired
from pcscf.core.policy import RegEventPolicy
from tests.core.call import IncomingCall, OutgoingCall
from tests.core.phone import Phone
from tests.core.stage import IMPI, Stage
from tests.log_events import ROOT, Source, documented
from xfrm.model import SaId

IN_SOURCE = Source().events
DOCUMENTED = documented(Path(ROOT, "docs", "log.md").read_text())


def test_every_event_is_documented_and_no_other() -> None:
    assert sorted(DOCUMENTED) == sorted(IN_SOURCE)


def test_their_levels_are_right() -> None:
    assert {word: one.levels for word, one in DOCUMENTED.items()} == {
        word: one.levels for word, one in IN_SOURCE.items()
    }


def test_their_fields_are_right() -> None:
    optional = {"call_id"}  # one function may tell of a message, or of time
    wrong = {
        word: (one.fields, IN_SOURCE[word].fields)
        for word, one in DOCUMENTED.items()
        if one.fields | optional != IN_SOURCE[word].fields | optional
        or not one.fields <= IN_SOURCE[word].fields
    }
    assert wrong == {}


def test_the_source_is_read_right() -> None:
    """Some of each way to make an event: a wrong reader would find nothing, and be content."""
    assert IN_SOURCE["sa_lost"].fields == {"impi", "ue", "spi", "spi_ps"}  # keywords
    assert "offer" in IN_SOURCE["registration_rejected"].fields  # a dictionary that grew
    assert "impi" in IN_SOURCE["answer_dropped"].fields  # of another function
    assert "seconds" in IN_SOURCE["source_blocked"].fields  # what was handed on
    assert IN_SOURCE["unprotected"].levels == {"info"}  # by a function of another module
    assert IN_SOURCE["load"].levels == {"info", "warning"}
    assert IN_SOURCE["close_failed"].levels == {"warning"}  # a word that was handed on


@pytest.fixture
def run() -> Iterator[Stage]:
    """Registrations, calls, refusals and losses, with keys on their way."""
    stage = Stage(reg_event=RegEventPolicy(enabled=True))
    phone = Phone(stage)
    stage.receive(phone.clear_flow(), phone.register())
    stage.core_refuses(403)
    phone.challenged()
    stage.wait(300)
    phone.new_numbers(restart=True)
    phone.registered()
    (registration,) = stage.edge._context.registry.all()
    outgoing = OutgoingCall(stage, phone)
    outgoing.begins()
    outgoing.core_says(200)
    incoming = IncomingCall(stage, phone, registration.token)
    incoming.begins()
    incoming.phone_says(486)
    phone.says(phone.message("REGISTER", f"sip:{IMPI}", "Proxy-Require: nothing-known"))
    phone.says(b"garbage\r\n\r\n")
    phone.says(b"SIP/2.0 200 OK\r\n\r\n")
    phone.reregistered()
    stage.send_fails(stage.to_phone[-1])
    stage.wait(100)
    (lost, *_) = stage.kernel
    stage.play(SaExpired(SaId(lost.ue, lost.spi_us)))
    stage.refuse_install = "ENOMEM"
    phone.new_numbers(restart=True)
    stage.receive(phone.clear_flow(), phone.register())
    stage.challenge()
    yield stage
    structlog.reset_defaults()


def told(run: Stage, level: log.Level, form: log.Format) -> str:
    stream = io.StringIO()
    log.configure(level, form, stream)
    logger = structlog.get_logger()
    for report in run.reports:
        logger.log(getattr(logging, report.level.upper()), report.event, **report.fields)
    return stream.getvalue()


@pytest.mark.parametrize("level", log.LEVELS)
@pytest.mark.parametrize("form", ["json", "console"])
def test_no_line_has_a_key_at_any_level(run: Stage, form: log.Format, level: log.Level) -> None:
    text = told(run, level, form)
    assert text
    assert not any(key.lower() in text.lower() for key in run.secrets)


def test_json_lines_have_the_documented_fields(run: Stage) -> None:
    lines = [json.loads(line) for line in told(run, "debug", "json").splitlines()]
    assert len({line["event"] for line in lines}) >= 12
    for line in lines:
        event = DOCUMENTED[line.pop("event")]
        assert line.pop("level") in event.levels
        assert line.pop("timestamp").endswith("Z")
        assert line.keys() <= event.fields
