from typer.testing import CliRunner

from pcscf import cli


def test_help_tells_of_each_group_and_shows_examples() -> None:
    result = CliRunner().invoke(cli.app, ["decode", "--help"], env={"COLUMNS": "120"})
    assert result.exit_code == 0
    for text in (
        "Captures", "Live capture", "Keys (none are needed", "Filters (of what is shown",
        "Output", "Exit status: 0 all ESP was read", "pcscf decode gm.pcapng", "decode -",
        "ladder|jsonl|html|pcapng|esp_sa",
    ):  # fmt: skip
        assert text in result.stdout
