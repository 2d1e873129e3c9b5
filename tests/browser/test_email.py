"""The form of demos/email in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

DEMO = Path(__file__).parents[2] / "demos" / "email"


def test_a_mail_is_written_and_read(
    twistd: Callable[..., Any], free_port: int, browser: Any
) -> None:
    base = f"http://127.0.0.1:{free_port}"
    twistd("cyclone", "-p", str(free_port), "-r", "app.Application", cwd=DEMO, port=free_port)
    errors: list[str] = []
    page = browser.new_page(viewport={"width": 320, "height": 640}, color_scheme="dark")
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))
    page.goto(base)
    page.get_by_label("Subject").fill("From a browser")
    page.get_by_label("Files").set_input_files(
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"Notes"}
    )
    page.get_by_role("button", name="Send").click()
    page.get_by_role("status").get_by_text("Sent to 2 recipients.").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.get_by_role("link", name="From a browser").click()
    page.get_by_role("heading", name="From a browser").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    inside = page.frame_locator("iframe")
    assert "This was sent by cyclone.mail." in inside.locator("body").inner_text()
    width = "image => image.decode().then(() => image.naturalWidth)"
    assert inside.locator("img").evaluate(width) > 0
    with page.expect_download() as download:
        page.get_by_role("link", name="notes.txt").click()
    assert Path(download.value.path()).read_bytes() == b"Notes"
    page.goto(base)
    page.get_by_label("From").fill("not an address")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("alert").get_by_text(re.compile("no mailbox name")).wait_for()
    assert page.get_by_label("From").input_value() == "not an address"
    assert [error for error in errors if "400 (Bad Request)" not in error] == []
