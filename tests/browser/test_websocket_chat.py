"""The chat in a real browser: two pages on two processes, and the server between them dies."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.plugins.valkey import Valkey

CHAT = Path(__file__).parents[2] / "demos" / "websocket" / "chat"


#: Has a socket that the page has left say something more.
LEFT = """async () => {
  const { Socket } = await import("/static/socket.js");
  const real = WebSocket, made = [], heard = [];
  window.WebSocket = class extends EventTarget {
    constructor() { super(); made.push(this); }
    close() {}
  };
  const socket = new Socket(() => "/x", (what) => heard.push(what.text));
  window.WebSocket = real;
  for (const text of ["here", "late"]) {
    made[0].dispatchEvent(new MessageEvent("message", { data: JSON.stringify({ text }) }));
    if (text === "here") socket.close();
  }
  return heard;
}"""


class Visitor:
    """Somebody in the chat."""

    def __init__(self, browser: Any, port: int, name: str) -> None:
        self.errors: list[str] = []
        self.page = browser.new_context().new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(f"http://127.0.0.1:{port}/")
        self.page.get_by_label("Your name").fill(name)
        self.page.get_by_role("button", name="Enter").click()
        self.is_connected()

    def is_connected(self) -> None:
        self.page.wait_for_selector("#status[data-state=open]")

    def says(self, text: str) -> None:
        self.page.get_by_label("Message", exact=True).fill(text)
        self.page.keyboard.press("Enter")

    def sees(self, text: str, where: str = "#messages") -> None:
        self.page.locator(where).get_by_text(text, exact=True).first.wait_for()

    def does_not_see(self, text: str) -> None:
        assert self.page.locator("#messages").get_by_text(text, exact=True).count() == 0


def test_two_processes(
    browser: Any,
    spawn: Callable[..., Any],
    new_port: Callable[[], int],
    new_valkey: Callable[..., Valkey],
) -> None:
    server = new_valkey()
    ports = [new_port(), new_port()]
    command = [sys.executable, "-m", "cyclone", "run", "app.py"]
    place = ["--appopts", f"redis://127.0.0.1:{server.port}?timeout=1"]
    processes = [spawn([*command, "--port", str(port), *place], cwd=CHAT) for port in ports]
    for port, process in zip(ports, processes, strict=True):
        process.wait_for_port(port)
    ada, grace = (
        Visitor(browser, port, name) for port, name in zip(ports, ["Ada", "Grace"], strict=True)
    )
    ada.sees("Grace", "#people")
    grace.sees("Ada", "#people")

    ada.says("<b>hello</b> & 'welcome'")
    grace.sees("<b>hello</b> & 'welcome'")
    grace.says("hello, too")
    ada.sees("hello, too")

    # The statistics of one process show both.
    statistics = browser.new_context().new_page()
    statistics.goto(f"http://127.0.0.1:{ports[1]}/statistics")
    statistics.locator("#people").get_by_text("Ada").wait_for()
    statistics.locator("#people").get_by_text("Grace").wait_for()
    statistics.wait_for_function("document.querySelector('#processes').textContent === '2'")
    statistics.wait_for_function("document.querySelector('#minute').textContent === '2'")

    # Another room hears nothing of it.
    grace.page.get_by_role("button", name="Workshop").click()
    grace.is_connected()
    ada.says("are you there?")
    ada.sees("are you there?")
    grace.page.get_by_role("button", name="Lobby").click()
    grace.is_connected()
    grace.does_not_see("are you there?")

    assert grace.page.evaluate(LEFT) == ["here"]

    server.kill()
    for one in (ada, grace):
        one.page.get_by_text("Messages may be lost until it is back.").wait_for()
    ada.says("into the void")
    ada.page.get_by_text("That could not be sent just now.").wait_for()
    server.start()
    for one in (ada, grace):
        one.is_connected()
        one.page.locator("#gap").wait_for(state="hidden")
        one.sees("Messages may have been lost here.")
    ada.says("we are back")
    grace.sees("we are back")
    grace.says("so we are")
    ada.sees("so we are")
    grace.does_not_see("into the void")
    assert ada.errors == grace.errors == []
