"""Which socket is asked."""

from pathlib import Path

import pytest

from pcscf.commands import where
from pcscf.commands.errors import CommandError
from pcscf.commands.where import socket_path
from pcscf.config_sections import Admin


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(where.VARIABLE, raising=False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "pcscf.toml"
    path.write_text('[admin]\nsocket = "/a/of-the-file"\n')
    return path


def test_the_default_is_that_of_the_settings() -> None:
    assert socket_path(None, None) == Admin().socket == where.DEFAULT


def test_what_is_said_comes_first_then_the_environment_then_the_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert socket_path(None, config) == "/a/of-the-file"
    monkeypatch.setenv(where.VARIABLE, "/a/of-the-environment")
    assert socket_path(None, config) == "/a/of-the-environment"
    assert socket_path("/a/as-said", config) == "/a/as-said"


@pytest.mark.parametrize("text", ["", "[admin]\n", "[gm]\nport = 1\n", "admin = 1\n"])
def test_a_file_that_does_not_say_means_the_default(config: Path, text: str) -> None:
    config.write_text(text)
    assert socket_path(None, config) == where.DEFAULT


@pytest.mark.parametrize(
    ("text", "words"),
    [("[admin", "not TOML"), ('[admin]\nsocket = ""\n', "admin.socket is empty")],
)
def test_a_file_that_cannot_tell_is_named(config: Path, text: str, words: str) -> None:
    config.write_text(text)
    with pytest.raises(CommandError, match=words) as caught:
        socket_path(None, config)
    assert str(caught.value).startswith(f"{config}: ")
    assert caught.value.exit_status == 3


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        socket_path(None, tmp_path / "none.toml")
