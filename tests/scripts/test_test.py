"""scripts/test: what makes it fail, and what it prints at the end."""

from pathlib import Path

import pytest

from tests.scripts.tree import copy_script, run, stand_in

PYTEST = """
case "$*" in
*"-m image and"*) exit "$IMAGE" ;;
*"-m not esp and not image"*) echo "== unit $UNIT $* =="; exit "$UNIT" ;;
*"-m esp and not image"*) echo "== esp $ESP $* =="; exit "$ESP" ;;
*"tests/core tests/sip tests/net")
    [[ $PWD != "$CHECKOUT" && -e pyproject.toml ]] || exit 9
    exit "$COMPILED" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    copy_script(tmp_path, "scripts/test")
    stand_in(tmp_path / "scripts/setup", "")
    stand_in(tmp_path / "scripts/image", '[[ ! -e no-base ]] && mkdir "$1"')
    stand_in(tmp_path / "scripts/compile", '[[ ! -e no-compiler ]] && mkdir "$1"')
    (tmp_path / "tests").mkdir()
    (tmp_path / "pyproject.toml").touch()
    stand_in(tmp_path / "scripts/with-esp", 'exec "$@"')
    stand_in(tmp_path / ".venv/bin/python", PYTEST)
    stand_in(tmp_path / ".venv/bin/ruff", "")
    stand_in(tmp_path / ".venv/bin/hadolint", "[[ $1 == docker/Dockerfile && ! -e wrong-file ]]")
    stand_in(tmp_path / ".venv/bin/mypy", "[[ ! -e wrong-types ]]")
    run("git", "init", "--quiet", cwd=tmp_path)
    run("git", "add", "scripts", cwd=tmp_path)
    return tmp_path


def run_test(
    checkout: Path,
    *arguments: str,
    unit: int = 0,
    esp: int = 0,
    compiled: int = 0,
    image: int = 0,
) -> tuple[int, str]:
    """Return the status, and the summary."""
    script = checkout / "scripts/test"
    numbers = {"UNIT": unit, "ESP": esp, "COMPILED": compiled, "IMAGE": image}
    statuses = {name: str(status) for name, status in numbers.items()}
    done = run(script, *arguments, cwd=checkout, CHECKOUT=str(checkout), **statuses)
    return done.returncode, done.stdout.partition("---- summary\n")[2]


def test_all_passed(checkout: Path) -> None:
    assert run_test(checkout) == (
        0,
        "unit: == unit 0 -m pytest -m not esp and not image ==\n"
        "esp:  == esp 0 -m pytest -m esp and not image "
        "-o cache_dir=.pytest_cache/esp tests/netns ==\n"
        "all passed\n",
    )


@pytest.mark.parametrize(
    ("unit", "esp", "failed"),
    [
        (1, 0, ["unit and property tests"]),
        (0, 1, ["tests with real ESP"]),
        (0, 5, ["tests with real ESP"]),
        (0, 125, ["tests with real ESP"]),
        (1, 1, ["unit and property tests", "tests with real ESP"]),
    ],
)
def test_a_failed_or_empty_run_fails(
    checkout: Path, unit: int, esp: int, failed: list[str]
) -> None:
    status, summary = run_test(checkout, unit=unit, esp=esp)
    assert status == 1
    assert summary.splitlines()[2:] == [f"FAILED: {name}" for name in failed]


def test_arguments_go_to_both_and_may_select_one_kind_only(checkout: Path) -> None:
    status, summary = run_test(checkout, "-k", "via or uri", esp=5)
    assert status == 0
    assert summary.count("-k via or uri ==") == 2
    assert run_test(checkout, "tests/netns", unit=5)[0] == 0
    assert run_test(checkout, "-k", "nothing", unit=5, esp=5)[0] == 1


def test_a_failed_check_fails_and_the_tests_run_all_the_same(checkout: Path) -> None:
    (checkout / "wrong-types").touch()
    status, summary = run_test(checkout)
    assert status == 1
    assert summary.splitlines()[2:] == ["FAILED: mypy"]


COMPILED = "FAILED: compiled: tests of SIP and decisions"


def test_the_compiled_form_is_tested_too(checkout: Path) -> None:
    status, summary = run_test(checkout, compiled=1)
    assert (status, summary.splitlines()[2:]) == (1, [COMPILED])
    (checkout / "no-compiler").touch()
    status, summary = run_test(checkout)
    assert (status, summary.splitlines()[2:]) == (1, [COMPILED])


IMAGE = "FAILED: image: built, looked at, and run with real ESP"


def test_the_image_is_built_and_tested(checkout: Path) -> None:
    status, summary = run_test(checkout, image=1)
    assert (status, summary.splitlines()[2:]) == (1, [IMAGE])
    (checkout / "no-base").touch()
    status, summary = run_test(checkout)
    assert (status, summary.splitlines()[2:]) == (1, [IMAGE])


def test_but_not_where_arguments_select_tests(checkout: Path) -> None:
    assert run_test(checkout, "-k", "via", compiled=1, image=1)[0] == 0


def test_the_dockerfile_is_linted(checkout: Path) -> None:
    (checkout / "wrong-file").touch()
    assert run_test(checkout)[1].splitlines()[2:] == ["FAILED: hadolint"]
