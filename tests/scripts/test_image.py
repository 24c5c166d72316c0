"""scripts/image: what it refuses. That it builds is seen by scripts/test, which runs it."""

from pathlib import Path

import pytest

from tests.scripts.tree import copy_script, run


@pytest.mark.parametrize("arguments", [(), ("a", "b")])
def test_it_takes_one_directory(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    copy_script(tmp_path, "scripts/image")
    done = run(tmp_path / "scripts/image", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "usage: scripts/image DIR\n")
