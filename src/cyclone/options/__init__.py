"""Options of a program, from its command line and from a configuration file (Tornado).

::

    from cyclone.options import define, options, parse_command_line

    define("port", default=8888, help="port to listen on")
    define("mysql_host", default="127.0.0.1:3306", help="database")

    def main():
        parse_command_line()
        reactor.listenTCP(options.port, Application())

``--help`` lists them all. Names may be written with dashes or underscores. The options of
`cyclone.log.define_logging_options` are there from the start, and parsing applies them.

    parser   OptionParser
    values   values from text; pure
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TextIO

from cyclone.log import define_logging_options, use_logging_options

from .parser import OptionParser
from .values import Error

__all__ = [
    "Error",
    "OptionParser",
    "add_parse_callback",
    "define",
    "options",
    "parse_command_line",
    "parse_config_file",
    "print_help",
]

options = OptionParser()
"""The options of the program."""


def define(
    name: str,
    default: Any = None,
    type: type | None = None,
    help: str | None = None,
    metavar: str | None = None,
    multiple: bool = False,
    group: str | None = None,
    callback: Callable[[Any], object] | None = None,
) -> None:
    """Define one of the program's options; see `OptionParser.define`."""
    if group is None:
        frame = inspect.currentframe()
        caller = frame.f_back if frame is not None else None
        group = caller.f_code.co_filename if caller is not None else None
    options.define(name, default, type, help, metavar, multiple, group, callback)


def parse_command_line(args: list[str] | None = None, final: bool = True) -> list[str]:
    """Set the program's options from its command line; see `OptionParser.parse_command_line`."""
    return options.parse_command_line(args, final)


def parse_config_file(path: str, final: bool = True) -> None:
    """Set the program's options from a file; see `OptionParser.parse_config_file`."""
    options.parse_config_file(path, final)


def print_help(file: TextIO | None = None) -> None:
    """List the program's options; see `OptionParser.print_help`."""
    options.print_help(file)


def add_parse_callback(callback: Callable[[], object]) -> None:
    """Call `callback` when the options have been parsed; see `OptionParser.add_parse_callback`."""
    options.add_parse_callback(callback)


define_logging_options(options)
use_logging_options(options)
