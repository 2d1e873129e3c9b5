"""demos/httpauth, demos/digest_auth and demos/sessions as they are served, in a real browser."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.looks import FAINT, SQUEEZED
from tests.plugins.processes import Process, unused_port

DEMOS = Path(__file__).parents[2] / "demos"
ADA = {"username": "ada", "password": "lovelace"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The addresses of the demos."""
    database = tmp_path_factory.mktemp("sessions") / "sessions.sqlite3"
    options = {"httpauth": [], "digest_auth": [], "sessions": ["--appopts", f"sqlite:{database}"]}
    servers, addresses = [], {}
    for demo, more in options.items():
        port = unused_port()
        command = [sys.executable, "-m", "cyclone", "run", "app.py", "--port", str(port), *more]
        servers.append((Process(command, cwd=DEMOS / demo), port))
        addresses[demo] = f"http://127.0.0.1:{port}"
    for server, port in servers:
        server.wait_for_port(port)
    yield addresses
    for server, _ in servers:
        server.kill()
    for server, _ in servers:
        assert "Traceback" not in server.output and "Unhandled" not in server.output


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page of a browser with cookies and passwords of its own."""
    problems: list[str] = []
    contexts = []

    def open_page(url: str, **options: Any) -> Any:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: note(message.text))
        page.goto(url)
        return page

    def note(text: str) -> None:
        if "Content Security Policy" in text:
            problems.append(text)

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


def press(page: Any, name: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).click()


def test_basic_with_curl_and_a_browser(served: Any, open_page: Any, program: Any) -> None:
    base = served["httpauth"]
    command = [program("curl"), "-sS", "--noproxy", "*", "--user", "ada:lovelace", f"{base}/api/me"]
    assert b'"user": "Ada"' in subprocess.run(command, capture_output=True, check=True).stdout
    page = open_page(f"{base}/", http_credentials=ADA)
    page.get_by_role("link", name="Enter the engine room").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Welcome, Ada"
    page.get_by_role("button", name="Who am I?").click()
    page.get_by_text('{"user":"Ada"').wait_for()
    page.get_by_role("link", name="note-g.txt").click()
    assert "Note G." in page.inner_text("body")


def test_digest_with_curl_and_a_browser(served: Any, open_page: Any, program: Any) -> None:
    base = served["digest_auth"]
    command = [program("curl"), "-sS", "--noproxy", "*", "--digest", "-u", "ada:lovelace"]
    answer = subprocess.run([*command, f"{base}/vault"], capture_output=True, check=True).stdout
    assert b"It opens, ada" in answer and b"SHA-256" in answer
    page = open_page(f"{base}/", http_credentials=ADA)
    page.get_by_role("link", name="Open the vault").click()
    assert page.inner_text("#algorithm") == "SHA-256"
    first = page.inner_text("#nonce")
    with page.expect_navigation():
        page.get_by_role("link", name="Load again").click()
    assert page.inner_text("#nonce") == first  # nothing was asked again
    press(page, "Log out ada")
    assert page.get_by_role("status").inner_text().startswith("You have logged out")
    page.get_by_role("link", name="Open the vault").click()
    assert page.inner_text("#nonce") != first  # the browser has had to ask


def test_sessions_in_two_browsers(served: Any, open_page: Any) -> None:
    phone, laptop = (open_page(f"{served['sessions']}/") for _ in range(2))
    for page in (phone, laptop):
        page.get_by_label("A note to yourself").fill("milk")
        press(page, "Remember")
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill("lovelace")
        press(page, "Log in")
        assert "The session has a new id." in page.get_by_role("status").inner_text()
        assert page.input_value("#note") == "milk"
    assert laptop.get_by_role("row").count() == 3
    press(laptop, "End all others")
    assert laptop.get_by_role("row").count() == 2
    phone.reload()
    assert "Hello, stranger" in phone.inner_text("h1")
    press(laptop, "Log out Ada")
    assert "Hello, stranger" in laptop.inner_text("h1")


def test_they_can_be_read_in_every_light_and_on_a_phone(served: Any, open_page: Any) -> None:
    paths = {"httpauth": ["/", "/private"], "digest_auth": ["/?left=yes", "/vault"]}
    for demo, pages in {**paths, "sessions": ["/"]}.items():
        phone = {"width": 320, "height": 640}
        page = open_page(f"{served[demo]}/", http_credentials=ADA, viewport=phone)
        for path in pages:
            assert page.goto(served[demo] + path).status == 200
            assert_readable(page)
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("lovelace")
    press(page, "Log in")
    assert_readable(page)


def assert_readable(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") == 320, page.url
    assert page.evaluate(SQUEEZED) == [], page.url
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(FAINT) == [], (page.url, scheme)
