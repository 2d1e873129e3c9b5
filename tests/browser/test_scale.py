"""The demo of many workers as run.py starts it: a Valkey, two workers, nginx, and two pages."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.looks import FAINT
from tests.browser.test_live import until
from tests.plugins.valkey import binary

SCALE = Path(__file__).parents[2] / "demos" / "scale"

#: Has workers count until the pages' feeds come from others than these, and a little longer.
COUNT_ON = """async (old) => {
  let answers = 0, failed = 0;
  for (let rest = 10; rest > 0;) {
    const response = await fetch("count", { method: "POST" }).catch(() => ({ ok: false }));
    if (response.ok) answers += 1; else failed += 1;
    await new Promise(done => setTimeout(done, 20));
    if (!old.includes(document.getElementById("feeder").dataset.pid)) rest -= 1;
  }
  return { answers, failed };
}"""


class Visitor:
    """Somebody who looks at the page."""

    def __init__(self, browser: Any, url: str, way: str) -> None:
        self.errors: list[str] = []
        self.page = browser.new_page(viewport={"width": 320, "height": 640})
        self.page.set_default_timeout(20_000)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._said)
        self.page.goto(url)
        self.page.get_by_label(way).check()
        self.is_connected()

    def _said(self, message: Any) -> None:
        if "Content Security Policy" in message.text:
            self.errors.append(message.text)

    def is_connected(self) -> None:
        self.page.get_by_role("status").get_by_text("Connected", exact=True).wait_for()

    @property
    def feeder(self) -> str:
        return str(self.page.get_attribute("#feeder", "data-pid"))

    def click(self, name: str, expected: str) -> re.Match[str]:
        """Press a button; what the page says of it."""
        self.page.get_by_role("button", name=name).click()
        outcome = self.page.locator("#outcome")
        outcome.filter(has_text=re.compile(expected)).wait_for()
        found = re.search(expected, str(outcome.inner_text()))
        assert found is not None
        return found

    def says(self, text: str) -> None:
        self.page.get_by_label("Say something").fill(text)
        self.page.keyboard.press("Enter")

    def sees(self, text: str) -> None:
        self.page.get_by_role("log").get_by_text(text, exact=True).wait_for()

    def counts(self) -> list[int]:
        """What the feed says that workers have counted to, the last first."""
        lines = self.page.locator("#feed [data-kind=count] .what").all_inner_texts()
        return [int(line.split()[-1]) for line in lines]


@pytest.fixture
def scale(spawn: Callable[..., Any], program: Callable[..., str], free_port: int) -> Any:
    """The demo's process, and its address."""
    binary()
    if os.environ.get("CI"):
        program("nginx")
    path = f"/usr/sbin{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "run.py", "--port", str(free_port), "--workers", "2"]
    process = spawn(command, cwd=SCALE, line=r"^Ready: ", timeout=60)
    assert ("nginx in front" in process.output) is (shutil.which("nginx", path=path) is not None)
    return process, f"http://127.0.0.1:{free_port}/"


def test_two_pages_on_two_workers(browser: Any, scale: Any) -> None:
    process, address = scale
    ada = Visitor(browser, address, "server-sent events")
    bob = Visitor(browser, address, "WebSocket")
    for _ in range(100):  # the kernel decides who gets a connection
        if ada.feeder != bob.feeder:
            break
        bob.page.get_by_label("server-sent events").check()
        bob.is_connected()
        bob.page.get_by_label("WebSocket").check()
        bob.is_connected()
    assert ada.feeder != bob.feeder

    # What one does both see.
    assert ada.click("Count", r"has counted to (\d+)")[1] == "1"
    bob.sees("has counted to 1")
    bob.says("<b>hello</b>")
    ada.sees("was told: <b>hello</b>")
    ada.click("Load", r"120 answers, \d+ a second; 0 failed")

    # One worker dies: its page comes back to another, and has missed nothing.
    dead = bob.click("Crash", r"process (\d+)\) kills itself")[1]
    for one in (ada, bob):
        until(one.page, f"document.querySelector(`#workers [data-pid='{dead}']`) === null")
        until(one.page, f"document.getElementById('feeder').dataset.pid !== '{dead}'")
        one.is_connected()
    ada.says("still here")
    bob.sees("was told: still here")

    # All are replaced, while they count.
    old = ada.page.locator("#workers li").evaluate_all("all => all.map(one => one.dataset.pid)")
    assert len(old) == 2
    process.signal(signal.SIGHUP)
    done = ada.page.evaluate(COUNT_ON, old)
    assert done["failed"] == 0, process.output[-6000:]
    last = done["answers"] + 1
    for one in (ada, bob):
        until(one.page, f"!{old}.includes(document.getElementById('feeder').dataset.pid)")
        one.is_connected()
        one.sees(f"has counted to {last}")
        counts = one.counts()
        assert counts == list(range(last, last - len(counts), -1))
        assert one.page.inner_text("#count") == str(last)

    for scheme in ("light", "dark"):
        ada.page.emulate_media(color_scheme=scheme)
        assert ada.page.evaluate(FAINT) == [], scheme
    assert ada.page.evaluate("document.documentElement.scrollWidth") == 320
    assert ada.errors == bob.errors == []

    process.signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert "Traceback" not in process.output and "Unhandled" not in process.output
