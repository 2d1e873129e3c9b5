"""The page of demos/rpc in a real browser."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.processes import Process, unused_port

from .looks import FAINT
from .test_blog import Reader

RPC = Path(__file__).parents[2] / "demos" / "rpc"


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """The URL of the demo."""
    port = unused_port()
    command = [sys.executable, "-m", "cyclone", "run", "app.py", "--port", str(port)]
    server = Process(command, cwd=RPC)
    try:
        server.wait_for_port(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
    assert "Traceback" not in server.output


@pytest.fixture
def visitor(browser: Any, base: str) -> Iterator[Callable[..., Reader]]:
    """Opens the page for each new visitor."""
    visitors: list[Reader] = []

    def visit(**options: Any) -> Reader:
        visitors.append(Reader(browser, base, **options))
        assert visitors[-1].open("/") == 200
        return visitors[-1]

    yield visit
    assert [error for each in visitors for error in each.errors] == []


def summary(visitor: Reader, text: str) -> None:
    """Wait until the page says so."""
    visitor.page.get_by_role("status").filter(has_text=text).wait_for()


def test_calls_from_the_page(visitor: Callable[..., Reader]) -> None:
    ada = visitor()
    page = ada.page
    call = page.get_by_role("button", name="Call", exact=True)
    call.click()
    summary(ada, 'The answer: "Grüße"')
    assert '"jsonrpc": "2.0"' in page.inner_text("#response")

    page.get_by_label("Method", exact=True).select_option("divide")
    page.get_by_label("Arguments").fill('{"dividend": 1, "divisor": 0}')
    page.keyboard.press("Tab")
    call.click()
    summary(ada, "The answer: error 4: a number cannot be divided by zero")

    page.get_by_label("Arguments").fill("[1,")
    call.click()
    page.get_by_role("alert").filter(has_text="These are no arguments").wait_for()
    assert page.get_attribute("#params", "aria-invalid") == "true"
    assert page.evaluate("document.activeElement.id") == "params"

    page.get_by_label("Method", exact=True).select_option("nothing")
    page.get_by_role("button", name="Add to the batch").click()
    page.get_by_label("Method", exact=True).select_option("sort")
    page.get_by_role("button", name="Add to the batch").click()
    page.get_by_label("A notification").check()
    page.get_by_role("button", name="Add to the batch").click()
    assert page.locator("#batch li").count() == 3
    page.get_by_role("button", name="Send the batch").click()
    summary(ada, "The answer: error -32601: Method not found, [1,2,3]")
    assert page.locator("#batch li").count() == 0

    call.click()
    summary(ada, "The server has nothing to say to notifications.")
    page.get_by_label("1.0").check()
    call.click()
    summary(ada, "The answer: [1,2,3]")
    assert "jsonrpc" not in page.inner_text("#wire")
    assert page.get_by_role("button", name="Add to the batch").is_disabled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_in_every_light_and_on_a_phone(
    visitor: Callable[..., Reader], scheme: str
) -> None:
    still = {"reduced_motion": "reduce"}
    ada = visitor(**still, color_scheme=scheme, viewport={"width": 320, "height": 640})
    ada.page.get_by_label("Arguments").fill(f'["{"x" * 300}"]')
    ada.page.get_by_role("button", name="Add to the batch").click()
    ada.page.get_by_role("button", name="Call", exact=True).click()
    summary(ada, "The answer")
    assert ada.page.evaluate("document.documentElement.scrollWidth") == 320
    assert ada.page.evaluate(FAINT) == []
