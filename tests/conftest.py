"""Rules for every test of the project."""

import functools
import io
import json
import os
import subprocess
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import settings

from pcscf import log

# The machines of CI are slow at times, and a run there is to give the same answer twice.
settings.register_profile("pcscf", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("pcscf")

ESP_PROBE = """
ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1001 mode transport \
    auth 'hmac(sha1)' 0x0102030405060708090a0b0c0d0e0f1011121314 \
    enc 'cbc(aes)' 0x0102030405060708090a0b0c0d0e0f10
"""


@functools.cache
def kernel_refusal() -> str | None:
    """Return why this kernel, or our lack of rights, cannot do ESP; None if it can."""
    probe = ["unshare", "--net", "sh", "-c", ESP_PROBE]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else None


@pytest.hookimpl(tryfirst=True)  # before -m takes them away
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test marked esp outside tests/netns: scripts/test would not run it."""
    stray = [item.nodeid for item in items if _is_esp(item) and "netns" not in item.path.parts]
    if stray:
        raise pytest.UsageError(f"marked esp outside tests/netns: {', '.join(stray)}")


def _is_esp(item: pytest.Item) -> bool:
    return item.get_closest_marker("esp") is not None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test marked esp where there is no ESP: a skip would pass unseen."""
    if not _is_esp(item):
        return
    refusal = kernel_refusal()
    if refusal is not None:
        pytest.fail(f"no ESP here ({refusal}): run through scripts/with-esp", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test marked esp that skips itself."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and _is_esp(item):
        report.outcome = "failed"
        report.longrepr = f"an ESP test may not be skipped: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a whole file of ESP tests that skips itself while it is read."""
    report = yield
    if report.skipped and "netns" in collector.path.parts:
        report.outcome = "failed"
        report.longrepr = f"ESP tests may not be skipped: {report.longrepr}"
    return report


@pytest.fixture
def written() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The log so far, as objects; all levels are written."""
    stream = io.StringIO()
    log.configure("debug", "json", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
