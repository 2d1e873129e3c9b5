"""One browser for all tests of this directory, and what they have in common.

Starting a browser takes longer than most of what is done with it.  So it is started once, and each
test has contexts of its own in it, which share nothing: cookies, storage, cache, connections.

Playwright leaves a loop of asyncio running in the thread that started it.  The browser is closed
before tests of other directories run, which would take that loop for their reactor's; and all tests
of this directory run in one process, one after the other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
# The browser is to ask nobody but the server of the test.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MARKS = [pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.xdist_group("browser")]


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            for mark in MARKS:
                item.add_marker(mark)


class _Started:
    """The browser of this process, once a test has asked for it."""

    def __init__(self) -> None:
        self._running: contextlib.ExitStack | None = None
        self.chromium: Any = None

    def start(self, path: str) -> Any:
        """The browser; it is started if it is not there."""
        if self._running is None:
            playwright = pytest.importorskip("playwright.sync_api", reason="no playwright")
            self._running = contextlib.ExitStack()
            driver = self._running.enter_context(playwright.sync_playwright())
            launch = driver.chromium.launch
            self.chromium = launch(executable_path=path, args=FLAGS, headless=True)
            self._running.callback(self.chromium.close)
        return self.chromium

    def close(self) -> None:
        """End it."""
        if self._running is not None:
            self._running.close()
            self._running = None


_STARTED = _Started()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    if nextitem is None or not nextitem.path.is_relative_to(HERE):
        _STARTED.close()


@pytest.fixture(scope="session")
def browser_ends(no_process_left: None) -> Iterator[None]:
    """After the last test of all the hook comes too late: `no_process_left` has looked by then."""
    yield
    _STARTED.close()


@pytest.fixture
def chromium(program: Callable[..., str], browser_ends: None) -> Any:
    """The browser itself; for a test to use `browser`."""
    return _STARTED.start(program("chromium", "chromium-browser", "google-chrome"))


class Browser:
    """The browser as one test sees it: ``new_context`` and ``new_page`` as in Playwright."""

    def __init__(self, chromium: Any) -> None:
        self._chromium = chromium
        self._contexts: list[Any] = []

    def new_context(self, **options: Any) -> Any:
        """Somebody with cookies and a cache of their own."""
        self._contexts.append(self._chromium.new_context(**options))
        return self._contexts[-1]

    def new_page(self, **options: Any) -> Any:
        """A page of somebody new."""
        return self.new_context(**options).new_page()

    def close(self) -> None:
        """Close what the test has opened."""
        while self._contexts:
            self._contexts.pop().close()


@pytest.fixture
def browser(chromium: Any) -> Iterator[Browser]:
    """The browser, for one test."""
    browser = Browser(chromium)
    yield browser
    browser.close()
