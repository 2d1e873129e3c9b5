"""Pieces of ``cyclone run``; the whole is in tests/integration/test_run.py."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import Any

import pytest

from cyclone.deploy import foreground
from cyclone.deploy.errors import DeployError
from cyclone.deploy.foreground import RunOptions, Signals, server_command
from cyclone.deploy.interpreter import interpreter
from cyclone.deploy.plan import Place, Plan, Site
from cyclone.deploy.reactors import install_reactor
from cyclone.deploy.unixsockets import Access


class FakeReactor:
    def callFromThread(self, call: Callable[..., object], *args: object) -> None:
        call(*args)


@pytest.fixture
def restored() -> Any:
    """Put the handlers of the two signals back."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_means_at_once(restored: None, number: signal.Signals) -> None:
    diary: list[str] = []
    signals = Signals(FakeReactor(), lambda: diary.append("stop"), lambda: diary.append("now"))
    signals.install()
    signal.raise_signal(number)
    assert (diary, signals.received) == (["stop"], 0)
    signal.raise_signal(number)
    assert (diary, signals.received) == (["stop", "now"], number)


def test_a_signal_can_be_left_to_others(restored: None) -> None:
    signals = Signals(FakeReactor(), pytest.fail, pytest.fail, ignore=(signal.SIGINT,))
    signals.install()
    signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.parametrize(
    ("options", "rest"),
    [
        (RunOptions("hello.py"), []),
        (RunOptions("a:b", appopts="x y"), ["--appopts=x y"]),
        (RunOptions("a.b", reactor="asyncio"), ["--reactor=asyncio"]),
        (RunOptions("a.b", log_format="json"), ["--log-format=json"]),
    ],
)
def test_command_of_the_server(
    options: RunOptions, rest: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreground.os, "getpid", lambda: 42)
    monkeypatch.setattr(sys, "warnoptions", ["error", "ignore::X"])
    command = server_command(options, 10)
    start = command.index("-m")
    assert command[start:] == ["-m", "cyclone", "run", options.target, "--supervised=10:42", *rest]
    assert command[:start] == interpreter()
    assert command[0] == sys.executable
    assert command[start - 2 : start] == ["-Werror", "-Wignore::X"]


@pytest.mark.parametrize(
    ("options", "places"),
    [
        ({"port": 80, "host": "::"}, [Place("tcp", "::", 80)]),
        ({"unix": "/x", "access": Access(0o600)}, [Place("unix", "/x", access=Access(0o600))]),
        (
            {"unix": "/x", "endpoints": ("tcp:1", "tcp:2"), "port": 80},
            [Place("unix", "/x"), Place("endpoint", "tcp:1"), Place("endpoint", "tcp:2")],
        ),
    ],
)
def test_where_it_listens(options: dict[str, Any], places: list[Place]) -> None:
    plan = RunOptions("a.py", appopts="x", **options).plan()
    assert plan == Plan((Site("a.py", "x"),), tuple(places))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"systemd": True}, "systemd has handed over no sockets"),
        ({"endpoints": ("systemd:index=0",)}, "bad endpoint 'systemd:index=0': systemd has handed"),
    ],
)
def test_where_it_cannot_listen(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DeployError) as caught:
        RunOptions("a.py", **options).plan()
    assert str(caught.value).startswith(message)


def test_unknown_reactor() -> None:
    with pytest.raises(DeployError, match="there is no reactor 'steam'"):
        install_reactor("steam")


def test_a_reactor_that_cannot_be_used(reactor: Any) -> None:
    # One is installed already, that of the tests.
    with pytest.raises(DeployError, match=r"the reactor 'select' cannot be used here: .*already"):
        install_reactor("select")
