"""``pip install .`` of a clean checkout, into an environment of its own."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docker import ROOT

pytestmark = pytest.mark.image

CAPTURES = ROOT / "tests/captures/demo"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install what git tracks, and return the directory of its commands."""
    checkout, made = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("venv")
    listed = run("git", "ls-files", "-z", where=ROOT).stdout
    for name in filter(None, listed.split("\0")):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)
    run(sys.executable, "-m", "venv", str(made), where=checkout)
    constraints = ("--constraint", "scripts/constraints.txt")
    run(str(made / "bin/pip"), "install", "--quiet", *constraints, ".", where=checkout)
    return made / "bin"


def run(*command: str, where: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def test_its_commands_work(programs: Path, tmp_path: Path) -> None:
    pcscf = str(programs / "pcscf")
    assert run(pcscf, "--version", where=tmp_path).stdout.startswith("pcscf ")
    run(str(programs / "python"), "-c", "import pcscf.net.start", where=tmp_path)


def test_what_is_no_python_is_installed_too(programs: Path, tmp_path: Path) -> None:
    captures = [str(CAPTURES / name) for name in ("gm.pcap", "core.pcap")]
    page = run(str(programs / "pcscf"), "decode", "--format", "html", *captures, where=tmp_path)
    assert "<script" in page.stdout
    (site,) = programs.parent.glob("lib/python3*/site-packages")
    data = [
        name
        for name in run("git", "ls-files", "pcscf", "xfrm", where=ROOT).stdout.split()
        if not name.endswith((".py", ".c"))
    ]
    assert [name for name in data if not (site / name).is_file()] == []


def test_nothing_of_the_tests_is_installed(programs: Path) -> None:
    (site,) = programs.parent.glob("lib/python3*/site-packages")
    assert not (site / "tests").exists()
