"""docs/log.md has every event that the source makes, with its levels and fields."""

from pathlib import Path

from tests.log_events import ROOT, Source, documented

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
