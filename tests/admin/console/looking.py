"""The console in a browser, and what a test looks at."""

from typing import Final
from urllib.parse import quote

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, expect

from tests.admin.console.fake_api import FakeApi

# What the browser itself writes of an answer that is no 2xx, or of no answer: part of a test.
_EXPECTED: Final = ("Failed to load resource", "net::ERR_")


class Console:
    """One tab. ``complaints`` are errors of scripts, of the console and of its policy."""

    def __init__(
        self, context: BrowserContext, api: FakeApi, *, width: int, height: int, scheme: str
    ) -> None:
        self.api = api
        self.complaints: list[str] = []
        self.page = context.new_page()
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))

    def _on_console(self, message: ConsoleMessage) -> None:
        is_expected = message.text.startswith(_EXPECTED) or "net::ERR_" in message.text
        if message.type in ("error", "warning") and not is_expected:
            self.complaints.append(message.text)

    def go(self, view: str) -> None:
        """Load the page anew at a view, such as ``phones?find=bob``."""
        self.page.goto("about:blank")  # from one view to another nothing is loaded
        self.page.goto(f"{self.api.url}/#/{view}")

    def rows(self, table: str) -> Locator:
        """Give the rows of a table without its head; a table's name is its caption."""
        whole = self.page.get_by_role("table", name=table, exact=True)
        return whole.locator("tbody").get_by_role("row")

    def return_to_tab(self) -> None:
        """Come back to the tab: what is shown is renewed at once."""
        self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    def sees(self, text: str) -> None:
        """Wait until a text is to be seen."""
        expect(self.page.get_by_text(text).locator("visible=true").first).to_be_visible()

    def press(self, name: str) -> None:
        """Press the button of that name."""
        self.page.get_by_role("button", name=name, exact=True).click()

    @property
    def question(self) -> Locator:
        """The dialog that asks something."""
        return self.page.get_by_role("dialog")

    def answers(self, choice: str) -> None:
        """Choose in the dialog."""
        self.question.get_by_role("button", name=choice, exact=True).click()


def phone_view(who: str) -> str:
    """Give the address of a phone's page."""
    return "phone/" + quote(who, safe="")
