"""Sockets that systemd has opened, as the environment announces them."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cyclone.deploy import activation
from cyclone.deploy.activation import InheritedSocket, chosen_socket, inherited_sockets
from tests.integration.support import README, ask
from tests.plugins.processes import Process, script

#: Descriptors that no test has open.
FIRST = 100_000
OURS = str(os.getpid())


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ({}, []),
        ({"LISTEN_PID": OURS, "LISTEN_FDS": "2", "LISTEN_FDNAMES": "web:https"}, ["web", "https"]),
        ({"LISTEN_PID": OURS, "LISTEN_FDS": "2", "LISTEN_FDNAMES": "web"}, ["web", "unknown"]),
        ({"LISTEN_PID": OURS, "LISTEN_FDS": "1"}, ["unknown"]),
        ({"LISTEN_FDNAMES": "web:https"}, ["web", "https"]),  # as Twisted leaves it
        ({"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "of somebody else"}, []),
        ({"LISTEN_PID": OURS, "LISTEN_FDS": "many"}, []),
    ],
)
@pytest.mark.parametrize("system_tells", [True, False])
def test_what_is_announced(
    said: dict[str, str],
    names: list[str],
    system_tells: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(activation, "_FIRST", FIRST)
    if system_tells:
        environ = {"HOME": "/", "LISTEN_FDNAMES": "odd"}
        found = inherited_sockets(environ, {**said, "HOME": "/"})
    else:
        environ = {**said, "HOME": "/"}
        found = inherited_sockets(environ, {})
    assert found == [InheritedSocket(FIRST + index, name) for index, name in enumerate(names)]
    assert environ == {"HOME": "/"}


def test_nothing_has_been_opened_for_tests() -> None:
    assert inherited_sockets({}) == []


def test_children_do_not_inherit_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as one:
        one.set_inheritable(True)
        monkeypatch.setattr(activation, "_FIRST", one.fileno())
        assert len(inherited_sockets({}, {"LISTEN_FDS": "1"})) == 1
        assert not one.get_inheritable()


SOCKETS = [InheritedSocket(3, "web"), InheritedSocket(4, "https")]


@pytest.mark.parametrize(
    ("description", "number"),
    [
        ("systemd:domain=INET:index=1", 4),
        ("systemd:domain=UNIX:name=web", 3),
        ("systemd:INET6:0", 3),
        ("systemd:index=0", 3),
        ("systemd:0", 3),
        ("tcp:80", None),
        ("systemd:domain=AX25:index=0", None),  # Twisted may say what is wrong
    ],
)
def test_which_one_is_meant(description: str, number: int | None) -> None:
    found = chosen_socket(description, SOCKETS)
    assert (found and found.descriptor) == number


def test_one_that_is_not_there() -> None:
    for description in ("systemd:domain=INET:index=2", "systemd:domain=INET:name=ftp"):
        with pytest.raises(ValueError, match="systemd has handed over 'web', 'https'"):
            chosen_socket(description, SOCKETS)
        with pytest.raises(ValueError, match=r"systemd has handed over no sockets \(\$LISTEN"):
            chosen_socket(description, [])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="systemd's")
@pytest.mark.parametrize(
    "arguments",
    [["--systemd"], ["--listen-endpoint=systemd:domain=INET:index=0", "--workers=1"]],
)
def test_a_socket_without_a_name(
    arguments: list[str],
    tmp_path: Path,
    free_port: int,
    spawn: Callable[..., Process],
    program: Callable[..., str],
) -> None:
    shutil.copy(README / "hello.py", tmp_path)
    activate = [program("systemd-socket-activate"), f"--listen=127.0.0.1:{free_port}"]
    spawn(
        [*activate, script("cyclone"), "run", "hello.py", *arguments],
        cwd=tmp_path,
        line="Listening on 127",
    )
    assert ask(free_port).text == "hello, world"
