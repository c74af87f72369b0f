"""A real browser in front of the real server; nothing is faked but FBR."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.browser.eyes import PATIENCE_MS, Eyes

expect.set_options(timeout=PATIENCE_MS)

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--disable-dev-shm-usage",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"there is no browser at {CHROMIUM}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def pictures() -> Path | None:
    """Where pictures go: the folder in PICTURES. Without it none are taken: they cost time."""
    if not os.environ.get("PICTURES"):
        return None
    folder = Path(os.environ["PICTURES"])
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def open_browser(
    chromium: Browser, live_server, pictures: Path | None
) -> Iterator[Callable[..., Eyes]]:
    """`eyes = open_browser()`: a window of its own, watched; it fails the test for any error."""
    opened: list[tuple[BrowserContext, Eyes]] = []

    def open_one(**options) -> Eyes:
        context = chromium.new_context(
            base_url=live_server.url,
            viewport={"width": 1366, "height": 900},
            locale="en-GB",
            reduced_motion="reduce",
            **options,
        )
        context.set_default_timeout(PATIENCE_MS)
        eyes = Eyes(context.new_page(), pictures)
        opened.append((context, eyes))
        return eyes

    yield open_one
    for context, _eyes in opened:
        context.close()
    assert [eyes.errors for _context, eyes in opened if eyes.errors] == []
