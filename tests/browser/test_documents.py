"""The script that docs/sse.md shows hears what its program sends."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.documents import BLOCKS
from tests.plugins.processes import Process

PROGRAM, SCRIPT = (
    next(b.text for b in BLOCKS if b.document == "docs/sse.md" and b.language == language)
    for language in ("python", "js")
)
#: The loop that a comment in the program speaks of.
TICKING = "\nfrom twisted.internet.task import LoopingCall\n\nLoopingCall(tick).start(0.2)\n"


def test_the_script_hears_the_program(
    browser: Any, spawn: Callable[..., Process], free_port: int, tmp_path: Path
) -> None:
    (tmp_path / "clock.py").write_text(PROGRAM + TICKING)
    command = [sys.executable, "-m", "cyclone", "run", "clock.py", "--port", str(free_port)]
    spawn(command, cwd=tmp_path, port=free_port)
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{free_port}/")
    heard: list[str] = []
    # What the browser itself says, such as that there is no favicon, may come in between.
    page.on(
        "console", lambda message: heard.append(message.text) if message.type == "log" else None
    )
    with page.expect_console_message(lambda message: message.text[0].isdigit(), timeout=20_000):
        page.evaluate(f"() => {{ {SCRIPT} }}")
    assert heard[0] == "welcome"
