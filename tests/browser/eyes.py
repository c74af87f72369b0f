"""A page that is watched: errors, violations, sideways scroll, and pictures of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Locator, Page, expect

PATIENCE_MS: Final = 20_000  # an answer may need a worker
SIZES: Final = {1366: 900, 360: 740}
# Without its preloading: that copies sheets into the page, which our policy rightly blocks.
AXE: Final = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "preload": False,
    "resultTypes": ["violations"],  # the rest is not read, and is most of the work
}
GRAVE: Final = {"serious", "critical"}
# A refused form is an answer of ours: the browser calls any 4xx an error.
EXPECTED: Final = re.compile(r"(status of|Status Error Code) (409|422)")


class Eyes:
    """Looks at one page of the browser.

    Wait by load states and `expect`: `wait_for_function` is an `eval` in the page, which our
    policy forbids, so it passes only where there was nothing to wait for.
    """

    def __init__(self, page: Page, pictures: Path | None) -> None:
        self.page = page
        self.errors: list[str] = []
        self._forgiven = EXPECTED
        self._pictures = pictures
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.errors.append(f"{page.url}: {error}"))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not self._forgiven.search(message.text):
            self.errors.append(f"{self.page.url}: {message.text}")

    def forgive(self, words: str) -> None:
        """An error that the test itself brings about."""
        self._forgiven = re.compile(f"{self._forgiven.pattern}|{words}")

    def sign_in(self, email: str, password: str) -> None:
        """By typing, as a person does."""
        self.page.goto("/accounts/login/")
        self.page.locator("input[type=email]").fill(email)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(lambda url: "/accounts/" not in url)

    def visit(self, address: str) -> None:
        """Open a page, and stay on it until nothing moves any more."""
        answer = self.page.goto(address)
        assert answer, address
        assert answer.status == 200, f"{address}: {answer.status}"
        assert self.page.url.endswith(address), f"{address} led to {self.page.url}"
        self.page.wait_for_load_state("networkidle")

    def follow(self, link: Locator) -> None:
        """Press what leads to another page, and be there."""
        with self.page.expect_navigation():
            link.click()

    def look(self, name: str, *, axe: bool = True) -> None:
        """In each size and light, with a picture; none scrolls sideways or shuts anybody out."""
        self.page.wait_for_load_state("load")
        expect(self.page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)
        for width, height in SIZES.items():
            self.page.set_viewport_size({"width": width, "height": height})
            self._assert_no_sideways_scroll(f"{name} at {width}")
            for light in ("light", "dark"):
                self.page.emulate_media(color_scheme=light)
                self.picture(f"{name}-{width}-{light}")
                if axe and (width, light) in {(1366, "light"), (360, "dark")}:
                    self.assert_open_to_all(f"{name}, {width}, {light}")
        self.page.set_viewport_size({"width": 1366, "height": 900})
        self.page.emulate_media(color_scheme="light")

    def picture(self, name: str) -> None:
        """Of the whole page, where pictures are wanted."""
        if self._pictures is not None:
            self.page.screenshot(path=self._pictures / f"{name}.png", full_page=True)

    def _assert_no_sideways_scroll(self, where: str) -> None:
        excess = self.page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
        assert excess <= 0, f"{where}: {excess} pixels stand out sideways"

    def assert_open_to_all(self, where: str) -> None:
        """No grave finding of axe, the window as tall as the page: what a sticking bar covers
        where one happens to have scrolled to is no fault of the page.
        """
        size = self.page.viewport_size or {"width": 1366, "height": 900}
        tall = self.page.evaluate("document.scrollingElement.scrollHeight")
        self.page.set_viewport_size({**size, "height": max(tall, size["height"])})
        found = Axe().run(self.page, options=AXE).response["violations"]
        grave = [
            (each["id"], [node["html"][:160] for node in each["nodes"][:3]])
            for each in found
            if each["impact"] in GRAVE
        ]
        self.page.set_viewport_size(size)
        assert grave == [], (where, grave)
