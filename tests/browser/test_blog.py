"""The blog of demos/blog in a real browser, served by twistd with its threads and its database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.looks import FAINT

BLOG = Path(__file__).parents[2] / "demos" / "blog"
PASSWORD = "correct horse battery"


class Reader:
    """Somebody with a browser of their own."""

    def __init__(self, browser: Any, base: str, **options: Any) -> None:
        self.base = base
        self.page = browser.new_context(**options).new_page()
        self.page.set_default_timeout(20_000)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: self.errors.append(f"dialog: {dialog.message}"))
        self.page.on("requestfailed", self._failed)
        self.page.on("console", self._said)

    def _failed(self, request: Any) -> None:
        if request.failure != "net::ERR_ABORTED":  # what the next page interrupts
            self.errors.append(f"{request.url}: {request.failure}")

    def _said(self, message: Any) -> None:
        if "Content Security Policy" in message.text:
            self.errors.append(message.text)

    def open(self, path: str) -> int:
        """Go to a path of the blog; the status."""
        return int(self.page.goto(self.base + path).status)

    @property
    def path(self) -> str:
        """Where the browser is."""
        return str(self.page.url).removeprefix(self.base)

    def text(self) -> str:
        return str(self.page.inner_text("body"))

    def click(self, role: str, name: str) -> None:
        """Click what people know under this name."""
        with self.page.expect_navigation():
            self.page.get_by_role(role, name=name, exact=True).first.click()

    def sign_up(self, name: str) -> None:
        self.open("/")
        self.click("link", "Sign up")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.locator("main").get_by_role("button", name="Sign up").click()
        self.page.wait_for_url(self.base + "/")

    def write(self, title: str, body: str) -> None:
        self.click("link", "Write")
        self.page.get_by_label("Title").fill(title)
        self.page.get_by_label("Text").fill(body)
        self.click("button", "Publish")


@pytest.fixture
def newcomer(
    twistd: Callable[..., Any], free_port: int, browser: Any, tmp_path: Path
) -> Iterator[Callable[..., Reader]]:
    """Opens the blog in a fresh browser for each newcomer."""
    data = str(tmp_path / "data")
    server = twistd(
        *("cyclone", "-p", str(free_port), "-r", "app.Application", "--appopts", data), cwd=BLOG
    )
    server.wait_for_port(free_port)
    readers: list[Reader] = []

    def open_blog(**options: Any) -> Reader:
        readers.append(Reader(browser, f"http://127.0.0.1:{free_port}", locale="en-GB", **options))
        return readers[-1]

    yield open_blog
    browser.close()
    assert [error for reader in readers for error in reader.errors] == []
    server.stop()
    assert "Server Shut Down." in server.output  # the threads of the database have ended
    assert "Traceback" not in server.output
    assert "Unhandled" not in server.output


def test_sign_up_post_translate_log_out_log_in(newcomer: Callable[..., Reader]) -> None:
    ada = newcomer()
    ada.open("/")
    ada.click("link", "Write the first entry")
    assert ada.path == "/login?next=%2Fcompose"
    ada.sign_up("Ada")
    assert "Log out Ada" in ada.text()

    ada.write("Grüße an <alle>", "The first.\n\nSee https://example.com/.\n\nThe <b>third</b>.")
    assert ada.path == "/entry/grusse-an-alle"
    assert ada.page.inner_text("h1") == "Grüße an <alle>"
    assert ada.page.locator("article .text p").count() == 3
    assert "The <b>third</b>." in ada.text()
    assert ada.page.get_attribute("article .text a", "href") == "https://example.com/"

    ada.click("button", "Español")
    assert ada.path == "/entry/grusse-an-alle"
    assert ada.page.get_attribute("html", "lang") == "es"
    assert "Cerrar sesión" in ada.text() and "The first." in ada.text()
    ada.click("link", "Archivo")
    assert "1 entrada" in ada.text()
    ada.click("button", "Português (Brasil)")
    assert "1 texto" in ada.text() and "Sair" in ada.text()
    ada.click("button", "English")

    ada.click("button", "Log out Ada")
    assert ada.path == "/" and "Log in" in ada.text()
    ada.click("link", "Log in")
    ada.page.get_by_label("Name").fill("ada")
    ada.page.get_by_label("Password").fill("not the password")
    ada.page.locator("main").get_by_role("button", name="Log in").click()
    ada.page.get_by_role("alert").wait_for()
    assert "Name or password are wrong." in ada.text()
    ada.page.get_by_label("Password").fill(PASSWORD)
    ada.page.locator("main").get_by_role("button", name="Log in").click()
    ada.page.wait_for_url(ada.base + "/")
    assert "Log out Ada" in ada.text()


def test_entries_belong_to_who_wrote_them(newcomer: Callable[..., Reader]) -> None:
    ada, eve = newcomer(), newcomer()
    ada.sign_up("Ada")
    ada.write("Mine", "Words of Ada.")
    eve.sign_up("Eve")
    eve.click("link", "Mine")
    assert "Words of Ada." in eve.text()
    assert eve.page.get_by_role("link", name="Edit").count() == 0
    assert eve.open("/entry/mine/edit") == 403
    assert "Not allowed" in eve.text()

    ada.click("link", "Edit")
    ada.page.get_by_label("Text").fill("Other words.")
    ada.click("button", "Save")
    eve.open("/entry/mine")
    assert "Other words." in eve.text()

    ada.click("link", "Edit")
    ada.page.get_by_text("Delete the entry").click()
    ada.click("button", "Delete for ever")
    assert "Nothing has been written yet." in ada.text()
    assert eve.open("/entry/mine") == 404


def test_a_form_that_is_wrong_says_so(newcomer: Callable[..., Reader]) -> None:
    ada = newcomer()
    ada.open("/signup")
    ada.page.get_by_label("Name").fill("-")
    ada.page.get_by_label("Password").fill("short")
    ada.page.locator("main").get_by_role("button", name="Sign up").click()
    ada.page.get_by_role("alert").first.wait_for()
    described = str(ada.page.get_attribute("#name", "aria-describedby")).split()
    assert [ada.page.locator(f"#{each}").count() for each in described] == [1, 1]
    assert ada.page.get_attribute("#name", "aria-invalid") == "true"
    assert ada.page.input_value("#name") == "-"
    assert ada.page.input_value("#password") == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_in_every_light_and_on_a_phone(
    newcomer: Callable[..., Reader], scheme: str
) -> None:
    ada = newcomer(color_scheme=scheme, viewport={"width": 320, "height": 640})
    ada.sign_up("Ada")
    ada.write("W" * 100, "x" * 500 + "\n\nhttps://example.com/" + "y" * 200)
    path = ada.path
    for each in ("/", path, path + "/edit", "/archive", "/nowhere", "/login", "/compose"):
        ada.open(each)
        assert ada.page.evaluate("document.documentElement.scrollWidth") == 320, each
        assert ada.page.evaluate(FAINT) == [], each
    background = ada.page.evaluate("getComputedStyle(document.body).backgroundColor")
    lightness = sum(map(int, re.findall(r"\d+", background)[:3])) / 3
    assert (lightness > 128) == (scheme == "light")


def test_the_keyboard_is_enough(newcomer: Callable[..., Reader]) -> None:
    ada = newcomer()
    ada.open("/signup")
    ada.page.keyboard.press("Tab")
    assert ada.page.evaluate("document.activeElement.textContent") == "Skip to the text"
    ada.page.keyboard.press("Enter")
    ada.page.keyboard.press("Tab")
    ada.page.keyboard.type("Ada")
    ada.page.keyboard.press("Tab")
    ada.page.keyboard.type(PASSWORD)
    with ada.page.expect_navigation():
        ada.page.keyboard.press("Enter")
    assert "Log out Ada" in ada.text()
