"""What a service says to systemd; the whole is in tests/integration/test_workers.py."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from cyclone.deploy.systemd import Notifier


@pytest.fixture
def said() -> Iterator[list[str]]:
    texts: list[str] = []

    def observe(event: dict[str, Any]) -> None:
        if event.get("log_namespace") == "cyclone.general":
            texts.append(event["log_text"])

    globalLogPublisher.addObserver(observe)
    yield texts
    globalLogPublisher.removeObserver(observe)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


def test_what_is_said(manager: socket.socket) -> None:
    notifier = Notifier(manager.getsockname())
    notifier.ready("fine")
    notifier.reloading("a moment")
    notifier.status("50 %")
    notifier.advancing("60 %")
    notifier.stopping("bye")
    notifier.close()
    notifier.status("nobody hears this")
    notifier.close()
    datagrams = [manager.recv(1000).decode().splitlines() for _ in range(5)]
    assert datagrams[0] == ["READY=1", f"MAINPID={os.getpid()}", "STATUS=fine"]
    assert datagrams[1][0] == "RELOADING=1"
    assert datagrams[1][1].startswith("MONOTONIC_USEC=")
    assert datagrams[2:] == [
        ["STATUS=50 %"],
        ["STATUS=60 %", "EXTEND_TIMEOUT_USEC=60000000"],
        ["STOPPING=1", "STATUS=bye"],
    ]


@pytest.mark.parametrize(
    ("variables", "watchdog"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_environment(variables: dict[str, str], watchdog: float | None) -> None:
    environment = {**variables, "HOME": "/"}
    assert Notifier.from_environment(environment).watchdog == watchdog
    assert environment == {"HOME": "/"}


def test_watchdog(manager: socket.socket) -> None:
    clock, checked = Clock(), []
    notifier = Notifier(manager.getsockname(), 4.0)
    notifier.start_watchdog(clock, checked.append)
    notifier.start_watchdog(clock)
    clock.advance(1.9)
    assert checked == [4.0]
    clock.advance(0.1)
    assert checked == [4.0, 4.0]
    assert [manager.recv(100) for _ in checked] == [b"WATCHDOG=1\n"] * 2
    notifier.close()
    assert clock.getDelayedCalls() == []


def test_no_watchdog() -> None:
    clock = Clock()
    Notifier().start_watchdog(clock)
    assert clock.getDelayedCalls() == []


def test_a_manager_that_is_not_there(tmp_path: Path, said: list[str]) -> None:
    for address in ("vsock:2:1", str(tmp_path / "nothing"), "@cyclone-tests-nothing"):
        Notifier(address).ready("fine")
    assert len(said) == 3
    assert said[0] == "NOTIFY_SOCKET=vsock:2:1 is no unix socket: nobody is notified"


def test_a_manager_that_goes_away(manager: socket.socket, said: list[str]) -> None:
    notifier = Notifier(manager.getsockname())
    manager.close()
    notifier.ready("fine")
    notifier.close()
    assert said[0].startswith("cannot notify the service manager: ")
