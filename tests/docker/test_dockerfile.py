"""The Dockerfile and its locks: pinned, and of one mind with the project."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.docker import DOCKER, ROOT

DOCKERFILE = (DOCKER / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = sorted((DOCKER / "locks").glob("*.txt"))
PINNED = re.compile(r"([A-Za-z0-9_.-]+)==(\S+)")


def folded(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(path: Path) -> dict[str, str]:
    """Return the versions that a lock or the constraints name."""
    lines = path.read_text().splitlines()
    found = (PINNED.match(line) for line in lines if not line.startswith(("#", " ")))
    return {folded(match[1]): match[2] for match in found if match}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_each_line_of_a_lock_is_a_version_or_its_hash(lock: Path) -> None:
    entries = lock.read_text().replace("\\\n", "").splitlines()
    shape = re.compile(rf"{PINNED.pattern} (\s*--hash=sha256:[0-9a-f]{{64}})+")
    assert [line for line in entries if not shape.fullmatch(line.rstrip())] == []
    assert len(entries) == len(pinned(lock)) > 3


def test_what_the_program_needs_is_locked() -> None:
    needed = {folded(re.split(r"[<>=\[;]", one)[0]) for one in PROJECT["dependencies"]}
    assert needed - set(pinned(DOCKER / "locks/run.txt")) == set()


@pytest.mark.parametrize("name", ["run", "build"])
def test_the_image_has_the_versions_that_are_tested(name: str) -> None:
    """``scripts/lock`` makes the locks anew."""
    tested = pinned(ROOT / "scripts/constraints.txt")
    locked = pinned(DOCKER / f"locks/{name}.txt")
    both = tested.keys() & locked.keys()
    assert {one: locked[one] for one in both} == {one: tested[one] for one in both}
    assert set(locked) - both <= {"wheel"}


def test_the_labels_tell_the_projects_version() -> None:
    assert f"ARG VERSION={PROJECT['version']}\n" in DOCKERFILE
    assert f'image.description="{PROJECT["description"]}"' in DOCKERFILE
    assert f'image.licenses="{PROJECT["license"]}"' in DOCKERFILE


def test_what_is_copied_goes_to_the_build_and_nothing_else() -> None:
    """.dockerignore lets through what a COPY names, and no more."""
    copied = {
        word.rstrip("/")
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for word in line.split()[:-1]
    }
    let_in = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert {one for one in copied if not any(within(one, top) for top in let_in)} == set()
    assert {top for top in let_in if not any(within(one, top) for one in copied)} == set()
    tracked = subprocess.run(
        ("git", "ls-files", *copied), cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert {one for one in copied if not any(within(file, one) for file in tracked)} == set()


def within(path: str, top: str) -> bool:
    return path == top or path.startswith(f"{top}/")
