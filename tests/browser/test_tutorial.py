"""The noticeboard of the tutorial: what somebody pins appears on the page of somebody else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.plugins.processes import Process

BOARD = Path(__file__).parents[2] / "docs" / "tutorial" / "board"


def test_notes_appear_on_open_pages(
    browser: Any, twistd: Callable[..., Process], free_port: int, tmp_path: Path
) -> None:
    server = twistd(
        *("cyclone", "-p", str(free_port), "-r", "board.Application"),
        cwd=BOARD,
        env={"BOARD_DATABASE": str(tmp_path / "board.db"), "PYTHONDONTWRITEBYTECODE": "1"},
        port=free_port,
    )
    errors: list[str] = []

    def page_of(language: str) -> Any:
        page = browser.new_context(locale=language).new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"http://127.0.0.1:{free_port}/")
        return page

    reader, writer = page_of("es-ES"), page_of("en-GB")
    assert reader.inner_text("h1") == "Tablón de anuncios"
    writer.click("text=Sign up")
    writer.fill("[name=name]", "ann")
    writer.fill("[name=password]", "long enough")
    writer.click("button")
    writer.fill("[name=text]", "Piano <b>lessons</b>")
    writer.click("text=Pin it")
    for page in (writer, reader):
        page.wait_for_selector("li")
        assert page.inner_text("ol") == "Piano <b>lessons</b> (ann)"
    writer.click("text=Log out")
    writer.wait_for_selector("text=Log in")
    assert errors == []
    server.stop()
    assert "Traceback" not in server.output
