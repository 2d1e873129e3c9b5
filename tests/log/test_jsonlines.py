"""The log as lines of JSON: one object for each event, whatever is in it."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import Logger, LogLevel, LogPublisher
from twisted.python.failure import Failure

from cyclone.deploy.console import format_event
from cyclone.log import (
    StdlibBridge,
    app_log,
    current_request_id,
    enter_request,
    is_request_id,
    json_line,
    json_observer,
    new_request_id,
)


def logged(write: Any) -> list[dict[str, Any]]:
    out = io.StringIO()
    publisher = LogPublisher(json_observer(out))
    write(Logger(namespace="test", observer=publisher))
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_levels_and_times() -> None:
    (line,) = logged(lambda log: log.warn("{a} {b}", a=1, b="two"))
    assert line.pop("time").endswith("Z")
    assert line == {"level": "warn", "logger": "test", "message": "1 two"}


def test_tracebacks() -> None:
    def write(log: Logger) -> None:
        try:
            raise ValueError("one\ntwo")
        except ValueError:
            log.failure("it broke")

    (line,) = logged(write)
    assert line["level"] == "critical"
    assert line["message"] == "it broke"
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("one\ntwo")
    (line,) = logged(lambda log: log.failure("lost", Failure(KeyError("k"))))
    assert "KeyError" in line["exception"]


@given(st.text(), st.text(), st.floats(), st.text())
def test_anything_is_one_line(text: str, uri: str, seconds: float, request_id: str) -> None:
    event = {
        "log_format": "{log_text}",
        "log_text": text,
        "http_uri": uri,
        "http_seconds": seconds,
        "request_id": request_id,
        "log_level": LogLevel.info,
    }
    line = json_line(event)
    assert line.isascii()
    assert line.count("\n") == 1
    assert "\r" not in line
    found = json.loads(line, parse_constant=pytest.fail)
    assert found["uri"] == uri
    assert found["message"] == text


def test_long_ones_are_cut() -> None:
    (line,) = logged(lambda log: log.info("{x}", x="a" * 1_000_000))
    assert len(line["message"]) == 16387


def test_the_request_that_something_was_logged_for() -> None:
    import contextvars

    def run() -> list[dict[str, Any]]:
        enter_request("abc")
        assert current_request_id() == "abc"
        return logged(lambda log: log.info("x"))

    (line,) = contextvars.Context().run(run)
    assert line["request_id"] == "abc"
    assert current_request_id() == ""


def test_ids() -> None:
    assert is_request_id(new_request_id())
    assert new_request_id() != new_request_id()
    for text in ("a", "A" * 128, "0-9._~+/=:;,@", "Root=1-67891233-abc;Self=1"):
        assert is_request_id(text)
    for text in ("", "a" * 129, "-a", "a b", "a\n", "é", '"', "\\", "a%0a"):
        assert not is_request_id(text)


def test_lines_for_people() -> None:
    event = {
        "log_level": LogLevel.info,
        "log_namespace": "cyclone.access",
        "log_system": "cyclone.access#info abc",
        "log_format": "hello",
        "log_time": 0.0,
        "request_id": "abc",
    }
    line = format_event(event)
    assert line is not None
    assert line.endswith("access abc] hello\n")


def test_logging_of_the_standard_library(caplog: pytest.LogCaptureFixture) -> None:
    event = {
        "log_level": LogLevel.info,
        "log_namespace": app_log.name,
        "log_format": "hello",
        "request_id": "abc",
    }
    with caplog.at_level(logging.INFO, app_log.name):
        StdlibBridge()(event)
    assert caplog.records[0].request_id == "abc"  # type: ignore[attr-defined]
