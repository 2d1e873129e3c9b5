"""Logs of `logging` for people to read: colours, files that rotate, and the options for both."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Protocol, cast

from .logs import enable_stdlib_logging, listening

__all__ = [
    "LogFormatter",
    "define_logging_options",
    "enable_pretty_logging",
    "use_logging_options",
]


class LoggingOptions(Protocol):
    """An `cyclone.options.OptionParser`, as far as it matters here."""

    def define(self, name: str, default: Any = None, *args: Any, **kwargs: Any) -> None: ...

    def add_parse_callback(self, callback: Any) -> None: ...


class _Standard:
    """What the options are when there are none."""

    logging: str | None = "info"
    log_to_stderr: bool | None = None
    log_file_prefix: str | None = None
    log_file_max_size = 100 * 1000 * 1000
    log_file_num_backups = 10
    log_rotate_when = "midnight"
    log_rotate_interval = 1
    log_rotate_mode = "size"


class _Current:
    """The program's options, once `cyclone.options` is imported."""

    options: Any = None


def use_logging_options(options: LoggingOptions) -> None:
    """Have `enable_pretty_logging` look at these options where it is given none."""
    _Current.options = options


def _supports_color() -> bool:
    """Whether stderr is a terminal that knows ANSI colours (as far as the environment tells)."""
    return (
        hasattr(sys.stderr, "isatty")
        and sys.stderr.isatty()
        and os.environ.get("TERM", "dumb") != "dumb"
        and not os.environ.get("NO_COLOR")
    )


