"""How records of `logging` are shown, and the options for it."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler, TimedRotatingFileHandler
from pathlib import Path
from typing import Any

import pytest

from cyclone.log import (
    LogFormatter,
    app_log,
    assume_listening,
    define_logging_options,
    disable_stdlib_logging,
    enable_pretty_logging,
    pretty,
    use_logging_options,
)
from cyclone.options import OptionParser, options


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _bridge() -> Iterator[None]:
    assume_listening(False)
    yield
    disable_stdlib_logging()


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    made = logging.Logger("pretty")
    yield made
    for handler in made.handlers:
        handler.close()


def record(message: Any, *args: Any, level: int = logging.ERROR, **kwargs: Any) -> Any:
    return logging.LogRecord("name", level, "/dir/module.py", 12, message, args, None, **kwargs)


# --- the formatter -------------------------------------------------------------------------------


def test_format() -> None:
    text = LogFormatter(color=False, datefmt="%Y").format(record("%s and %d", "a", 1))
    assert text.startswith("[E 2")
    assert text.endswith(" module:12] a and 1")


def test_other_formats() -> None:
    formatter = LogFormatter(fmt="%(levelname)s %(color)s%(message)s%(end_color)s", color=False)
    assert formatter.format(record("x")) == "ERROR x"


def test_class_19_lines_are_indented() -> None:
    text = LogFormatter(color=False).format(record("a\n[E 131231 23:59:59 module:12] forged"))
    assert text.count("\n") == 1
    assert "\n    [E" in text


def test_tracebacks() -> None:
    failed = record("failed")
    try:
        raise ValueError("why")
    except ValueError:
        failed.exc_info = sys.exc_info()
    formatter = LogFormatter(color=False)
    text = formatter.format(failed)
    assert text.endswith("ValueError: why")
    assert "\n    Traceback" in text
    assert formatter.format(failed) == text  # with exc_text from the first time


def test_messages_that_do_not_fit() -> None:
    text = LogFormatter(color=False).format(record("%d", "x"))
    assert "Bad message" in text
    assert "'%d' ('x',)" in text


def test_colours_on_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    formatter = LogFormatter(fmt="%(color)s%(levelname)s%(end_color)s")
    assert formatter.format(record("x")) == "\x1b[31mERROR\x1b[0m"
    assert formatter.format(record("x", level=1)) == "Level 1"
    monkeypatch.setenv("NO_COLOR", "1")
    assert LogFormatter(fmt="%(color)s%(levelname)s").format(record("x")) == "ERROR"
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert LogFormatter(fmt="%(color)s%(levelname)s").format(record("x")) == "ERROR"
    monkeypatch.setattr(sys, "stderr", None)
    assert LogFormatter(fmt="%(color)s%(levelname)s").format(record("x")) == "ERROR"


# --- what the options do -------------------------------------------------------------------------


@pytest.fixture
def chosen() -> OptionParser:
    made = OptionParser()
    define_logging_options(made)
    return made


def test_stderr_is_the_default(chosen: OptionParser, logger: logging.Logger) -> None:
    enable_pretty_logging(chosen, logger)
    assert [type(handler) for handler in logger.handlers] == [logging.StreamHandler]
    assert logger.level == logging.INFO
    enable_pretty_logging(chosen, logger)
    assert len(logger.handlers) == 1
    chosen.log_to_stderr = True
    enable_pretty_logging(chosen, logger)
    assert len(logger.handlers) == 2


@pytest.mark.parametrize("level", [None, "none", "None"])
def test_none_touches_nothing(
    chosen: OptionParser, logger: logging.Logger, level: str | None
) -> None:
    chosen.logging = level
    enable_pretty_logging(chosen, logger)
    assert not logger.handlers


def test_wrong_level(chosen: OptionParser, logger: logging.Logger) -> None:
    chosen.logging = "loud"
    with pytest.raises(ValueError, match="the option logging is debug"):
        enable_pretty_logging(chosen, logger)
    assert not logger.handlers


@pytest.mark.parametrize(
    ("mode", "kind"), [("size", RotatingFileHandler), ("time", TimedRotatingFileHandler)]
)
def test_files(
    chosen: OptionParser, logger: logging.Logger, tmp_path: Path, mode: str, kind: type
) -> None:
    chosen.log_file_prefix = str(tmp_path / "log")
    chosen.log_rotate_mode = mode
    enable_pretty_logging(chosen, logger)
    (handler,) = logger.handlers
    assert isinstance(handler, kind)
    logger.error("hellö")
    handler.flush()
    text = (tmp_path / "log").read_text(encoding="utf-8")
    assert text.startswith("[E ")
    assert text.endswith("hellö\n")


def test_wrong_mode(chosen: OptionParser, logger: logging.Logger, tmp_path: Path) -> None:
    chosen.log_file_prefix = str(tmp_path / "log")
    chosen.log_rotate_mode = "moon"
    with pytest.raises(ValueError, match="log_rotate_mode"):
        enable_pretty_logging(chosen, logger)
    assert not logger.handlers


def test_cyclones_logs_come_too(chosen: OptionParser, caplog: pytest.LogCaptureFixture) -> None:
    enable_pretty_logging(chosen, logging.Logger("other"))
    with caplog.at_level(logging.INFO):
        app_log.info("hello")
    assert "hello" in caplog.text


def test_they_are_not_shown_twice(chosen: OptionParser, caplog: pytest.LogCaptureFixture) -> None:
    assume_listening(True)
    try:
        enable_pretty_logging(chosen, logging.Logger("other"))
        with caplog.at_level(logging.INFO):
            app_log.info("hello")
        assert "hello" not in caplog.text
    finally:
        assume_listening(None)


def test_parsing_applies_the_options(chosen: OptionParser, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(pretty, "enable_pretty_logging", seen.append)
    chosen.parse_command_line(["program"])
    assert seen == [chosen]


def test_the_programs_options(logger: logging.Logger) -> None:
    try:
        use_logging_options(None)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"import cyclone\.options"):
            define_logging_options()
        enable_pretty_logging(logger=logger)  # by Tornado's defaults
        assert logger.level == logging.INFO
    finally:
        use_logging_options(options)
    options.logging = "debug"
    try:
        enable_pretty_logging(logger=logger)
        assert logger.level == logging.DEBUG
    finally:
        options.logging = "info"


def test_the_root_is_the_default(chosen: OptionParser) -> None:
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    try:
        enable_pretty_logging(chosen)
        assert root.level == logging.INFO
    finally:
        root.setLevel(before[0])
        root.handlers[:] = before[1]
