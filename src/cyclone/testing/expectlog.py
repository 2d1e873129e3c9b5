"""`ExpectLog`: what a test expects in the log (Tornado)."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any, cast

from twisted.logger import ILogObserver, globalLogPublisher

from cyclone.log import Log

__all__ = ["ExpectLog"]

#: Tornado's loggers, and which of ours say the same.
_OURS = {f"tornado.{name}": f"cyclone.{name}" for name in ("access", "application", "general")}


class ExpectLog(logging.Filter):
    """A context in which something is expected in a log; if it does not come, the test fails.

    Records of `logging` that are as expected are not shown. Those of cyclone's logs are kept by
    Twisted, which has other observers.

    Args:
        logger: one of `logging` or its name, or one of `cyclone.log`. Names of Tornado's loggers
            mean ours.
        regex: what the message begins with.
        required: False if it may be missing.
        level: the level that it has, a number of `logging`; None for any.

    Attributes:
        matched: it has come.
        logged_stack: something was logged with a traceback, whether expected or not.
    """

    def __init__(
        self,
        logger: logging.Logger | Log | str,
        regex: str,
        required: bool = True,
        level: int | None = None,
    ) -> None:
        super().__init__()
        self.regex = re.compile(regex)
        self.required = required
        self.level = level
        self.matched = False
        self.logged_stack = False
        self._namespace = ""
        if isinstance(logger, Log):
            self._namespace = logger.name
            logger = logger.name
        if isinstance(logger, str):
            name = _OURS.get(logger, logger)
            if name in _OURS.values():
                self._namespace = name
            logger = logging.getLogger(name)
        self._observer = cast(ILogObserver, self._observe)  # one object, to be removed again
        self.logger = logger
        self.orig_level: int | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record of `logging` is shown."""
        return not self._take(record.getMessage(), record.levelno, bool(record.exc_info))

    def _observe(self, event: Mapping[str, Any]) -> None:
        if event.get("log_namespace") != self._namespace:
            return
        level = event.get("log_stdlib_level")  # there is one where there is a traceback
        has_stack = level is not None
        if level is None:
            level = _NUMBERS.get(event["log_level"].name, logging.INFO)
        self._take(str(event.get("log_text", "")), level, has_stack)

    def _take(self, message: str, level: int, has_stack: bool) -> bool:
        self.logged_stack = self.logged_stack or has_stack
        if self.regex.match(message) and self.level in (None, level):
            self.matched = True
            return True
        return False

    def __enter__(self) -> ExpectLog:
        if self.level is not None and self.level < self.logger.getEffectiveLevel():
            self.orig_level = self.logger.level
            self.logger.setLevel(self.level)
        self.logger.addFilter(self)
        if self._namespace:
            globalLogPublisher.addObserver(self._observer)
        return self

    def __exit__(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._namespace:
            globalLogPublisher.removeObserver(self._observer)
        self.logger.removeFilter(self)
        if self.orig_level is not None:
            self.logger.setLevel(self.orig_level)
        if typ is None and self.required and not self.matched:
            raise AssertionError(f"did not get expected log message {self.regex.pattern!r}")


_NUMBERS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
