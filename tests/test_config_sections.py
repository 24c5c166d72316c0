"""The tables by themselves: an unknown key is an error, and nothing changes once read."""

import pytest
from pydantic import ValidationError

from pcscf import config_sections
from pcscf.config_sections import Log, Section

SECTIONS = [
    kind
    for kind in vars(config_sections).values()
    if isinstance(kind, type) and issubclass(kind, Section) and kind is not Section
]


@pytest.mark.parametrize("kind", SECTIONS)
def test_an_unknown_key_is_an_error(kind: type[Section]) -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        kind.model_validate({"no_such_key": 1})


def test_a_section_stays_as_it_was_read() -> None:
    log = Log()
    with pytest.raises(ValidationError, match="frozen"):
        log.level = "debug"
