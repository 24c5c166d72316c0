"""scripts/compile: what it refuses. That it compiles is seen by scripts/test, which runs it."""

import os
from pathlib import Path

import pytest

from tests.scripts.tree import copy_script, run, stand_in


@pytest.mark.parametrize("arguments", [(), ("a", "b")])
def test_it_takes_one_directory(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    copy_script(tmp_path, "scripts/compile")
    done = run(tmp_path / "scripts/compile", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "usage: scripts/compile DIR\n"


@pytest.mark.parametrize("fails", [True, False])
def test_what_the_compiler_says_is_shown_if_it_fails(tmp_path: Path, *, fails: bool) -> None:
    copy_script(tmp_path, "scripts/compile")
    stand_in(tmp_path / ".venv/bin/python", f'echo "$*"; [[ $1 == -c ]] || exit {int(fails)}')
    stand_in(tmp_path / "bin/gcc", 'echo "$*" >gcc.log')
    for name in ("sip/uri.py", "core/edge.py", "net/udp.py", "net/tcp.py", "net/_datagrams.c"):
        (tmp_path / "pcscf" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pcscf" / name).touch()
    (tmp_path / "xfrm").mkdir()
    target = tmp_path / "made"
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done = run(tmp_path / "scripts/compile", str(target), cwd=tmp_path, PATH=path)
    assert done.returncode == int(fails)
    assert ("compile: failed" in done.stderr) is fails
    compiled = (target / "compile.log").read_text()
    assert "pcscf/core/edge.py pcscf/sip/uri.py pcscf/net/" in compiled
    assert "net/udp.py" in compiled
    assert "net/tcp.py" not in compiled
    assert (target / "gcc.log").exists() is not fails
    assert (target / "xfrm").exists()
