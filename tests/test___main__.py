"""``python -m pcscf`` is the command."""

import subprocess
import sys


def test_the_module_runs_as_the_command():
    words = [sys.executable, "-m", "pcscf", "--version"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("pcscf ")
