"""`OptionParser`: a set of options with their values."""

from __future__ import annotations

import inspect
import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TextIO

from .values import Error, parse_list, parse_value

__all__ = ["OptionParser"]

#: Columns of the help text: of the names, and of everything.
_NAME_WIDTH, _WIDTH = 35, 79


class _Option:
    """One option.

    Attributes:
        name: as it was defined.
        group: what it is listed under.
    """

    def __init__(
        self,
        name: str,
        default: Any,
        kind: type,
        help: str | None,
        metavar: str | None,
        multiple: bool,
        group: str,
        callback: Callable[[Any], object] | None,
    ) -> None:
        self.name = name
        self.default = [] if default is None and multiple else default
        self.kind = kind
        self.help = help or ""
        self.metavar = metavar
        self.multiple = multiple
        self.group = group
        self.callback = callback
        self._value: Any = None
        self._is_set = False

    @property
    def value(self) -> Any:
        return self._value if self._is_set else self.default

    def parse(self, text: str) -> None:
        """Set the value from text."""
        try:
            value = (parse_list if self.multiple else parse_value)(self.kind, text)
        except Error as error:
            raise Error(f"Option {self.name!r}: {error}") from error
        self._take(value)

    def set(self, value: Any) -> None:
        """Set the value, which has to be of the option's type."""
        kind = self.kind.__name__
        if self.multiple:
            if not isinstance(value, list) or not all(map(self._fits, value)):
                raise Error(f"Option {self.name!r} is required to be a list of {kind}")
        elif not self._fits(value):
            given = type(value).__name__
            raise Error(f"Option {self.name!r} is required to be a {kind} ({given} given)")
        self._take(value)

    def configure(self, value: Any) -> None:
        """Set the value from a configuration file: of the type, or text."""
        if type(value) is str and (self.kind is not str or self.multiple):
            self.parse(value)
        else:
            self.set(value)

    def _fits(self, value: Any) -> bool:
        return value is None or isinstance(value, self.kind)

    def _take(self, value: Any) -> None:
        self._value = value
        self._is_set = True
        if self.callback is not None:
            self.callback(value)

    def help_lines(self) -> list[str]:
        """How the option is listed."""
        name = f"--{_normalized(self.name)}" + (f"={self.metavar}" if self.metavar else "")
        text = self.help
        if self.default is not None and self.default != "":
            text += f" (default {self.default})"
        lines = textwrap.wrap(text, _WIDTH - _NAME_WIDTH) or [""]
        if len(name) > _NAME_WIDTH - 3:
            lines.insert(0, "")
        first, *others = lines
        indent = " " * _NAME_WIDTH
        return [f"  {name:{_NAME_WIDTH - 3}} {first}".rstrip(), *(indent + line for line in others)]


def _normalized(name: str) -> str:
    return name.replace("_", "-")


