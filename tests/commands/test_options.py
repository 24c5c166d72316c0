"""What every command can be told."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pcscf import cli

ROOT = Path(__file__).parent.parent.parent
ASKING = (*cli._LOOKING, *cli._ACTING)


@pytest.mark.parametrize("name", ASKING)
def test_every_command_that_asks_can_be_told_whom(name: str) -> None:
    done = CliRunner().invoke(cli.app, [name, "--help"], env={"COLUMNS": "80", "TERM": "dumb"})
    assert done.exit_code == 0
    for option in ("--socket", "--config"):
        assert option in done.stdout
    assert ("--json" in done.stdout) is (name != "health")


def test_the_page_lists_every_command_that_asks() -> None:
    page = (ROOT / "docs" / "operate.md").read_text()
    listed = set(re.findall(r"(?m)^\| `pcscf ([a-z-]+)", page))
    assert listed == set(ASKING)


def test_the_most_that_can_be_asked_for_is_the_most_that_is_given() -> None:
    from pcscf.admin.resources import _LARGEST

    done = CliRunner().invoke(cli.app, ["ues", "--most", str(_LARGEST + 1)])
    assert f"less than or equal to {_LARGEST} " in done.stderr
