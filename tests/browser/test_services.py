"""The demos that log in elsewhere, fetch, translate, encrypt and take files, in a real browser.

All of them are served by one process, but for ssl, which is served as its README says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.looks import FAINT, SQUEEZED
from tests.demos.serving import serving
from tests.demos.test_ssl import Served

DEMOS = (
    *("auth", "github_auth", "dropbox_auth", "facebook"),
    *("httpclient", "locale", "upload", "eventsocket", "multiprotocol", "bottle"),
)


@pytest.fixture(scope="module")
def served() -> Iterator[dict[str, str]]:
    with serving(*DEMOS) as addresses:
        yield addresses


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page of a phone; what goes wrong in it fails the test."""
    problems: list[str] = []
    phone = {"width": 320, "height": 640}
    context = browser.new_context(locale="en-GB", viewport=phone, ignore_https_errors=True)
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda message: (
            problems.append(message.text) if "Content Security Policy" in message.text else None
        ),
    )
    yield page
    context.close()
    assert problems == []


def check_looks(page: Any) -> None:
    """It can be read in every light, fits on a phone, and everything has a name."""
    assert page.evaluate("document.documentElement.scrollWidth") == 320, page.url
    assert page.evaluate(SQUEEZED) == [], page.url
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(FAINT) == [], (page.url, scheme)
    unnamed = "[...document.querySelectorAll('input')].filter(e => !e.labels.length).length"
    assert page.evaluate(unnamed) == 0
    broken = "[...document.images].filter(e => e.complete && !e.naturalWidth).map(e => e.src)"
    assert page.evaluate(broken) == []


def press(page: Any, name: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).click()


def follow(page: Any, name: str) -> None:
    with page.expect_navigation():
        page.get_by_role("link", name=name, exact=True).click()


@pytest.mark.parametrize(
    ("demo", "service", "shown"),
    [
        ("auth", "OpenID Connect", "grace@example.org"),
        ("github_auth", "GitHub", "grace/cobol"),
        ("dropbox_auth", "Dropbox", "compiler.txt"),
        ("facebook", "Facebook", "9 September 1947"),
    ],
)
def test_logging_in(served: Any, page: Any, demo: str, service: str, shown: str) -> None:
    page.goto(served[demo])
    follow(page, f"Log in with {service}")
    assert not page.url.startswith(served[demo])
    if demo == "auth":
        check_looks(page)
        press(page, "Deny")
        assert "You are not logged in" in page.get_by_role("status").inner_text()
        check_looks(page)
        follow(page, f"Log in with {service}")
    page.get_by_label("Grace Hopper").check()
    press(page, "Allow")
    assert page.url.startswith(served[demo])
    assert "Grace Hopper" in page.inner_text("h1")
    page.get_by_text(shown).first.wait_for()
    check_looks(page)
    if demo == "auth":
        follow(page, "Members only")
        assert "you may sit down" in page.inner_text("main")
    press(page, "Log out")
    assert "Hello, stranger" in page.inner_text("h1")


def test_fetching(served: Any, page: Any) -> None:
    page.goto(served["httpclient"])
    page.get_by_role("checkbox", name="quick").wait_for()
    for name in ("large", "late", "endless", "broken", "missing"):
        page.get_by_role("checkbox", name=name).uncheck()
    page.get_by_role("button", name="Fetch").click()
    page.get_by_role("status").filter(has_text="4 fetched in").wait_for()
    items = page.get_by_role("listitem")
    assert "200 OK, 11 bytes" in items.filter(has_text="two redirects").inner_text()
    assert "not on the list" in items.filter(has_text="astray").inner_text()
    assert "200 OK, 3.9 KiB" in items.filter(has_text="steady").inner_text()
    assert "not chosen" in items.filter(has_text="endless").inner_text()
    check_looks(page)
    page.get_by_role("checkbox", name="late").check()
    page.get_by_role("button", name="Fetch").click()
    items.filter(has_text="late").get_by_text("asked").wait_for()
    page.get_by_role("button", name="Stop").click()
    assert page.get_by_role("status").inner_text() == "Stopped."
    assert "given up" in items.filter(has_text="late").inner_text()


def test_languages(served: Any, page: Any) -> None:
    page.goto(served["locale"])
    assert page.url.endswith("/en/")  # what the browser asked for
    page.get_by_label("How many apples?").fill("22")
    press(page, "Count")
    assert page.inner_text("#says") == "There are 22 apples in the basket."
    follow(page, "Polski")
    assert page.inner_text("#says") == "W koszu są 22 jabłka."
    follow(page, "العربية")
    assert page.evaluate("document.documentElement.dir") == "rtl"
    sides = "['.brand', 'nav'].map(s => document.querySelector(s).getBoundingClientRect().right)"
    assert page.evaluate(sides)[0] > 280  # it begins at the right
    check_looks(page)
    page.goto(served["locale"])
    assert page.url.endswith("/ar/")  # what was chosen last


