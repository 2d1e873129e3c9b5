"""The tour of demos/site in a real browser, as people use it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.looks import FAINT
from tests.plugins.processes import Process, unused_port

SITE = Path(__file__).parents[2] / "demos" / "site" / "app.py"


class Page:
    """A page of the browser, and what went wrong in it."""

    def __init__(self, page: Any, base: str) -> None:
        self.page = page
        self.base = base
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, path: str) -> Any:
        """Go to a path of the site; the response."""
        return self.page.goto(self.base + path)

    def text(self) -> str:
        return str(self.page.inner_text("body"))


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """The URL of the site."""
    port = unused_port()
    server = Process([sys.executable, "-m", "cyclone", "run", str(SITE), "--port", str(port)])
    try:
        server.wait_for_port(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()


@pytest.fixture
def site(base: str, browser: Any) -> Iterator[Page]:
    """The site, open in a fresh browser."""
    page = Page(browser.new_page(), base)
    yield page
    browser.close()
    assert page.errors == []


def test_the_index_counts_and_links_to_everything(site: Page) -> None:
    assert site.open("/").status == 200
    assert "Hello, stranger" in site.text()
    assert "page is number 1 " in site.text()
    site.page.reload()
    assert "page is number 2 " in site.text()
    links = [link.get_attribute("href") for link in site.page.query_selector_all("a[href^='/']")]
    assert {"/hello", "/json", "/clock", "/secret", "/fail", "/request"} <= set(links)
    expected = {"/fail": 500, "/nowhere": 404}
    for path in links:
        if path != "/clock":  # it does not end
            assert site.open(path).status == expected.get(path, 200), path


@pytest.mark.parametrize("path", ["/", "/fail", "/nowhere"])
def test_it_can_be_read_in_every_light_and_on_a_phone(site: Page, path: str) -> None:
    site.page.set_viewport_size({"width": 320, "height": 640})
    site.open(path)
    assert site.page.evaluate("document.documentElement.scrollWidth") == 320
    for scheme in ("light", "dark"):
        site.page.emulate_media(color_scheme=scheme)
        assert site.page.evaluate(FAINT) == [], scheme


def test_a_link_is_followed(site: Page) -> None:
    site.open("/")
    site.page.click("a[href='/user/42?q=x']")
    assert site.text().strip() == "user 42, q is x"


def test_a_file_is_uploaded(site: Page, tmp_path: Path) -> None:
    (tmp_path / "holiday.txt").write_text("sun and sea")
    site.open("/")
    site.page.fill("input[name=title]", "Grüße & <b>")
    site.page.set_input_files("input[name=photos]", str(tmp_path / "holiday.txt"))
    with site.page.expect_navigation():
        site.page.click("button:has-text('Upload')")
    answer = site.page.evaluate("JSON.parse(document.body.innerText)")
    assert answer == {
        "title": "Grüße & <b>",
        "files": [{"filename": "holiday.txt", "content_type": "text/plain", "size": 11}],
    }


def test_logging_in(site: Page) -> None:
    site.open("/secret")
    assert site.page.url == site.base + "/secret"  # by way of /login
    assert "The secret is yours, visitor." in site.text()
    site.open("/")
    assert "Hello, visitor" in site.text()


def test_a_redirect(site: Page) -> None:
    site.open("/old/place")
    assert site.page.url == site.base + "/?came-from=place"


def test_the_traceback_page_shows_where_and_no_secrets(site: Page) -> None:
    site.open("/")
    assert site.open("/fail?token=tell-nobody").status == 500
    shown = site.page.content()
    assert "ZeroDivisionError" in shown
    assert "not for the traceback page" not in shown
    assert "FailHandler" in shown or "demos/site/app.py" in shown
    assert "tell-nobody" not in shown


def test_the_clock_keeps_talking(site: Page) -> None:
    site.open("/")
    lines = site.page.evaluate(
        """async () => {
            const response = await fetch("/clock");
            const reader = response.body.getReader();
            let text = "";
            while (text.split("\\r\\n").length < 4)
                text += new TextDecoder().decode((await reader.read()).value);
            reader.cancel();
            return text.split("\\r\\n");
        }"""
    )
    assert all("listening" in line for line in lines[:3])
