"""`run`, as a script of its own."""

from __future__ import annotations

import signal
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cyclone.bottle import Bottle

SCRIPT = """
import sys
from cyclone.bottle import route, run

@route("/")
def index(web):
    return "ANSWER " + type(web.application.clock).__module__

run({arguments})
"""

Start = Callable[[str], Any]


@pytest.fixture
def start(tmp_path: Path, spawn: Callable[..., Any]) -> Start:
    path = tmp_path / "script.py"

    def begin(arguments: str) -> Any:
        path.write_text(SCRIPT.replace("{arguments}", arguments))
        return spawn([sys.executable, str(path)])

    return begin


def fetch(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as response:
        text: str = response.read().decode()
        return text


def test_serving_until_a_signal_comes(start: Start, free_port: int) -> None:
    process = start(f"port={free_port}")
    process.wait_for_line("Listening on")
    assert fetch(free_port).startswith("ANSWER cyclone.uvloopreactor")
    process.signal(signal.SIGTERM)
    assert process.wait() == 0
    assert "200 GET /" in process.output


def test_another_log_and_another_reactor(start: Start, free_port: int, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    process = start(f"port={free_port}, log=open({str(log)!r}, 'a'), reactor='select'")
    process.wait_for_line("Listening on")
    assert fetch(free_port) == "ANSWER twisted.internet.selectreactor"
    process.signal(signal.SIGTERM)
    assert process.wait() == 0
    assert "200 GET /" in log.read_text()
    assert "200 GET /" not in process.output


def test_no_log(start: Start, free_port: int) -> None:
    process = start(f"port={free_port}, log=None")
    process.wait_for_line("Listening on")
    fetch(free_port)
    process.signal(signal.SIGTERM)
    assert process.wait() == 0
    assert "GET" not in process.output


def test_a_port_that_is_taken(start: Start, free_port: int) -> None:
    start(f"port={free_port}").wait_for_line("Listening on")
    second = start(f"port={free_port}")
    assert second.wait() == 1
    assert str(free_port) in second.output
    assert "Traceback" not in second.output


def test_a_reactor_that_does_not_exist(start: Start, free_port: int) -> None:
    process = start(f"port={free_port}, reactor='warp'")
    assert process.wait() == 1
    assert "there is no reactor 'warp'" in process.output


def test_reloading(start: Start, free_port: int, tmp_path: Path) -> None:
    process = start(f"port='{free_port}', reload=True")
    process.wait_for_line("Listening on")
    assert fetch(free_port).startswith("ANSWER")
    path = tmp_path / "script.py"
    path.write_text(path.read_text().replace("ANSWER", "CHANGED"))
    process.wait_for_line("(?s)Listening on.*Listening on")
    assert fetch(free_port).startswith("CHANGED")
    process.signal(signal.SIGTERM)
    assert process.wait() == 0


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"port": 99999}, ValueError, "'99999' is not a port number"),
        ({"port": "http"}, ValueError, "'http' is not a port number"),
        (
            {"log": "file.txt"},
            TypeError,
            "log is a file object, or None for no log, not 'file.txt'",
        ),
    ],
)
def test_settings_that_make_no_sense(
    settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Bottle().run(**settings)


def test_a_base_handler_that_is_none() -> None:
    with pytest.raises(TypeError, match="base_handler is a class of request handlers, not 3"):
        Bottle().create_app(base_handler=3)
