"""The demos that talk while one looks, in a real browser: pages of two people at one server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.looks import FAINT
from tests.plugins.processes import Process, script, unused_port

DEMOS = Path(__file__).parents[2] / "demos"


class Demo:
    """A demo, served by twistd, and pages of it."""

    def __init__(self, browser: Any, path: str) -> None:
        self._browser = browser
        port = unused_port()
        self.base = f"http://127.0.0.1:{port}/"
        self.server = Process(
            [script("twistd"), "--nodaemon", "--pidfile=", "cyclone", "-p", str(port),
             "-r", "app.Application"],
            cwd=DEMOS / path,
        )  # fmt: skip
        self.errors: list[str] = []
        self._contexts: list[Any] = []
        self.server.wait_for_port(port)

    def open(self, **options: Any) -> Any:
        """The page in a browser of somebody else."""
        context = self._browser.new_context(locale="en-GB", **options)
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._said)
        page.goto(self.base)
        return page

    def _said(self, message: Any) -> None:
        if "Content Security Policy" in message.text:
            self.errors.append(message.text)

    def stop(self) -> None:
        """End the server while the pages are open; it does not wait for them."""
        self.server.stop(timeout=15)
        for context in self._contexts:
            context.close()
        assert self.errors == []
        assert "Traceback" not in self.server.output and "Unhandled" not in self.server.output


@pytest.fixture
def demo(browser: Any) -> Iterator[Callable[[str], Demo]]:
    started: list[Demo] = []

    def start(path: str) -> Demo:
        started.append(Demo(browser, path))
        return started[-1]

    yield start
    try:
        for each in started:
            each.stop()
    finally:
        for each in started:
            each.server.kill()


def check_looks(demo: Demo, ready: Callable[[Any], None]) -> None:
    """It can be read in every light, and fits on a phone."""
    page = demo.open(viewport={"width": 320, "height": 640})
    ready(page)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(FAINT) == [], scheme
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    unnamed = "[...document.querySelectorAll('input, textarea')].filter(e => !e.labels.length)"
    assert page.evaluate(f"{unnamed}.length") == 0
    page.keyboard.press("Tab")
    assert str(page.evaluate("document.activeElement.textContent")).startswith("Skip to")


def fact(page: Any, name: str) -> str:
    return str(page.inner_text(f"#{name}"))


def until(page: Any, condition: str) -> None:
    """Wait until a condition, in JavaScript, holds; the page's policy forbids waiting in there."""
    for _ in range(400):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {condition}\n{page.inner_text('body')}")


def test_prices_and_a_connection_that_is_cut(demo: Callable[[str], Demo]) -> None:
    market = demo("sse")
    page = market.open()
    page.get_by_role("status").get_by_text("Connected", exact=True).wait_for()
    until(page, "document.getElementById('count').textContent > 3")
    assert page.get_by_role("listitem").filter(has_text="Elderberry").count() >= 1
    assert page.locator("polyline").first.get_attribute("points")
    page.get_by_role("button", name="Cut the connection").click()
    page.get_by_text("Connection lost, coming back").wait_for()
    # The browser comes back after a second, by itself, with Last-Event-ID.
    page.get_by_role("status").get_by_text("Connected", exact=True).wait_for()
    until(page, "document.getElementById('opened').textContent == '2'")
    until(page, "document.getElementById('missed').textContent > 0")
    assert re.fullmatch(r"[0-9a-f]{8}-\d+", fact(page, "last"))
    last = int(fact(page, "last").split("-")[1])
    assert int(fact(page, "count")) <= last  # none came twice
    page.get_by_role("button", name="Stop").click()
    assert fact(page, "state") == "Stopped"
    page.get_by_role("button", name="Start").click()
    page.get_by_role("status").get_by_text("Connected", exact=True).wait_for()
    check_looks(market, lambda page: until(page, "document.querySelectorAll('.log li').length > 2"))


