"""The program's own options, as modules define them; each test in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *args], capture_output=True, text=True, check=False
    )


def test_names_of_the_module() -> None:
    code = (
        "from cyclone.options import *\n"
        "import io\n"
        "define('port', default=80, help='where')\n"
        "define('level', group='mine', default=1)\n"
        "add_parse_callback(lambda: print('parsed'))\n"
        "print(parse_command_line(), options.port)\n"
        "file = io.StringIO(); print_help(file); print('--port' in file.getvalue())\n"
        "print(sorted(options.groups()))\n"
    )
    done = run(code, "--port=1", "rest")
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "parsed",
        "['rest'] 1",
        "True",
        "['', '<string>', 'logging', 'mine']",
    ]


def test_config_file(tmp_path: object) -> None:
    path = f"{tmp_path}/app.conf"
    with open(path, "w") as file:
        file.write("port = 3\nlogging = 'none'\n")
    code = (
        "from cyclone.options import define, options, parse_config_file\n"
        "define('port', default=80)\n"
        f"parse_config_file({path!r})\nprint(options.port)"
    )
    assert run(code).stdout == "3\n"


LOG = (
    "; import logging; from cyclone.log import app_log; logging.info('hello'); app_log.info('own')"
)
PARSE = "from cyclone.options import options, parse_command_line; "


@pytest.mark.parametrize(
    ("code", "args", "shown"),
    [
        ("pass", [], False),
        ("parse_command_line()", [], True),
        ("parse_command_line()", ["--logging=none"], False),
        ("parse_command_line()", ["--logging=error"], False),
        ("options.logging = None; parse_command_line()", [], False),
        ("options.logging = None; parse_command_line()", ["--logging=info"], True),
        ("parse_command_line(final=False)", [], False),
    ],
)
def test_parsing_shows_logs(code: str, args: list[str], shown: bool) -> None:
    done = run(PARSE + code + LOG, *args)
    assert done.returncode == 0
    assert ("hello" in done.stderr, "own" in done.stderr) == (shown, shown)
    assert done.stdout == ""
