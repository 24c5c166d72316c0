"""What every command can be told."""

import pytest
from typer.testing import CliRunner

from pcscf import cli

ASKING = (*cli._LOOKING, *cli._ACTING)


@pytest.mark.parametrize("name", ASKING)
def test_every_command_that_asks_can_be_told_whom(name: str) -> None:
    done = CliRunner().invoke(cli.app, [name, "--help"], env={"COLUMNS": "80", "TERM": "dumb"})
    assert done.exit_code == 0
    for option in ("--socket", "--config"):
        assert option in done.stdout
    assert ("--json" in done.stdout) is (name != "health")
