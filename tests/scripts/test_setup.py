"""scripts/setup: makes .venv once, and again only when what it depends on has changed."""

import os
from pathlib import Path

import pytest

from tests.scripts.tree import copy_script, run, stand_in

# A python that makes venvs of copies of itself, and tells of the work in a log.
PYTHON = r"""
case "$*" in
--version) echo Python 3.99.0 ;;
"-m venv"*) echo venv >>log; mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
"-m pip"*) echo pip >>log; [[ ! -e no-index ]] || { echo no such index; exit 1; } ;;
*version_info\[:2\]*) echo 3.99 ;;
*version_info*) [[ ! -e too-old ]] ;;
*Python.h*) [[ ! -e no-headers ]] ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    copy_script(tmp_path, "scripts/setup")
    copy_script(tmp_path, "scripts/constraints.txt")
    copy_script(tmp_path, "pyproject.toml")
    stand_in(tmp_path / "scripts/with-esp", "echo direct")
    stand_in(tmp_path / "python", PYTHON)
    return tmp_path


def setup(checkout: Path) -> tuple[int, str, list[str]]:
    """Return the status, the output, and the work that was done."""
    log = checkout / "log"
    log.write_text("")
    done = run(checkout / "scripts/setup", cwd=checkout, PYTHON=str(checkout / "python"))
    return done.returncode, done.stdout + done.stderr, log.read_text().split()


def test_the_second_time_there_is_nothing_to_do(checkout: Path) -> None:
    assert setup(checkout) == (0, "", ["venv", "pip"])
    assert setup(checkout) == (0, "", [])


@pytest.mark.parametrize("file", ["scripts/constraints.txt", "pyproject.toml"])
def test_a_change_of_what_is_needed_is_installed(checkout: Path, file: str) -> None:
    setup(checkout)
    with (checkout / file).open("a") as changed:
        changed.write("# changed\n")
    assert setup(checkout) == (0, "", ["pip"])


def test_another_interpreter_makes_a_new_venv(checkout: Path) -> None:
    setup(checkout)
    stand_in(checkout / "python", PYTHON.replace("3.99.0", "3.99.1"))
    assert setup(checkout) == (0, "", ["venv", "pip"])


def test_a_failure_is_told_and_tried_again(checkout: Path) -> None:
    (checkout / "no-index").touch()
    status, output, _ = setup(checkout)
    assert status == 1
    assert output == ("no such index\nsetup: installing the Python packages into .venv failed\n")
    (checkout / "no-index").unlink()
    assert setup(checkout) == (0, "", ["venv", "pip"])


def test_an_old_python_is_told(checkout: Path) -> None:
    (checkout / "too-old").touch()
    status, output, work = setup(checkout)
    assert (status, work) == (1, [])
    assert output == f"setup: PYTHON={checkout}/python is not Python 3.11 or later\n"


def test_headers_of_python_are_installed_where_there_are_none(checkout: Path) -> None:
    stand_in(checkout / "bin/apt-get", 'echo "${@: -1}" >>log')
    (checkout / "no-headers").touch()
    script, python = checkout / "scripts/setup", str(checkout / "python")
    path = f"{checkout / 'bin'}:{os.environ['PATH']}"
    assert run(script, cwd=checkout, PYTHON=python, PATH=path).returncode == 0
    assert (checkout / "log").read_text().split()[0] == "python3.99-dev"


@pytest.mark.parametrize(
    ("missing", "package"), [("tshark", "tshark"), ("redis-check-rdb", "redis-tools")]
)
def test_a_tool_is_installed_where_there_is_none(
    checkout: Path, missing: str, package: str
) -> None:
    tools = checkout / "tools"
    tools.mkdir()
    for tool in Path("/usr/bin").iterdir():
        if tool.name != missing:
            (tools / tool.name).symlink_to(tool)
    stand_in(checkout / "bin/apt-get", 'echo "$@" >>log')
    path = f"{checkout / 'bin'}:{tools}"
    done = run(checkout / "scripts/setup", cwd=checkout, PYTHON=str(checkout / "python"), PATH=path)
    assert done.returncode == 0
    assert package in (checkout / "log").read_text().splitlines()[0].split()
