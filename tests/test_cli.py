"""The command line: what it says, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cyclone import __version__, cli
from cyclone.deploy import DeployError, RunOptions


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[RunOptions]:
    """What `cyclone run` would have run."""
    options: list[RunOptions] = []

    def run(given: RunOptions) -> int:
        options.append(given)
        return 7

    monkeypatch.setattr(cli, "run", run)
    monkeypatch.delenv("PORT", raising=False)
    return options


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["hello.py"], RunOptions("hello.py")),
        (["hello:app", "--port", "80"], RunOptions("hello:app", port=80)),
        (["-p0", "--host=::1", "hello.App"], RunOptions("hello.App", port=0, host="::1")),
        (["x", "--appopts=a b"], RunOptions("x", appopts="a b")),
        (["x", "-c", "a"], RunOptions("x", appopts="a")),
        (["x", "--reload"], RunOptions("x", reload=True)),
        (["x", "--reactor=asyncio"], RunOptions("x", reactor="asyncio")),
        (["x", "--log-format=json"], RunOptions("x", log_format="json")),
        (["x", "--supervised=2:42"], RunOptions("x", supervisor=(2, 42))),
    ],
)
def test_options_of_run(runs: list[RunOptions], arguments: list[str], options: RunOptions) -> None:
    assert cli.main(["run", *arguments]) == 7
    assert runs == [options]


@pytest.mark.parametrize(
    ("variable", "arguments", "port"),
    [
        ("5000", [], 5000),
        ("", [], 8888),
        ("5000", ["--port=80"], 80),
        ("nonsense", ["--port=80"], 80),
    ],
)
def test_port_of_the_environment(
    runs: list[RunOptions],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    arguments: list[str],
    port: int,
) -> None:
    monkeypatch.setenv("PORT", variable)
    cli.main(["run", "x", *arguments])
    assert runs[0].port == port


def test_bad_port_of_the_environment(
    runs: list[RunOptions], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("PORT", "nonsense")
    assert cli.main(["run", "x"]) == 1
    assert capsys.readouterr().err == "cyclone: $PORT: 'nonsense' is not a port number\n"
    assert runs == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["run", "x", "--port=http"], "'http' is not a port number"),
        (["run", "x", "--supervised=x"], "invalid"),
        (["walk"], "invalid choice: 'walk'"),
        (["run", "x", "--frob"], "cyclone run: error: unrecognized arguments: --frob"),
        (["secret", "x"], "cyclone secret: error: unrecognized arguments: x"),
    ],
)
def test_bad_command_lines(capsys: Any, arguments: list[str], message: str) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    shown = capsys.readouterr().err
    assert message in shown and "worker'" not in shown and "worker," not in shown


@pytest.mark.parametrize(
    ("error", "status", "shown"),
    [
        (DeployError("in one line"), 1, "cyclone: in one line\n"),
        (DeployError("in one line", "details\nfirst"), 1, "details\nfirst\ncyclone: in one line\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_goes_wrong_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, error: BaseException, status: int, shown: str
) -> None:
    def run(options: RunOptions) -> int:
        raise error

    monkeypatch.setattr(cli, "run", run)
    assert cli.main(["run", "x"]) == status
    assert capsys.readouterr().err == shown


def test_help_names_the_commands_and_hides_what_is_ours(capsys: Any) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert "Serve an application in the foreground." in capsys.readouterr().out
    with pytest.raises(SystemExit):
        cli.main(["run", "--help"])
    text = capsys.readouterr().out
    assert "--reload" in text
    assert "--supervised" not in text


SCRIPT = str(Path(sys.executable).with_name("cyclone"))


@pytest.mark.parametrize("command", [[SCRIPT], [sys.executable, "-m", "cyclone"]])
def test_the_two_ways_to_call_it(command: list[str]) -> None:
    done = subprocess.run([*command, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"cyclone {__version__}\n")
    done = subprocess.run([*command], capture_output=True, text=True)
    assert done.returncode == 2


def test_importing_it_installs_no_reactor() -> None:
    code = "import sys, cyclone.cli; print('twisted.internet.reactor' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.stdout == "False\n"
