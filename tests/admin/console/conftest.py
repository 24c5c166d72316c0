"""A browser without a window, a made-up P-CSCF, and pages that may not complain."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, sync_playwright

from tests.admin.console.fake_api import FakeApi
from tests.admin.console.looking import Console

# Nothing of the browser's own is to reach the network.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]


Opener = Callable[..., Console]


@pytest.fixture(scope="package")
def browser() -> Iterator[BrowserContext]:
    # For this package alone: meanwhile asyncio.run is refused in this thread. One context for
    # all: each P-CSCF has a port of its own, so none finds what another page has stored.
    chromium = shutil.which("chromium")
    assert chromium, "Debian's chromium is missing: scripts/setup installs it"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        context = running.new_context()
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield context
        running.close()


@pytest.fixture
def api() -> Iterator[FakeApi]:
    fake = FakeApi()
    fake.start()
    yield fake
    fake.close()


@pytest.fixture
def opened(browser: BrowserContext, api: FakeApi) -> Iterator[Opener]:
    """Open a console: ``opened("phones", width=360, scheme="dark")``. It may not complain."""
    consoles: list[Console] = []

    def opener(
        view: str = "phones", *, width: int = 1280, height: int = 860, scheme: str = "light"
    ) -> Console:
        console = Console(browser, api, width=width, height=height, scheme=scheme)
        consoles.append(console)
        console.go(view)
        return console

    yield opener
    for console in consoles:
        console.page.close()
    assert [text for console in consoles for text in console.complaints] == []
