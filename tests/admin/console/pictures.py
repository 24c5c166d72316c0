"""Makes docs/console.png and docs/console-phone.png, from made data or from a P-CSCF that runs.

    python -m tests.admin.console.pictures                  made data
    python -m tests.admin.console.pictures URL WHO [DIR]    a console, whose page, and where to

The ladder has what comes within some seconds: with a real P-CSCF, let the phone make a call.
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, expect, sync_playwright

from tests.admin.console import made
from tests.admin.console.conftest import ARGUMENTS
from tests.admin.console.conversation import conversation
from tests.admin.console.fake_api import FakeApi
from tests.admin.console.looking import phone_view

DOCS: Final = Path(__file__).parents[3] / "docs"
PATIENCE: Final = 60_000  # milliseconds until a real phone makes its call

# name, width, height, pixels for each of CSS
PICTURES: Final = (("console.png", 1400, 900, 1), ("console-phone.png", 400, 860, 2))


def picture(
    browser: Browser, url: str, who: str, *, fake: FakeApi | None = None, into: Path = DOCS
) -> None:
    """Take both pictures of a phone's page: with a message chosen, and its ladder alone."""
    for name, width, height, scale in PICTURES:
        context = browser.new_context(
            viewport={"width": width, "height": height}, device_scale_factor=scale
        )
        page = context.new_page()
        page.goto(f"{url}/#/{phone_view(who)}")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        expect(page.get_by_role("article").first).to_be_visible()
        if fake:
            fake.trace(*conversation())
            fake.packets += 3
        invite = page.get_by_role("button", name="INVITE").first
        expect(invite).to_be_visible(timeout=PATIENCE)
        page.wait_for_timeout(2500)  # the counters move
        if width > 720:
            invite.click()
            page.mouse.move(0, 0)
        page.screenshot(path=into / name)
        context.close()


@contextmanager
def made_up() -> Iterator[FakeApi]:
    fake = FakeApi()
    fake.start()
    try:
        yield fake
    finally:
        fake.close()


def main(arguments: list[str]) -> None:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=ARGUMENTS
        )
        if arguments:
            url, who, *into = arguments
            picture(chromium, url.rstrip("/"), who, into=Path(*into) if into else DOCS)
        else:
            with made_up() as fake:
                picture(chromium, fake.url, made.uri(0), fake=fake)
        chromium.close()


if __name__ == "__main__":
    main(sys.argv[1:])