def test_every_event_comes_once_over_many_connections(demo: Callable[[str], Demo]) -> None:
    """`EventSource` alone: what it gets over connections that are cut all the time."""
    page = demo("sse").open()
    numbers = page.evaluate("""() => new Promise(done => {
        const source = new EventSource("prices?client=other");
        const numbers = [];
        source.addEventListener("price", event => {
            numbers.push(Number(event.lastEventId.split("-")[1]));
            if (numbers.length >= 12) { source.close(); done(numbers); }
            else if (numbers.length % 4 == 0)
                fetch("cut", { method: "POST", body: new URLSearchParams({ client: "other" }) });
        });
    })""")
    first = numbers[0]
    assert numbers == list(range(first, first + len(numbers)))


def test_two_people_chat(demo: Callable[[str], Demo]) -> None:
    chat = demo("chat")
    ada, bob = chat.open(), chat.open()
    for page, name in ((ada, "Ada"), (bob, "Bob")):
        page.get_by_role("status").get_by_text("Connected").wait_for()
        page.get_by_label("Your name").fill(name)

    def say(page: Any, text: str) -> None:
        page.get_by_label("Message", exact=True).fill(text)
        page.keyboard.press("Enter")

    say(ada, "Hello <b>Bob</b>")
    bob.get_by_role("log").get_by_text("Hello <b>Bob</b>").wait_for()
    say(bob, "Hello Ada")
    ada.get_by_role("log").get_by_text("Hello Ada").wait_for()
    assert ada.get_by_label("Message", exact=True).input_value() == ""
    assert ada.locator("li.mine").count() == 1
    late = chat.open()
    late.get_by_role("log").get_by_text("Hello Ada").wait_for()
    ada.reload()
    assert ada.get_by_label("Your name").input_value() == "Ada"
    ada.get_by_label("Your name").fill("   ")
    say(ada, "who am I?")
    ada.get_by_role("alert").get_by_text("Not sent").wait_for()
    assert ada.get_by_label("Message", exact=True).input_value() == "who am I?"
    check_looks(chat, lambda page: page.get_by_text("Hello Ada").wait_for())


def test_echo_shows_what_goes_over_the_wire(demo: Callable[[str], Demo]) -> None:
    echo = demo("websocket/echo")
    page = echo.open()
    page.get_by_text("Connected", exact=True).wait_for()
    frames = page.get_by_role("log")
    page.get_by_label("Message", exact=True).fill("Grüße")
    page.get_by_role("button", name="Send").click()
    frames.get_by_text("received Grüße text, 7 bytes").wait_for()
    assert fact(page, "last").endswith(" ms") and fact(page, "count") == "1"
    page.get_by_label("bytes, in hexadecimal").check()
    page.get_by_label("Message", exact=True).fill("00 FF 7f")
    page.get_by_role("button", name="Send").click()
    frames.get_by_text("received 00 ff 7f binary, 3 bytes").wait_for()
    page.get_by_label("Message", exact=True).fill("0g")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("alert").get_by_text("hexadecimal").wait_for()
    page.get_by_role("button", name="Measure 100 messages").click()
    frames.get_by_text("received 100 messages").wait_for()
    assert fact(page, "count") == "100"

    page.get_by_label("Code").fill("4001")
    page.get_by_label("Reason").fill("enough")
    page.get_by_role("button", name="Have the server close").click()
    frames.get_by_text("closed with 4001 “enough”").wait_for()
    page.get_by_label("Compress").check()
    page.get_by_label("Ask for subprotocol").check()
    page.get_by_role("button", name="Connect").click()
    frames.get_by_text("permessage-deflate, subprotocol echo").wait_for()
    page.get_by_label("Code").fill("1001")
    page.get_by_role("button", name="Close from here").click()
    page.get_by_role("alert").get_by_text("1001").wait_for()
    page.get_by_label("Code").fill("3000")
    page.get_by_role("button", name="Close from here").click()
    frames.get_by_text("closed with 3000").wait_for()
    check_looks(echo, lambda page: page.get_by_text("Connected", exact=True).wait_for())
