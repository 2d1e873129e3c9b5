"""OptionParser: definitions, values, command lines, files, help."""

from __future__ import annotations

import datetime
import io
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from cyclone.options import Error, OptionParser


@pytest.fixture
def options() -> OptionParser:
    made = OptionParser()
    made.define("port", default=80, help="where to listen")
    made.define("log-level", group="logs", metavar="LEVEL")
    made.define("debug", type=bool)
    made.define("hosts", type=str, multiple=True)
    return made


def parse(options: OptionParser, *args: str, **kwargs: Any) -> list[str]:
    return options.parse_command_line(["program", *args], **kwargs)


def test_command_line(options: OptionParser) -> None:
    rest = parse(options, "--port=8888", "-log_level=x=y", "--debug", "--hosts=a,b", "run", "--z")
    assert rest == ["run", "--z"]
    assert (options.port, options.log_level, options.debug) == (8888, "x=y", True)
    assert options.hosts == ["a", "b"]
    assert parse(options, "--port=1", "--", "--port=2") == ["--port=2"]
    assert options.port == 1
    assert parse(options) == []


def test_sys_argv(options: OptionParser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["program", "--port=7", "file"])
    assert options.parse_command_line() == ["file"]
    assert options.port == 7


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--nothing=1", "Unrecognized command line option: 'nothing'"),
        ("--port", "'port' requires a value"),
        ("--port=x", r"Option 'port': 'x' is no int: invalid literal"),
        ("--port=", "Option 'port'"),
    ],
)
def test_bad_command_lines(
    options: OptionParser, argument: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Error, match=message):
        parse(options, argument)
    assert options.port == 80
    assert ("Usage:" in capsys.readouterr().err) is ("nothing" in argument)


def test_items_and_attributes(options: OptionParser) -> None:
    options.log_level = "info"
    assert options["log-level"] == options["log_level"] == options.log_level == "info"
    options["log_level"] = "error"
    assert options.log_level == "error"
    assert "log_level" in options
    assert "level" not in options
    assert list(options) == ["help", "port", "log-level", "debug", "hosts"]
    assert dict(options.items()) == options.as_dict()
    assert options.as_dict()["hosts"] == []
    assert options.group_dict("logs") == {"log-level": "error"}
    assert options.group_dict("") == options.as_dict()
    assert options.groups() == {"", "logs", __file__}


def test_unknown_names(options: OptionParser) -> None:
    with pytest.raises(AttributeError, match="'level'"):
        options.level  # noqa: B018
    with pytest.raises(AttributeError, match="'level'"):
        options.level = 1
    with pytest.raises(KeyError):
        options["level"]
    with pytest.raises(KeyError):
        options["level"] = 1


def test_types_are_checked(options: OptionParser) -> None:
    with pytest.raises(Error, match=r"'port' is required to be a int \(str given\)"):
        options.port = "80"
    with pytest.raises(Error, match="'hosts' is required to be a list of str"):
        options.hosts = "a"
    with pytest.raises(Error, match="'hosts' is required to be a list of str"):
        options.hosts = [1]
    options.hosts = ["a", None]
    options.port = None
    assert options.port is None


def test_callbacks(options: OptionParser) -> None:
    seen: list[Any] = []
    options.define("level", type=int, callback=seen.append)
    options.add_parse_callback(lambda: seen.append("done"))
    parse(options, "--level=3", final=False)
    options.level = 4
    parse(options)
    assert seen == [3, 4, "done"]


def test_defined_twice(options: OptionParser) -> None:
    with pytest.raises(Error, match=r"'log-level' already defined in logs"):
        options.define("log_level")
    with pytest.raises(Error, match=r"'help' already defined in cyclone"):
        options.define("help")


def config(path: Path, text: str) -> str:
    file = path / "app.conf"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_config_file(options: OptionParser, tmp_path: Path) -> None:
    options.define("since", type=datetime.datetime)
    options.define("where")
    seen: list[str] = []
    options.add_parse_callback(lambda: seen.append("done"))
    path = config(
        tmp_path,
        "import math\nport = '443'\nlog_level = 'ü'\nhosts = 'a,b'\nother = 1\n"
        "since = '2013-04-28 05:16'\nwhere = __file__\n",
    )
    options.parse_config_file(path, final=False)
    assert not seen
    options.parse_config_file(path)
    assert seen == ["done"]
    assert (options.port, options.log_level, options.hosts) == (443, "ü", ["a", "b"])
    assert options.since == datetime.datetime(2013, 4, 28, 5, 16)
    assert options.where == path


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("port = 'x'", Error),
        ("port = 1.5", Error),
        ("hosts = 3", Error),
        ("port = (", SyntaxError),
        ("port = 1 / 0", ZeroDivisionError),
    ],
)
def test_bad_config_files(
    options: OptionParser, tmp_path: Path, text: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        options.parse_config_file(config(tmp_path, text))


def test_missing_config_file(options: OptionParser, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        options.parse_config_file(str(tmp_path / "none"))


def test_help(options: OptionParser) -> None:
    options.define("an-option-whose-name-is-very-long", help="words " * 20, group="logs")
    options.define("quiet", default="")
    file = io.StringIO()
    options.print_help(file)
    text = file.getvalue()
    assert "  --port                           where to listen (default 80)\n" in text
    assert "  --log-level=LEVEL\n" in text
    assert "\nlogs options:\n" in text
    assert "  --an-option-whose-name-is-very-long\n" + " " * 35 + "words words" in text
    assert "  --quiet\n" in text
    assert max(map(len, text.splitlines())) <= max(79, len(__file__) + 10)


def test_asking_for_help(options: OptionParser, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parse(options, "--help")
    assert left.value.code == 0
    assert "Usage:" in capsys.readouterr().err
    parse(options, "--help=false")


def test_mocking(options: OptionParser) -> None:
    with mock.patch.object(options.mockable(), "port", 1):
        assert options.port == 1
        options.port = 2
    assert options.port == 80
    mockable = options.mockable()
    mockable.port = 3
    with pytest.raises(TypeError, match="good for one patch"):
        mockable.port = 4
    del mockable.port
    assert options.port == 80
