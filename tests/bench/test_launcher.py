"""``pcscf`` behind the bench's launcher."""

import subprocess
import sys
from pathlib import Path


def test_it_runs_a_command_and_keeps_its_profile(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    command = ("--profile", str(profile), "--", "--version")
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.launcher", *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("pcscf ")
    assert profile.stat().st_size > 0
