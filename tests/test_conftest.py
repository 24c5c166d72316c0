"""The rule of tests/conftest.py: an ESP test runs, or fails; it is never skipped."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
ESP_FILE = "netns/test_it.py"
PREFIX = "import pytest\n\n"


def run_pytest(tmp_path: Path, text: str, name: str = ESP_FILE, *options: str) -> str:
    """Run a file of tests under the rules, and return pytest's last line."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(PREFIX + text)
    command = [
        *(sys.executable, "-m", "pytest", "-q", "--import-mode=importlib"),
        *("-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path)),
        *("-p", "tests.conftest", "-p", "no:cacheprovider", str(tmp_path / name), *options),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().splitlines()[-1].partition(" in ")[0]


def without_probe(refusal: str | None) -> str:
    return f"import tests.conftest\ntests.conftest.kernel_refusal = lambda: {refusal!r}\n\n"


def test_an_esp_test_fails_where_there_is_no_esp(tmp_path: Path) -> None:
    text = "@pytest.mark.esp\ndef test_it(): pass\n\ndef test_other(): pass\n"
    assert run_pytest(tmp_path, without_probe("no ESP") + text) == "1 passed, 1 error"
    assert run_pytest(tmp_path, without_probe(None) + text) == "2 passed"


def test_an_esp_test_that_skips_itself_fails(tmp_path: Path) -> None:
    skips = "def test_it(): pytest.skip('no veth')\n"
    assert run_pytest(tmp_path, skips) == "1 skipped"
    marked = without_probe(None) + "@pytest.mark.esp\n" + skips
    assert run_pytest(tmp_path, marked) == "1 failed"


def test_an_esp_test_marked_as_skipped_fails(tmp_path: Path) -> None:
    text = "@pytest.mark.esp\n@pytest.mark.skip\ndef test_it(): pass\n"
    assert run_pytest(tmp_path, without_probe(None) + text) == "1 error"


def test_a_file_of_esp_tests_that_skips_itself_fails(tmp_path: Path) -> None:
    text = "pytest.importorskip('no_such_module')\n"
    assert run_pytest(tmp_path, text, "test_it.py") == "1 skipped"
    assert run_pytest(tmp_path, text) == "1 error"


def test_an_esp_test_outside_netns_is_refused_by_both_runs(tmp_path: Path) -> None:
    text = "@pytest.mark.esp\ndef test_it(): pass\n"
    for selection in ("esp", "not esp"):
        last = run_pytest(tmp_path, text, "test_it.py", "-m", selection)
        assert last == "ERROR: marked esp outside tests/netns: test_it.py::test_it"
