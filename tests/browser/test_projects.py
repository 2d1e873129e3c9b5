"""Projects made by ``cyclone app``, in a real browser, served as people begin: by start.sh."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cyclone.app import Project, create_project


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page in a dark and narrow window, whose reader speaks English; it may not complain."""
    viewport = {"width": 360, "height": 640}
    context = browser.new_context(locale="en-US", color_scheme="dark", viewport=viewport)
    page = context.new_page()
    page.set_default_timeout(20_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    yield page
    assert errors == []


def test_languages_and_accounts(
    tmp_path: Path, spawn: Callable[..., Any], free_port: int, page: Any
) -> None:
    directory = create_project(Project("shop", "signup", target=str(tmp_path)))
    environment = {"PYTHON": sys.executable, "DEBUG": "yes"}
    command = [str(directory / "start.sh"), f"--port={free_port}"]
    spawn(command, env=environment, line="^Listening on")
    base = f"http://127.0.0.1:{free_port}"

    def click(role: str, name: str) -> None:
        with page.expect_navigation():
            page.get_by_role(role, name=name, exact=True).first.click()

    def heading() -> str:
        return str(page.locator("h1").inner_text())

    page.goto(base + "/")
    assert heading() == "It works!"
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360, "it is wider than a telephone"
    for language, text, code in (
        ("Español (España)", "¡Funciona!", "es-ES"),
        ("Português (Brasil)", "Funcionou!", "pt-BR"),
        ("Deutsch (Deutschland)", "Es läuft!", "de-DE"),
    ):
        click("button", language)
        assert (heading(), page.get_attribute("html", "lang")) == (text, code)
        chosen = page.locator("footer [aria-current]").inner_text()
        assert chosen == language

    # The choice stays, on every page, and in the mail.
    click("link", "Konto anlegen")
    page.get_by_label("E-Mail-Adresse").fill("ann@example.com")
    click("button", "Link senden")
    assert "ann@example.com" in page.get_by_role("status").inner_text()
    (mail,) = (directory / "var" / "outbox").iterdir()
    text = mail.read_text("utf-8")
    assert "Subject: Bitte bestätigen Sie Ihre Adresse" in text
    (link,) = re.findall(r"^http\S+$", text, re.MULTILINE)
    page.goto(link)
    page.get_by_label("Neues Passwort").fill("correct horse battery")
    page.get_by_label("Noch einmal dasselbe").fill("correct horse battery")
    click("button", "Speichern")
    assert heading() == "Willkommen!"
    click("button", "Abmelden")
    click("link", "Anmelden")
    page.get_by_label("E-Mail-Adresse").fill("ann@example.com")
    page.get_by_label("Passwort", exact=True).fill("correct horse battery")
    page.get_by_label("Angemeldet bleiben").check()
    click("button", "Anmelden")
    assert "ann@example.com" in page.locator("main").inner_text()
