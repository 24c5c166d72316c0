"""What differs between settings, and what of it is taken over."""

import pytest

from pcscf.config import Settings
from pcscf.config_changes import changes
from tests.net.support import settings


@pytest.fixture
def running() -> Settings:
    return settings()


def test_the_same_settings_change_nothing(running: Settings) -> None:
    assert changes(running, running.model_copy()) == (running, (), ())


def test_what_may_change_is_taken_and_the_rest_is_named(running: Settings) -> None:
    core = {"port": 7777, "next_hop_timeout": 9, "health": {"interval": 5}}
    wanted = settings(gm={"port": 7778}, core=core, log={"level": "debug", "key_file": "/tmp/x"})
    found = changes(running, wanted)
    assert found.applied == ("core.next_hop_timeout", "core.health.interval", "log.level")
    assert found.needs_restart == ("gm.port", "core.port", "log.key_file")
    new = found.settings
    assert (new.core.next_hop_timeout, new.core.health.interval, new.log.level) == (9, 5, "debug")
    assert (new.gm, new.core.port, new.log.key_file) == (running.gm, running.core.port, "")


def test_tables_within_tables_are_named_by_their_path(running: Settings) -> None:
    assert changes(running, settings(timers={"gm": {"t1": 3}})).applied == ("timers.gm.t1",)


@pytest.mark.parametrize("section", ["gm"])
def test_a_section_is_for_the_start_unless_it_says_otherwise(section: str) -> None:
    kind = Settings.model_fields[section].annotation
    assert kind is not None
    assert not any(kind.is_live(key) for key in kind.model_fields)