class OptionParser:
    """A set of options, whose values are attributes and items (Tornado).

    Each has an option ``help``. A program's own are `cyclone.options.options`; further sets are
    for sub-commands and tests.
    """

    _options: dict[str, _Option]
    _parse_callbacks: list[Callable[[], object]]

    def __init__(self) -> None:
        self.__dict__["_options"] = {}
        self.__dict__["_parse_callbacks"] = []
        self._add("help", None, bool, "show this help information", None, False, "", self._help)

    # -- values

    def __getattr__(self, name: str) -> Any:
        option = self._options.get(_normalized(name))
        if option is None:
            raise AttributeError(f"Unrecognized option {name!r}")
        return option.value

    def __setattr__(self, name: str, value: Any) -> None:
        option = self._options.get(_normalized(name))
        if option is None:
            raise AttributeError(f"Unrecognized option {name!r}")
        option.set(value)

    def __getitem__(self, name: str) -> Any:
        option = self._options.get(_normalized(name))
        if option is None:
            raise KeyError(name)
        return option.value

    def __setitem__(self, name: str, value: Any) -> None:
        option = self._options.get(_normalized(name))
        if option is None:
            raise KeyError(name)
        option.set(value)

    def __contains__(self, name: str) -> bool:
        return _normalized(name) in self._options

    def __iter__(self) -> Iterator[str]:
        return (option.name for option in self._options.values())

    def items(self) -> list[tuple[str, Any]]:
        """Names and values."""
        return [(option.name, option.value) for option in self._options.values()]

    def as_dict(self) -> dict[str, Any]:
        """Names and values."""
        return dict(self.items())

    def groups(self) -> set[str]:
        """The names of all groups; "" is that of ``help``."""
        return {option.group for option in self._options.values()}

    def group_dict(self, group: str) -> dict[str, Any]:
        """Names and values of a group, such as for settings of an application; "" for all."""
        return {
            option.name: option.value
            for option in self._options.values()
            if not group or option.group == group
        }

    # -- definitions

    def define(
        self,
        name: str,
        default: Any = None,
        type: type | None = None,
        help: str | None = None,
        metavar: str | None = None,
        multiple: bool = False,
        group: str | None = None,
        callback: Callable[[Any], object] | None = None,
    ) -> None:
        """Define an option.

        Args:
            name: with dashes or underscores, which mean the same.
            type: str, int, float, bool, datetime.datetime, datetime.timedelta, or any class that
                can be made from text. That of `default` if it is not given, else str.
            help, metavar: for the list of options: ``--name=METAVAR  help``.
            multiple: the value is a list; on the command line with commas.
            group: for `group_dict`, and a heading in the list of options; the file in which the
                option is defined if it is not given.
            callback: called with each value that is set.

        Raises:
            Error: there is such an option already.
        """
        if type is None:
            type = str if multiple or default is None else default.__class__
        if not group:
            frame = inspect.currentframe()
            caller = frame.f_back if frame is not None else None
            group = caller.f_code.co_filename if caller is not None else ""
        self._add(name, default, type, help, metavar, multiple, group, callback)

    def _add(self, name: str, *details: Any) -> None:
        key = _normalized(name)
        if key in self._options:
            raise Error(
                f"Option {key!r} already defined in {self._options[key].group or 'cyclone'}"
            )
        self._options[key] = _Option(name, *details)

    # -- parsing

    def parse_command_line(self, args: list[str] | None = None, final: bool = True) -> list[str]:
        """Set options from ``--name=value``; ``--name`` alone sets a bool.

        Args:
            args: the command line, its first item being the program; ``sys.argv`` by default.
            final: the callbacks of `add_parse_callback` are called at the end.

        Returns:
            what follows the options: from the first argument without a dash, or after ``--``.

        Raises:
            Error: an option is unknown, or its value does not fit.
        """
        args = sys.argv if args is None else args
        remaining: list[str] = []
        for index, argument in enumerate(args[1:], 1):
            if argument == "--":
                remaining = args[index + 1 :]
                break
            if not argument.startswith("-"):
                remaining = args[index:]
                break
            self._parse_argument(argument.lstrip("-"))
        if final:
            self.run_parse_callbacks()
        return remaining

    def _parse_argument(self, argument: str) -> None:
        name, equals, value = argument.partition("=")
        option = self._options.get(_normalized(name))
        if option is None:
            self.print_help()
            raise Error(f"Unrecognized command line option: {name!r}")
        if equals:
            option.parse(value)
        elif option.kind is bool:
            option.parse("true")
        else:
            raise Error(f"Option {name!r} requires a value")

    def parse_config_file(self, path: str, final: bool = True) -> None:
        """Set options from a file of Python code, which is executed: it must be trusted.

        Each name that it assigns and that is an option sets it; text is parsed as on the command
        line. The file knows its own path as ``__file__``.

        Args:
            path: of a file in UTF-8.
            final: the callbacks of `add_parse_callback` are called at the end.

        Raises:
            OSError: the file cannot be read.
            SyntaxError: it is no Python code. What the code raises passes through.
            Error: a value does not fit.
        """
        with open(path, "rb") as file:
            code = compile(file.read(), path, "exec", dont_inherit=True)
        config: dict[str, Any] = {"__file__": os.path.abspath(path)}
        exec(code, config)
        for name, value in config.items():
            option = self._options.get(_normalized(name))
            if option is not None:
                option.configure(value)
        if final:
            self.run_parse_callbacks()

    def add_parse_callback(self, callback: Callable[[], object]) -> None:
        """Have `callback` called each time that options have been parsed finally."""
        self._parse_callbacks.append(callback)

    def run_parse_callbacks(self) -> None:
        """Call the callbacks of `add_parse_callback`."""
        for callback in self._parse_callbacks:
            callback()

    # -- help

    def print_help(self, file: TextIO | None = None) -> None:
        """List all options, by group.

        Args:
            file: to write to; stderr by default.
        """
        by_group: dict[str, list[_Option]] = {}
        for option in self._options.values():
            by_group.setdefault(option.group, []).append(option)
        lines = [f"Usage: {sys.argv[0]} [OPTIONS]", "", "Options:", ""]
        for group, members in sorted(by_group.items()):
            if group:
                lines += ["", f"{os.path.normpath(group)} options:", ""]
            for option in sorted(members, key=lambda option: option.name):
                lines += option.help_lines()
        print("\n".join(lines) + "\n", file=sys.stderr if file is None else file)

    def _help(self, asked: bool) -> None:
        if asked:
            self.print_help()
            self._leave()

    def _leave(self) -> NoReturn:
        sys.exit(0)

    def mockable(self) -> _Mockable:
        """These options for ``unittest.mock.patch.object(options.mockable(), "name", value)``."""
        return _Mockable(self)


class _Mockable:
    """Lets `unittest.mock.patch` set an option and put it back, which it does by deleting."""

    def __init__(self, options: OptionParser) -> None:
        self.__dict__["_options"] = options
        self.__dict__["_originals"] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._options, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._originals:
            raise TypeError("a mockable is good for one patch: ask for another")
        self._originals[name] = getattr(self._options, name)
        setattr(self._options, name, value)

    def __delattr__(self, name: str) -> None:
        setattr(self._options, name, self._originals.pop(name))
