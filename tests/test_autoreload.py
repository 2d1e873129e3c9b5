"""autoreload: watching, hooks, and running programs again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from cyclone import autoreload
from cyclone.deploy import Watcher


class Replaced(BaseException):
    """Stands for the end of this program."""


@pytest.fixture(autouse=True)
def executed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    commands: list[Any] = []

    def execv(path: str, arguments: list[str]) -> None:
        commands.append((path, arguments))
        raise Replaced

    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.setattr(autoreload, "_state", autoreload._State())
    yield commands
    if autoreload._state.loop is not None and autoreload._state.loop.running:
        autoreload._state.loop.stop()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "settings.txt"
    made.write_text("one")
    return made


def test_a_file_that_changes(clock: Clock, file: Path, executed: list[Any]) -> None:
    hooks: list[int] = []
    autoreload.add_reload_hook(lambda: hooks.append(1))
    autoreload.watch(str(file))
    autoreload.start(100, clock)
    autoreload.start(100, clock)  # once is enough
    assert len(clock.getDelayedCalls()) == 1
    clock.advance(0.1)
    file.unlink()
    clock.advance(0.1)  # an editor is about to put another in its place
    assert not executed
    file.write_text("two, which is longer")
    with pytest.raises(Replaced):
        autoreload._state.check()
    assert hooks == [1]
    assert executed == [(sys.executable, [sys.executable, *sys.orig_argv[1:]])]


def test_own_modules_are_watched(clock: Clock) -> None:
    autoreload.start(100, clock)
    assert __file__ in autoreload._state.watcher._stamps
    assert os.__file__ not in autoreload._state.watcher._stamps


def test_a_watcher_without_a_directory(file: Path) -> None:
    watcher = Watcher()
    assert watcher.changes() == []
    watcher.add([str(file)])
    file.write_text("something else")
    assert watcher.changes() == [str(file)]


async def test_the_reactor_is_the_default() -> None:
    autoreload.start(3_600_000)
    assert autoreload._state.loop is not None
    autoreload._state.loop.stop()


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch, file: Path) -> list[float]:
    """Has the file change while `wait` sleeps for the second time."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            file.write_text("changed")

    monkeypatch.setattr(time, "sleep", sleep)
    return slept


def test_wait(file: Path, waiting: list[float], executed: list[Any]) -> None:
    autoreload.watch(str(file))
    with pytest.raises(Replaced):
        autoreload.wait(250)
    assert waiting == [0.25, 0.25]
    assert len(executed) == 1


def script(path: Path, text: str) -> str:
    made = path / "script.py"
    made.write_text(text)
    return str(made)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("import sys; assert sys.argv[1:] == ['--a', 'b']; assert __name__ == '__main__'", 0),
        ("raise SystemExit(3)", 3),
        ("1 / 0", 1),
        ("def broken(", 1),
    ],
)
def test_running(
    tmp_path: Path, file: Path, text: str, status: int, waiting: list[float], executed: list[Any]
) -> None:
    autoreload.watch(str(file))
    path = script(tmp_path, text)
    before = list(sys.argv)
    with pytest.raises(Replaced):
        autoreload.main([path, "--a", "b"])
    assert path in autoreload._state.watcher._stamps
    assert sys.argv == before
    if status:
        with pytest.raises(Replaced):
            waiting.clear()
            file.write_text("again and again")
            autoreload.main(["--until-success", path])
    else:
        autoreload.main(["--until-success", path, "--a", "b"])
        assert len(executed) == 1


def test_running_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path, "import sys; print(sys.argv[1:])")
    monkeypatch.syspath_prepend(str(tmp_path))
    autoreload.main(["--until-success", "-m", "script", "x"])


def test_bad_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        autoreload.main([])
    assert "program" in capsys.readouterr().err


PROGRAM = """
import os, sys, cyclone.autoreload
from twisted.internet import reactor
path = sys.argv[1]
runs = open(path).read()
print("run", len(runs), sys.argv[2:], flush=True)
if len(runs) == 2:
    raise SystemExit(0)
cyclone.autoreload.watch(path)
def change():
    with open(path, "a") as file:
        file.write("x")
reactor.callWhenRunning(change)
cyclone.autoreload.start(10)
reactor.run()
"""


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_program_starts_itself_anew(tmp_path: Path, wrapped: bool) -> None:
    runs = tmp_path / "runs"
    runs.write_text("")
    prefix = ["-m", "cyclone.autoreload", "--until-success"] if wrapped else []
    done = subprocess.run(
        [sys.executable, *prefix, script(tmp_path, PROGRAM), str(runs), "a b"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.stdout.splitlines() == [f"run {number} ['a b']" for number in range(3)]
    assert done.returncode == 0
