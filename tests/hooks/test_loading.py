"""A file's functions by point; or what is wrong with it, with file and line."""

import sys
from pathlib import Path

import pytest

from pcscf.core.hooks import Point
from pcscf.errors import ConfigError
from pcscf.hooks import loading
from pcscf.hooks.loading import check, load
from tests.hooks.support import HEAD_LINES, write

FINE = "def before_core(request): pass\n"


def problems(path: Path) -> list[str]:
    """What is wrong, without the path; lines are counted behind the imports."""
    found = []
    for problem in check(path):
        assert problem.startswith(f"{path}:")
        place, _, reason = problem.removeprefix(f"{path}:").partition(": ")
        found.append(f"{int(place) - HEAD_LINES}: {reason}" if reason else place.strip())
    return found


def test_functions_are_found_by_name_in_their_order(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        async def before_core_b(request): pass
        def before_corebody(request): pass
        def before_core_a(request): pass
        def on_response(response): pass
        def helper(request): pass
        def on_start(): pass
        async def on_stop(): pass
        """.replace("before_corebody", "beforehand"),
    )
    file = load(path)
    names = {point: [one.__name__ for one in group] for point, group in file.functions.items()}
    assert names == {
        Point.CORE: ["before_core_b", "before_core_a"],
        Point.RESPONSE: ["on_response"],
    }
    assert file.on_start is not None
    assert file.on_stop is not None
    assert check(path) == []


def test_functions_of_other_modules_serve_too(tmp_path: Path) -> None:
    path = write(tmp_path, "from tests.hooks.elsewhere import before_core\n")
    assert list(load(path).functions) == [Point.CORE]


def test_a_file_may_have_what_looks_for_its_module(tmp_path: Path) -> None:
    """Dataclasses do, where annotations are text."""
    path = tmp_path / "rules.py"
    path.write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "@dataclass\n"
        "class Rule:\n"
        "    prefix: str\n" + FINE
    )
    assert check(path) == []


def test_what_was_checked_is_forgotten(tmp_path: Path) -> None:
    before = set(sys.modules)
    check(write(tmp_path, FINE))
    check(write(tmp_path, "def before_core(): pass\n"))
    check(write(tmp_path, "1 / 0\n"))
    load(write(tmp_path, FINE)).forget()
    assert set(sys.modules) == before


def test_the_file_is_read_anew_each_time(tmp_path: Path) -> None:
    """Whatever its time and size say: no compiled copy is kept beside it."""
    first = load(write(tmp_path, "WHICH = 1\n" + FINE)).module
    second = load(write(tmp_path, "WHICH = 2\n" + FINE)).module
    assert (first.WHICH, second.WHICH) == (1, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["rules.py"]


TAKES = "has to take one argument, the message"
YIELDS = "yields, so calling it does nothing"
POINTS = "on_registration, before_core, before_phone, on_emergency, on_response"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def before_core(request:\n    pass\n", ["1: '(' was never closed"]),
        ("\n\nimport absent\n", ["3: ModuleNotFoundError: No module named 'absent'"]),
        ("def f():\n    return 1 / 0\nf()\n", ["2: ZeroDivisionError: division by zero"]),
        ("import sys\nsys.exit('no\\nmore')\n", ["2: SystemExit: no more"]),
        ("def before_core(): pass\n", [f"1: before_core {TAKES}"]),
        ("def on_response(a, b): pass\n", [f"1: on_response {TAKES}"]),
        ("def before_core(r): yield\n", [f"1: before_core {YIELDS}"]),
        ("async def before_core(r): yield\n", [f"1: before_core {YIELDS}"]),
        (FINE + "def on_start(x): pass\n", ["2: on_start has to take no argument"]),
        (FINE + "x = 1\n" + FINE, ["3: before_core replaces the one in line 3"]),
        (
            "\ndef on_registraton(request): pass\n",
            [f"2: on_registraton: there is no such point; there are {POINTS}"],
        ),
        (
            "def before_core(): pass\ndef on_response(): pass\n",
            [f"1: before_core {TAKES}",
             f"2: on_response {TAKES}"],
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, source: str, expected: list[str]
) -> None:
    assert problems(write(tmp_path, source)) == expected


def test_what_has_no_line_is_told_without(tmp_path: Path) -> None:
    path = write(tmp_path, "before_core = 7\n")
    assert check(path) == [f"{path}: before_core is no function"]
    path = write(tmp_path, "def helper(): pass\n")
    assert check(path) == [f"{path}: no function at any point: {POINTS}"]
    absent = tmp_path / "absent.py"
    assert check(absent) == [f"{absent}: cannot be read: No such file or directory"]
    assert check(tmp_path) == [f"{tmp_path}: cannot be read: Is a directory"]


def test_octets_that_are_no_text_are_told(tmp_path: Path) -> None:
    path = tmp_path / "rules.py"
    for octets in (b"x = '\xff'\n", b"x = 1\0\n"):
        path.write_bytes(octets)
        (problem,) = check(path)
        assert problem.startswith(f"{path}:1: ")


def test_a_file_that_anybody_may_write_to_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "raise SystemExit\n")
    path.chmod(0o646)
    assert check(path) == [f"{path}: anybody may write to it: chmod o-w"]


def test_code_that_does_not_end_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "LIFE_TIME", 0.02)
    path = write(tmp_path, "\nwhile True: pass\n")
    assert problems(path) == ["2: takes more than 0.02 s"]


def test_all_that_is_wrong_is_raised_together(tmp_path: Path) -> None:
    path = write(tmp_path, "def before_core(): pass\ndef on_x(r): pass\n")
    with pytest.raises(ConfigError) as error:
        load(path)
    assert str(error.value).splitlines() == check(path)
