"""`ExpectLog`: what a test expects in the log (Tornado)."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from types import TracebackType
from typing import Any, cast

from twisted.logger import ILogObserver, globalLogPublisher

from cyclone.log import Log, access_log, app_log, gen_log

__all__ = ["ExpectLog"]

#: Tornado's loggers, and which of ours say the same.
_OURS = {f"tornado.{name}": f"cyclone.{name}" for name in ("access", "application", "general")}
_LOGS = {log.name: log for log in (access_log, app_log, gen_log)}


class ExpectLog(logging.Filter):
    """A context in which something is expected in a log; if it does not come, the test fails.

    What is as expected is not shown, and trial, which takes logged errors for its own, is not
    told.

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
        self._log: Log | None = None
        if isinstance(logger, Log):
            self._log = logger
            logger = logger.name
        if isinstance(logger, str):
            name = _OURS.get(logger, logger)
            self._log = self._log or _LOGS.get(name)
            logger = logging.getLogger(name)
        self._publish: Callable[[Any], object] = globalLogPublisher
        self.logger = logger
        self.orig_level: int | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record of `logging` is shown."""
        return not self._take(record.getMessage(), record.levelno, bool(record.exc_info))

    def _observe(self, event: dict[str, Any]) -> None:
        """Take what is expected out of the events of a log of ours."""
        level = event.get("log_stdlib_level")  # there is one where there is a traceback
        has_stack = level is not None
        if level is None:
            level = _NUMBERS.get(event["log_level"].name, logging.INFO)
        if not self._take(str(event.get("log_text", "")), level, has_stack):
            self._publish(event)

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
        if self._log is not None:
            self._publish = self._log.logger.observer
            self._log.logger.observer = cast(ILogObserver, self._observe)
        return self

    def __exit__(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._log is not None:
            self._log.logger.observer = cast(ILogObserver, self._publish)
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
