"""The page of demos/redis in a real browser, with a server that goes away and comes back."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.browser.looks import FAINT, SQUEEZED
from tests.plugins.valkey import Valkey

DEMO = Path(__file__).parents[2] / "demos" / "redis"
NASTY = "<img src=x onerror=alert(1)>"


def test_keys_and_messages(
    browser: Any, spawn: Callable[..., Any], new_valkey: Callable[..., Valkey]
) -> None:
    redis = new_valkey()
    place = f"redis://127.0.0.1:{redis.port}"
    command = [sys.executable, "-m", "cyclone", "run", "app.py", "--port=0", "--appopts", place]
    server = spawn(command, cwd=DEMO)
    url = server.wait_for_line(r"Listening on (http://\S+/)")[1]
    page = browser.new_page(viewport={"width": 320, "height": 640})
    page.set_default_timeout(20_000)
    problems: list[str] = []
    page.on("dialog", lambda dialog: problems.append(dialog.message))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text))
    page.goto(url)
    page.get_by_text("No keys yet").wait_for()
    page.get_by_text("Nothing yet").wait_for()
    page.get_by_label("Key", exact=True).fill(NASTY)
    page.get_by_label("Value").fill("x" * 5000)
    page.get_by_role("button", name="Set").click()
    page.get_by_role("cell", name=NASTY, exact=True).wait_for()
    assert page.get_by_text("No keys yet").is_hidden()
    page.get_by_label("Message", exact=True).fill(NASTY)
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("log").get_by_text(NASTY).wait_for()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(FAINT) == [], scheme
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.evaluate(SQUEEZED) == []
    page.get_by_role("button", name=f"Delete {NASTY}").click()
    page.get_by_text("No keys yet").wait_for()
    assert problems == []  # from here on the browser itself tells of every 503
    redis.kill()
    page.get_by_label("Key", exact=True).fill("later")
    page.get_by_role("button", name="Set").click()
    page.get_by_role("alert").get_by_text("The Redis server is away").wait_for()
    redis.start()
    page.get_by_role("alert").wait_for(state="hidden")  # nobody has to load the page again
    assert server.stop() == 0
