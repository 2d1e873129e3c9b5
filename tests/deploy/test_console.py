"""What ``cyclone run`` shows of an event."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from twisted.logger import Logger, LogLevel, LogPublisher
from twisted.python import log as legacy_log
from twisted.python.failure import Failure

from cyclone.deploy.console import console_observer, format_event, wants_colour


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(colour: bool = False, **event: Any) -> str:
    event = {"log_level": LogLevel.info, "log_time": 0.0, "log_namespace": "cyclone.x", **event}
    return format_event(event, colour) or ""


def test_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    line = shown(log_format="{log_text}", log_text="200 GET /", log_namespace="cyclone.access")
    assert re.fullmatch(r"\[I \d{6} \d\d:\d\d:\d\d access\] 200 GET /\n", line)


@pytest.mark.parametrize(
    ("level", "letter", "code"),
    [
        (LogLevel.debug, "D", 34),
        (LogLevel.info, "I", 32),
        (LogLevel.warn, "W", 33),
        (LogLevel.error, "E", 31),
        (LogLevel.critical, "C", 35),
        (None, "I", 32),
    ],
)
def test_levels(level: Any, letter: str, code: int) -> None:
    assert shown(log_level=level, log_format="x").startswith(f"[{letter} ")
    coloured = shown(colour=True, log_level=level, log_format="x")
    assert coloured.startswith(f"\x1b[{code}m[{letter} ")
    assert coloured.endswith("]\x1b[0m x\n")


def test_further_lines_are_indented() -> None:
    assert shown(log_format="one\n[I 000000 00:00:00 access] two").endswith(
        "] one\n    [I 000000 00:00:00 access] two\n"
    )


def test_control_characters_are_escaped() -> None:
    assert shown(log_format="a\r\x1b[2J\x9b\tb").endswith("] a\\r\\x1b[2J\\x9b\tb\n")
    assert "evil\\n" in shown(log_namespace="evil\n", log_format="x")


@pytest.mark.parametrize(
    "event",
    [
        {"log_format": None},
        {"log_format": ""},
        {"log_format": "Starting factory", "log_namespace": "twisted.web.server.Site"},
        {"log_format": "x", "log_namespace": "twisted.x", "log_level": LogLevel.debug},
    ],
)
def test_what_is_not_shown(event: dict[str, Any]) -> None:
    assert shown(**event) == ""


def test_warnings_of_twisted_are_shown() -> None:
    assert "bad" in shown(log_namespace="twisted.x", log_level=LogLevel.warn, log_format="bad")


def test_the_system_of_legacy_events() -> None:
    assert " -] hello" in shown(log_namespace="log_legacy", log_system="-", log_format="hello")


def test_an_event_without_anything() -> None:
    assert format_event({"log_format": "x"}, False) is not None


def failure() -> Failure:
    try:
        try:
            raise KeyError("cause")
        except KeyError as error:
            raise ValueError("effect \x1b") from error
    except ValueError:
        return Failure()


def test_tracebacks_name_causes() -> None:
    line = shown(log_failure=failure(), log_format="bad")
    first, *rest = line.splitlines()
    assert first.endswith("] bad")
    assert all(one.startswith("    ") for one in rest if one)
    assert "KeyError: 'cause'" in line
    assert line.endswith("ValueError: effect \\x1b\n")


@pytest.mark.parametrize("clean", [True, False])
def test_tracebacks_without_frames(clean: bool) -> None:
    if clean:
        bare = failure()
        bare.cleanFailure()
    else:
        bare = Failure(ValueError("never raised"))
    assert "ValueError" in shown(log_failure=bare, log_format="bad")


def test_observer_writes_what_the_stream_can_take() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, "ascii")
    logger = Logger("cyclone.x", observer=LogPublisher(console_observer(out, colour=False)))
    logger.info("caf\xe9")
    logger.debug("")
    assert raw.getvalue().endswith(b"] caf\\xe9\n")


def test_observer_on_a_stream_without_encoding() -> None:
    out = io.StringIO()
    logger = Logger("cyclone.x", observer=LogPublisher(console_observer(out, colour=True)))
    logger.warn("caf\xe9")
    assert out.getvalue().endswith("\x1b[0m caf\xe9\n")


def test_legacy_messages() -> None:
    out = io.StringIO()
    observer = console_observer(out, colour=False)
    legacy_log.LogPublisher(publishPublisher=LogPublisher(observer)).msg("from log.msg")
    assert out.getvalue().endswith("-] from log.msg\n")


@pytest.mark.parametrize(
    ("out", "variables", "expected"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colours_are_for_terminals(
    monkeypatch: pytest.MonkeyPatch,
    out: io.StringIO,
    variables: dict[str, str],
    expected: bool,
) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert wants_colour(out) is expected
