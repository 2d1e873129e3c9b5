"""The gallery in a real browser: from its page to a demo and back."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

GALLERY = Path(__file__).parents[2] / "demos" / "gallery"


def test_from_the_gallery_to_a_demo(
    browser: Any, spawn: Callable[..., Any], free_port: int
) -> None:
    command = [sys.executable, "-m", "cyclone", "run", "app.py", "--port", str(free_port)]
    server = spawn(command, cwd=GALLERY)
    server.wait_for_port(free_port)
    page = browser.new_page(viewport={"width": 320, "height": 640}, color_scheme="dark")
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))
    page.goto(f"http://127.0.0.1:{free_port}/")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.get_by_role("button", name="Open Short links").click()
    page.get_by_role("heading", name="Short links").wait_for()
    assert page.url != f"http://127.0.0.1:{free_port}/"
    # A demo that talks to a Redis finds one.
    page.goto(f"http://127.0.0.1:{free_port}/")
    assert page.get_by_text("runs", exact=True).count() == 1
    page.get_by_role("button", name="Open Redis").click()
    page.wait_for_url(lambda url: f":{free_port}/" not in url)
    assert page.goto(page.url + "keys").status == 200
    assert errors == []
    assert server.stop() == 0