class LogFormatter(logging.Formatter):
    """Formats records of `logging` as Tornado does: ``[I 131231 23:59:59 module:12] message``.

    What stands between ``%(color)s`` and ``%(end_color)s`` is coloured by level where stderr is a
    terminal; set ``NO_COLOR`` in the environment to have none. Further lines of a record are
    indented, so that none can be taken for a record of its own.

    Args:
        fmt: names attributes of records.
        datefmt: for ``%(asctime)s``, as in `time.strftime`.
        style: as in `logging.Formatter`; ``%`` is the only one (for ``dictConfig``).
        color: False for no colours anywhere.
        colors: numbers of ANSI colours by level.
    """

    DEFAULT_FORMAT: ClassVar[str] = (
        "%(color)s[%(levelname)1.1s %(asctime)s %(module)s:%(lineno)d]%(end_color)s %(message)s"
    )
    DEFAULT_DATE_FORMAT: ClassVar[str] = "%y%m%d %H:%M:%S"
    DEFAULT_COLORS: ClassVar[Mapping[int, int]] = {
        logging.DEBUG: 4,  # blue
        logging.INFO: 2,  # green
        logging.WARNING: 3,  # yellow
        logging.ERROR: 1,  # red
        logging.CRITICAL: 5,  # magenta
    }

    def __init__(
        self,
        fmt: str = DEFAULT_FORMAT,
        datefmt: str = DEFAULT_DATE_FORMAT,
        style: Literal["%"] = "%",
        color: bool = True,
        colors: Mapping[int, int] = DEFAULT_COLORS,
    ) -> None:
        super().__init__(fmt, datefmt, style, validate=False)
        self._template = fmt
        self._colors: dict[int, str] = {}
        self._normal = ""
        if color and _supports_color():
            self._colors = {level: f"\x1b[3{number}m" for level, number in colors.items()}
            self._normal = "\x1b[0m"

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; one whose arguments do not fit its message shows both."""
        try:
            record.message = record.getMessage()
        except Exception as error:
            record.message = f"Bad message ({error!r}): {record.msg!r} {record.args!r}"
        values = dict(record.__dict__)
        values["asctime"] = self.formatTime(record, self.datefmt)
        values["color"] = self._colors.get(record.levelno, "")
        values["end_color"] = self._normal if values["color"] else ""
        text = self._template % values
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            text = f"{text.rstrip()}\n{record.exc_text}"
        return text.replace("\n", "\n    ")


def enable_pretty_logging(options: Any = None, logger: logging.Logger | None = None) -> None:
    """Show the records of `logging`, and those of cyclone's three logs, as the options say.

    It is called when the options of a program have been parsed. Where Twisted's log is being
    read already (under ``twistd``, say), cyclone's logs are seen there and are not repeated.

    Args:
        options: with the attributes of `define_logging_options`; by default those of
            `cyclone.options`.
        logger: what gets the handlers; the root by default.

    Raises:
        ValueError: level or ``log_rotate_mode`` are none that exist.
        OSError: the log file cannot be opened.
    """
    options = options or _Current.options or _Standard
    if options.logging is None or options.logging.lower() == "none":
        return
    level = logging.getLevelName(options.logging.upper())
    if not isinstance(level, int):
        raise ValueError(f"the option logging is debug, info, warning or error, not {level!r}")
    handlers: list[logging.Handler] = []
    if options.log_file_prefix:
        handlers.append(_file_handler(options))
    logger = logging.getLogger() if logger is None else logger
    has_handlers = bool(logger.handlers or handlers)
    if options.log_to_stderr or (options.log_to_stderr is None and not has_handlers):
        handlers.append(logging.StreamHandler())
        handlers[-1].setFormatter(LogFormatter())
    for handler in handlers:
        logger.addHandler(handler)
    logger.setLevel(level)
    if not listening():
        enable_stdlib_logging()


def _file_handler(options: Any) -> logging.Handler:
    handler: logging.Handler
    if options.log_rotate_mode == "size":
        handler = logging.handlers.RotatingFileHandler(
            options.log_file_prefix,
            maxBytes=options.log_file_max_size,
            backupCount=options.log_file_num_backups,
            encoding="utf-8",
        )
    elif options.log_rotate_mode == "time":
        handler = logging.handlers.TimedRotatingFileHandler(
            options.log_file_prefix,
            when=options.log_rotate_when,
            interval=options.log_rotate_interval,
            backupCount=options.log_file_num_backups,
            encoding="utf-8",
        )
    else:
        raise ValueError(
            f'the option log_rotate_mode is "size" or "time", not {options.log_rotate_mode!r}'
        )
    handler.setFormatter(LogFormatter(color=False))
    return handler


def define_logging_options(options: LoggingOptions | None = None) -> None:
    """Define Tornado's options for logs, and have them applied when options are parsed.

    Those of `cyclone.options` have them already.

    Raises:
        ValueError: no options are given, and `cyclone.options` has not been imported.
    """
    options = cast("LoggingOptions | None", options or _Current.options)
    if options is None:
        raise ValueError("give the options, or import cyclone.options")
    group = "logging"
    define = options.define
    define(
        "logging",
        default=_Standard.logging,
        help="log level; 'none' leaves the configuration of logging as it is",
        metavar="debug|info|warning|error|none",
        group=group,
    )
    define(
        "log_to_stderr",
        type=bool,
        help="log to stderr, in colours on a terminal; the default where nothing else is set up",
        group=group,
    )
    define(
        "log_file_prefix",
        type=str,
        metavar="PATH",
        help="log to this file; each process needs its own",
        group=group,
    )
    define(
        "log_file_max_size",
        default=_Standard.log_file_max_size,
        help="bytes of a log file before another is begun",
        group=group,
    )
    define(
        "log_file_num_backups",
        default=_Standard.log_file_num_backups,
        help="log files that are kept",
        group=group,
    )
    define(
        "log_rotate_when",
        default=_Standard.log_rotate_when,
        help="unit of log_rotate_interval: S, M, H, D, W0 to W6, midnight",
        group=group,
    )
    define(
        "log_rotate_interval",
        default=_Standard.log_rotate_interval,
        help="how long a log file is used",
        group=group,
    )
    define(
        "log_rotate_mode",
        default=_Standard.log_rotate_mode,
        help="begin another log file by size or by time",
        metavar="size|time",
        group=group,
    )
    options.add_parse_callback(lambda: enable_pretty_logging(options))
