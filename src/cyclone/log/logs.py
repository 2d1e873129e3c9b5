"""The three logs of Tornado, `access_log`, `app_log` and `gen_log`, kept by `twisted.logger`.

They are written to as Tornado's are (``app_log.warning("lost %s", name)``) and their events go to
Twisted's global publisher under the namespaces ``cyclone.access``, ``cyclone.application`` and
``cyclone.general``, where ``twistd``, ``log.startLogging(sys.stdout)`` or any observer finds them.
`enable_stdlib_logging` sends them to the loggers of the same names in `logging` as well.

Three promises:

* a line of the access log costs a fraction of a microsecond as long as nobody reads the log
  (`listening`);
* an event holds strings and numbers, never a handler or a request: Twisted keeps the last events
  until logging begins, and what they hold would stay in memory with them;
* what a peer sent is text, not instructions: braces in it are not interpolated, and control
  characters are escaped, so that nobody forges a line or drives a terminal (`printable`).
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
import warnings
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, TypeAlias

from twisted.logger import (
    ILogObserver,
    Logger,
    LogLevel,
    eventAsText,
    globalLogBeginner,
    globalLogPublisher,
)
from twisted.python import log as legacy_log
from twisted.python.failure import Failure
from zope.interface import implementer

from .requestid import current_request_id

__all__ = [
    "Log",
    "StdlibBridge",
    "access_log",
    "app_log",
    "assume_listening",
    "disable_stdlib_logging",
    "enable_stdlib_logging",
    "gen_log",
    "listening",
    "log_access",
    "printable",
    "printable_lines",
]

ExcTriple: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None]
ExcInfo: TypeAlias = bool | BaseException | Failure | ExcTriple | tuple[None, None, None] | None
"""What ``exc_info=`` may be: True for the exception in flight, or the exception in some form."""


# -- what a peer sent, made harmless ---------------------------------------------------------------

# Control characters except tab and line feed, the two Unicode line breaks, the bidirectional
# controls that make a terminal show one text and a program read another, and lone surrogates,
# which no stream can encode.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def _escaped(match: re.Match[str]) -> str:
    return ascii(match[0])[1:-1]


def printable(text: str) -> str:
    r"""`text` as one line that is safe to print: whatever is not printable becomes ``\x1b`` etc.

    Line breaks are escaped too, so a peer cannot start a line of its own in a log.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def printable_lines(text: str) -> str:
    r"""`text` with its line feeds and tabs kept and other control characters escaped.

    For messages of several lines, such as tracebacks, whose text may quote what a peer sent.
    """
    return _UNSAFE.sub(_escaped, text)


# -- is anybody reading? ---------------------------------------------------------------------------


class _Audience:
    """Whether somebody reads the log; `listening` is the question, asked for every request."""

    __slots__ = ("assumed", "begun")

    def __init__(self) -> None:
        self.assumed: bool | None = None
        self.begun = False

    def present(self) -> bool:
        if self.assumed is not None:
            return self.assumed
        if self.begun or legacy_log.theLogPublisher.observers:
            return True
        self.begun = warnings.showwarning == _TWISTED_SHOWWARNING
        return self.begun


# Twisted offers no "has logging begun?", but beginning has one effect that everybody can see: from
# then on the warnings of Python are shown by the log.
_TWISTED_SHOWWARNING = globalLogBeginner.showwarning
_audience = _Audience()


def listening() -> bool:
    """Whether somebody reads the log, so that writing an access line is worth its cost.

    True once logging has begun (``twistd``, ``cyclone run``, `twisted.python.log.startLogging`,
    `twisted.logger.globalLogBeginner`), while an observer of `twisted.python.log.addObserver` is
    there, after `enable_stdlib_logging`, or when `assume_listening` said so. An observer that was
    only added to `twisted.logger.globalLogPublisher` cannot be seen: say `assume_listening` then.
    """
    return _audience.present()


def assume_listening(answer: bool | None = True) -> None:
    """Decide what `listening` says: True or False for certain, None to find out again."""
    _audience.assumed = answer
    _audience.begun = False


# -- the three logs --------------------------------------------------------------------------------

_Level: TypeAlias = Any  # one of the constants of LogLevel, which carry no types

_LEVELS: Mapping[int, _Level] = {
    logging.DEBUG: LogLevel.debug,
    logging.INFO: LogLevel.info,
    logging.WARNING: LogLevel.warn,
    logging.ERROR: LogLevel.error,
    logging.CRITICAL: LogLevel.critical,
}


