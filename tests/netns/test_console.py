"""The console of a P-CSCF that runs, in a browser beside it: a phone's page during its calls."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.admin.console.pictures import PICTURES
from tests.netns.pcscf_process import PcscfProcess
from tests.netns.site import LINGER, SLACK, Site
from tests.netns.test_calls import TIMERS, registered, shared_site, talking

pytestmark = pytest.mark.esp

__all__ = ["shared_site"]  # a core that routes calls

HTTP = "127.0.0.1:8060"
CALLS = 60  # at most; each picture wants to see one


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    return {
        "admin": f'http = "{HTTP}"',
        "security": f"sa_linger = {LINGER}\nsa_slack = {SLACK}",
        "timers__gm": TIMERS,
        "timers__core": TIMERS,
    }


def test_a_phones_page_shows_its_calls_as_they_are(
    site: Site, pcscf: PcscfProcess, tmp_path: Path
) -> None:
    """The browser's own script waits for what it takes a picture of, and fails without."""
    alice, bob = registered(site), registered(site)
    browser: subprocess.Popen[str] = pcscf.lab.pcscf.popen(
        *(sys.executable, "-m", "tests.admin.console.pictures", f"http://{HTTP}"),
        *(alice.identity, str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for _ in range(CALLS):
        call, there = talking(alice, bob)
        assert call.bye().status == 200
        there.dialog.wait_for("BYE")
        try:
            output, _ = browser.communicate(timeout=2)
            break
        except subprocess.TimeoutExpired:
            continue
    else:
        browser.kill()
        output, _ = browser.communicate()
    assert browser.returncode == 0, output
    assert all((tmp_path / name).stat().st_size > 20_000 for name, *_ in PICTURES)
    site.deregister_phones()