def test_uploading(served: Any, page: Any) -> None:
    page.goto(served["upload"])
    page.get_by_text("Nothing yet.").wait_for()
    data = bytes(range(256)) * 12 * 1024
    file = {"name": "data <1>.bin", "mimeType": "text/html", "buffer": data}
    page.get_by_label("Choose files, or drop them here").set_input_files(file)
    page.get_by_role("status").filter(has_text="data <1>.bin is there: 3 MiB in").wait_for()
    item = page.get_by_role("listitem").filter(has_text="SHA-256")
    item.wait_for()
    with page.expect_download() as coming:
        page.get_by_role("link", name="data <1>.bin").click()
    with open(coming.value.path(), "rb") as kept:
        assert kept.read() == data
    # One that does not get anywhere, so that its progress can be looked at.
    page.evaluate("XMLHttpRequest.prototype.send = function () {}")
    page.get_by_role("button", name="Send 256 MiB of zeros").click()
    page.get_by_role("progressbar", name="Progress of zeros").wait_for()
    check_looks(page)
    # While it is under way the list is looked at again and again: the focus stays where it is.
    delete = page.get_by_role("button", name="Delete data <1>.bin")
    delete.focus()
    for _ in range(2):
        with page.expect_response("**/files"):
            pass
    page.keyboard.press("Enter")
    page.get_by_text("Nothing yet.").wait_for()


def test_shortening(served: Any, page: Any) -> None:
    page.goto(served["bottle"])
    page.get_by_text("No links yet.").wait_for()
    check_looks(page)
    page.get_by_label("A long link").fill("https://example.org/<b>?" + "way" * 60)
    press(page, "Shorten it")
    item = page.get_by_role("listitem").filter(has_text="https://example.org/<b>?way")
    assert "0 visits" in item.inner_text()
    page.eval_on_selector("form", "form => { form.noValidate = true; }")
    page.get_by_label("A long link").fill("javascript:alert(1)")
    press(page, "Shorten it")
    assert "http:// or https://" in page.get_by_role("alert").inner_text()
    assert page.evaluate("document.activeElement.id") == "url"
    check_looks(page)


def test_calling(served: Any, page: Any) -> None:
    page.goto(served["eventsocket"])
    page.get_by_role("status").get_by_text("The switch is there.").wait_for()
    page.get_by_label("Who calls").fill("Mary")
    page.get_by_label("Who is called").fill("Watson")
    page.get_by_role("button", name="Connect them").click()
    call = page.get_by_role("listitem").filter(has_text="Mary → Watson")
    call.wait_for()
    assert re.search(r"(ringing|talking) for 0:\d\d", call.inner_text())
    check_looks(page)
    call.get_by_role("button", name="Hang up Mary and Watson").click()
    call.get_by_text("over:").wait_for()
    assert page.inner_text("#said") == ""
    page.route("**/call", lambda route: route.abort())
    page.get_by_role("button", name="Connect them").click()
    page.get_by_text("The server cannot be reached.").wait_for()
    check_looks(page)
    assert int(page.inner_text("#over")) >= 1


def test_notices(served: Any, page: Any) -> None:
    page.goto(served["multiprotocol"])
    page.get_by_text("Nothing yet.").wait_for()
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Notice", exact=True).fill("<b>Hello</b>")
    page.get_by_role("button", name="Put it up").click()
    notice = page.get_by_role("listitem").filter(has_text="<b>Hello</b>")
    notice.wait_for()
    assert "Ada by HTTP" in notice.inner_text()
    check_looks(page)


def test_encrypting(page: Any, tmp_path: Any) -> None:
    demo = Served(tmp_path)
    try:
        page.goto(demo.plain)
        assert "Not encrypted" in page.inner_text("main")
        follow(page, "Enter the vault")
        assert page.url == demo.secure + "/vault/"
        assert page.inner_text("#visits") == "1" and "TLSv1.3" in page.inner_text("dl")
        follow(page, "Come in again")
        assert page.inner_text("#visits") == "2"
        check_looks(page)
        page.context.close()  # and with it its connections, which the server would wait for
        demo.process.stop()
        assert "Traceback" not in demo.process.output
    finally:
        demo.process.kill()