def _twisted_level(level: int) -> _Level:
    """The highest level of Twisted's five that is not above the number `level` of `logging`."""
    return _LEVELS[min(max(level // 10 * 10, logging.DEBUG), logging.CRITICAL)]


def _new_failure(*triple: object) -> Failure:
    return Failure(*triple)  # type: ignore[no-untyped-call]


def _failure(exc_info: ExcInfo) -> Failure | None:
    """The exception that `exc_info` means, None if it means none."""
    if isinstance(exc_info, Failure):
        return exc_info
    if isinstance(exc_info, BaseException):
        return _new_failure(exc_info, type(exc_info), exc_info.__traceback__)
    if exc_info:
        kind, value, trace = exc_info if isinstance(exc_info, tuple) else sys.exc_info()
        if value is not None:
            return _new_failure(value, kind, trace)
    return None


def _interpolated(message: object, args: tuple[object, ...]) -> str:
    """``message % args`` as `logging` does it; a mismatch shows both instead of raising."""
    text = str(message)
    if not args:
        return text
    values: Any = args
    if len(args) == 1 and isinstance(args[0], Mapping) and args[0]:
        values = args[0]
    try:
        return str(text % values)
    except (TypeError, ValueError, KeyError, IndexError):
        return f"{text} {args!r}"


class Log:
    """One log, with the methods of `logging.Logger` that Tornado's users call.

    Messages are %-formats with their arguments; ``exc_info`` is True, an exception, a triple as of
    `sys.exc_info` or a `Failure`; ``extra`` names further values for the event, which should be
    strings or numbers. Levels are the numbers of `logging`; `setLevel` drops what is below.

    Attributes:
        name: the namespace of the events, and the name in `logging`.
        logger: the `twisted.logger.Logger` behind it, for those who prefer its interface.
    """

    __slots__ = ("level", "logger", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.logger = Logger(namespace=name)
        self.level = logging.NOTSET

    def __repr__(self) -> str:
        return f"<Log {self.name}>"

    def setLevel(self, level: int | str) -> None:
        """Drop what is below `level`, a number or a name such as ``"WARNING"``.

        Raises:
            ValueError: for a name that `logging` does not know.
        """
        number = logging.getLevelName(level.upper()) if isinstance(level, str) else level
        if not isinstance(number, int):
            raise ValueError(f"unknown level: {level!r}")
        self.level = number

    def getEffectiveLevel(self) -> int:
        """The level set by `setLevel`; 0 before."""
        return self.level

    def isEnabledFor(self, level: int) -> bool:
        """Whether a message of this level is written."""
        return level >= self.level

    def log(
        self,
        level: int,
        message: object,
        *args: object,
        exc_info: ExcInfo = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        """Write a message at a level of `logging`, with a traceback when `exc_info` has one."""
        if level < self.level:
            return
        # A message of one line stays one, whatever its arguments hold.
        escape = printable_lines if "\n" in str(message) else printable
        text = escape(_interpolated(message, args))
        failure = _failure(exc_info)
        event: dict[str, object] = dict(extra or {})
        request_id = current_request_id()
        if request_id:
            event = {**_of_request(self.name, _twisted_level(level), request_id), **event}
        if failure is None:
            self.logger.emit(_twisted_level(level), "{log_text}", **event, log_text=text)
            return
        # Twisted's level for an unexpected exception is critical: what is shown on stderr if
        # logging has not begun. `log_stdlib_level` keeps the level that was asked for.
        event["log_stdlib_level"] = level
        twisted_level = LogLevel.critical if level >= logging.ERROR else _twisted_level(level)
        if listening():
            event["log_failure"] = _LoggedFailure.of(failure)
        else:
            # The event would sit in Twisted's buffer, and with its traceback the frames of the
            # handler, the request and its body.
            text = f"{text}\n{_traceback(failure)}"
        self.logger.emit(twisted_level, "{log_text}", **event, log_text=text)

    def debug(self, message: object, *args: object, **kwargs: Any) -> None:
        """`log` at the level debug."""
        self.log(logging.DEBUG, message, *args, **kwargs)

    def info(self, message: object, *args: object, **kwargs: Any) -> None:
        """`log` at the level info."""
        self.log(logging.INFO, message, *args, **kwargs)

    def warning(self, message: object, *args: object, **kwargs: Any) -> None:
        """`log` at the level warning."""
        self.log(logging.WARNING, message, *args, **kwargs)

    warn = warning

    def error(self, message: object, *args: object, **kwargs: Any) -> None:
        """`log` at the level error."""
        self.log(logging.ERROR, message, *args, **kwargs)

    def critical(self, message: object, *args: object, **kwargs: Any) -> None:
        """`log` at the level critical."""
        self.log(logging.CRITICAL, message, *args, **kwargs)

    fatal = critical

    def exception(
        self, message: object, *args: object, exc_info: ExcInfo = True, **kwargs: Any
    ) -> None:
        """`error` with the traceback of the exception in flight."""
        self.log(logging.ERROR, message, *args, exc_info=exc_info, **kwargs)

    def failure(self, message: object, failure: Failure, *args: object, **kwargs: Any) -> None:
        """`error` with the traceback of `failure`, for use in an errback."""
        self.log(logging.ERROR, message, *args, exc_info=failure, **kwargs)


def _of_request(name: str, level: _Level, request_id: str) -> dict[str, object]:
    """What an event says of its request: for programs, and for people in Twisted's text logs."""
    return {"request_id": request_id, "log_system": f"{name}#{level.name} {request_id}"}


class _LoggedFailure(Failure):
    """A failure as observers should show it: with its causes, and made harmless."""

    @classmethod
    def of(cls, failure: Failure) -> _LoggedFailure:
        logged = cls.__new__(cls)
        logged.__dict__.update(failure.__dict__)
        return logged

    def getTraceback(self, elideFrameworkCode: int = 0, detail: str = "default") -> str:
        if detail != "default":
            return printable_lines(super().getTraceback(elideFrameworkCode, detail))
        return f"{_traceback(self)}\n"


def _traceback(failure: Failure) -> str:
    """The traceback of `failure` with its causes, as Python prints it."""
    value = failure.value
    if value is None or value.__traceback__ is None:
        return printable_lines(Failure.getTraceback(failure))
    return printable_lines("".join(traceback.format_exception(value)).rstrip("\n"))


_NOTHING: Mapping[str, object] = {}

access_log = Log("cyclone.access")
"""One line for each request: see `log_access`. Tornado's ``tornado.access``."""
app_log = Log("cyclone.application")
"""Exceptions and messages of the application's own code. Tornado's ``tornado.application``."""
gen_log = Log("cyclone.general")
"""Everything else that the framework has to say. Tornado's ``tornado.general``."""


# -- access lines ----------------------------------------------------------------------------------


class _Request(Protocol):
    method: Any
    uri: Any
    remote_ip: Any

    def request_time(self) -> float: ...


class _Handler(Protocol):
    @property
    def request(self) -> Any: ...

    def get_status(self) -> int: ...


def log_access(handler: _Handler) -> None:
    """Write the access line of a finished request: ``200 GET /path (127.0.0.1) 1.23ms``.

    The level is info below status 400, warning below 500, error from there on, or what attribute
    ``access_log_level`` of the handler says; 0 is for no line. The event carries the parts too, for
    structured logs: `http_status`, `http_method`, `http_uri`, `http_remote_ip`, `http_seconds`, and
    `request_id` of requests that have one. Nothing is done while nobody is `listening`.
    """
    if not _audience.present():
        return
    status = handler.get_status()
    level = getattr(handler, "access_log_level", None)
    if level is None:
        level = logging.INFO if status < 400 else logging.WARNING if status < 500 else logging.ERROR
    if not level or level < access_log.level:
        return
    request: _Request = handler.request
    seconds = request.request_time()
    method, uri, address = str(request.method), str(request.uri), str(request.remote_ip)
    line = f"{status} {method} {uri} ({address}) {1000.0 * seconds:.2f}ms"
    if not line.isprintable():
        line = printable(line)
        method, uri, address = printable(method), printable(uri), printable(address)
    request_id = getattr(request, "request_id", "")
    twisted_level = _twisted_level(level)
    extra = _of_request(access_log.name, twisted_level, request_id) if request_id else _NOTHING
    access_log.logger.emit(
        twisted_level,
        "{log_text}",
        log_text=line,
        http_status=status,
        http_method=method,
        http_uri=uri,
        http_remote_ip=address,
        http_seconds=seconds,
        **extra,
    )


# -- logging of the standard library ---------------------------------------------------------------


@implementer(ILogObserver)
class StdlibBridge:
    """An observer that passes the events of the three logs on to `logging`.

    Each goes to the logger named as its namespace, at the level it was written with, its exception
    as ``exc_info``. Events of other namespaces are left alone; Twisted's own
    `twisted.logger.STDLibLogObserver` is there for those.
    """

    def __init__(self) -> None:
        logs = (access_log, app_log, gen_log)
        self._loggers = {log.name: logging.getLogger(log.name) for log in logs}
        self._numbers = {constant: number for number, constant in _LEVELS.items()}

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Pass one event on."""
        logger = self._loggers.get(event.get("log_namespace", ""))
        if logger is None:
            return
        level = event.get("log_stdlib_level")
        if level is None:
            level = self._numbers.get(event.get("log_level"), logging.INFO)
        if not logger.isEnabledFor(level):
            return
        failure: Failure | None = event.get("log_failure")
        exc_info: Any = None
        if failure is not None:
            trace = failure.getTracebackObject()  # type: ignore[no-untyped-call]
            exc_info = (failure.type, failure.value, trace)
        text = eventAsText(
            dict(event), includeTraceback=False, includeTimestamp=False, includeSystem=False
        )
        record = logger.makeRecord(
            logger.name, level, "cyclone", 0, "%s", (text,), exc_info, func=None
        )
        record.request_id = event.get("request_id") or current_request_id()
        if failure is not None:
            # What formatters show for exc_info: an exception's text may quote what a peer sent.
            record.exc_text = _traceback(failure)
        logger.handle(record)


_bridge = StdlibBridge()


def enable_stdlib_logging() -> None:
    """Send the three logs to `logging` too: ``cyclone.access`` and so on. Twice is as once.

    How they are shown, and whether at all, is then for `logging` to say: without a configuration
    it shows warnings and worse.
    """
    globalLogPublisher.addObserver(_bridge)
    assume_listening(True)


def disable_stdlib_logging() -> None:
    """Undo `enable_stdlib_logging`."""
    globalLogPublisher.removeObserver(_bridge)
    assume_listening(None)
