"""pcscf store: keys are made, one line says so, and none is shown."""

from typer.testing import CliRunner

from pcscf import cli
from pcscf.store.key_file import read_keys


def call(*words: object):
    return CliRunner().invoke(cli.app, ["store", *map(str, words)])


def test_a_new_key_seals_and_the_others_open(tmp_path) -> None:
    path = tmp_path / "keys"
    for number in (1, 2):
        result = call("new-key", path)
        first, *others = read_keys(str(path))
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout == f"{path}: key {first.id} seals from now on\n"
        assert len(others) == number - 1


def test_a_key_that_not_all_machines_have_yet_comes_last(tmp_path) -> None:
    path = tmp_path / "keys"
    call("new-key", path)
    result = call("new-key", path, "--last")
    _, last = read_keys(str(path))
    assert result.stdout == f"{path}: key {last.id} opens from now on\n"


def test_what_goes_wrong_is_one_line_and_status_1(tmp_path) -> None:
    result = call("new-key", tmp_path / "none" / "keys")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"{tmp_path}/none/keys: No such file or directory\n"


def test_without_a_command_its_commands_are_named() -> None:
    assert "new-key" in call("--help").stdout
