"""UNIX sockets: permissions, owners, locks."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock

from cyclone.deploy import unixsockets
from cyclone.deploy.errors import DeployError
from cyclone.deploy.handover import Binding
from cyclone.deploy.unixsockets import (
    Access,
    UNIXEndpoint,
    bound_unix_socket,
    make_way,
    socket_mode,
    socket_owner,
)


@pytest.mark.parametrize(("text", "mode"), [("660", 0o660), ("0777", 0o777), ("0", 0)])
def test_mode(text: str, mode: int) -> None:
    assert socket_mode(text) == mode


@pytest.mark.parametrize("text", ["", "rw", "668", "1777", "-1", "0o660", "٦٦٠"])
def test_bad_mode(text: str) -> None:
    with pytest.raises(ValueError, match="are no permissions; they are octal digits such as 660"):
        socket_mode(text)


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        ("root:root", (0, 0)),
        ("root", (0, -1)),
        (":root", (-1, 0)),
        ("12:34", (12, 34)),
        ("root:", (0, -1)),
    ],
)
def test_owner(text: str, owner: tuple[int, int]) -> None:
    assert socket_owner(text) == owner


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is no owner; it is user:group, user or :group"),
        (":", "':' is no owner"),
        ("nobody-at-all", "there is no user 'nobody-at-all'"),
        ("root:nothing-at-all", "there is no group 'nothing-at-all'"),
    ],
)
def test_bad_owner(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        socket_owner(text)


class Reactor(MemoryReactorClock):
    """Makes a file where a socket would be."""

    def listenUNIX(self, address: Any, *arguments: Any, **more: Any) -> Any:
        Path(address).touch()
        return super().listenUNIX(address, *arguments, **more)


def listened(path: Path, access: Access) -> tuple[Reactor, list[Any], list[Any]]:
    reactor, ports, errors = Reactor(), [], []
    deferred = UNIXEndpoint(reactor, str(path), access, 7).listen(Factory())
    deferred.addCallbacks(ports.append, errors.append)
    return reactor, ports, errors


def test_endpoint(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    access = Access(0o640, os.getuid(), os.getgid())
    reactor, ports, errors = listened(path, access)
    assert (len(ports), errors) == (1, [])
    ((address, _, backlog, mode, locked),) = reactor.unixServers
    assert (address, backlog, mode, locked) == (str(path), 7, 0o640, True)


def test_an_owner_that_cannot_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(unixsockets.os, "chown", refuse)
    _, ports, (failure,) = listened(tmp_path / "socket", Access(user=1))
    assert ports == []
    assert failure.check(DeployError)
    assert "to its owner: Operation not permitted (only root may give" in str(failure.value)


def test_bound(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    bound, release = bound_unix_socket(path, 7, 0o600)
    with bound:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
        with pytest.raises(CannotListenError, match="another process holds its lock"):
            bound_unix_socket(path, 7, 0o600)
    release()
    release_again = bound_unix_socket(path, 7, 0o600)
    release_again[0].close()
    os.remove(path)
    release_again[1]()
    assert list(tmp_path.iterdir()) == []


def test_what_a_process_that_is_gone_has_left(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    (tmp_path / "socket.lock").symlink_to("99999999")
    bound, release = bound_unix_socket(str(path), 7, 0o600)
    bound.close()
    release()
    path.write_text("no socket")
    (tmp_path / "socket.lock").symlink_to("99999999")
    with pytest.raises(CannotListenError):
        bound_unix_socket(str(path), 7, 0o600)
    assert path.read_text() == "no socket"
    assert not (tmp_path / "socket.lock").is_symlink()


@pytest.mark.parametrize("answers", [True, False])
def test_a_lock_with_our_own_number(tmp_path: Path, answers: bool) -> None:
    """A process before us may have had it, as in containers; or we have the socket already."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
        if answers:
            left.listen()
        (tmp_path / "socket.lock").symlink_to(str(os.getpid()))
        make_way(str(path))
        assert path.exists() is (tmp_path / "socket.lock").is_symlink() is answers


def test_a_lock_of_somebody_else(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    make_way(str(path))
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    make_way(str(path))
    (tmp_path / "socket.lock").symlink_to("1")
    make_way(str(path))
    assert path.is_socket()


def test_what_is_no_socket(tmp_path: Path) -> None:
    (tmp_path / "socket").write_text("mine")
    _, ports, (failure,) = listened(tmp_path / "socket", Access())
    assert ports == []
    assert failure.check(DeployError)
    assert str(failure.value).endswith("/socket: there is something else")


async def test_the_socket_of_a_container_before(reactor: Any, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    (tmp_path / "socket.lock").symlink_to(str(os.getpid()))
    for listener in (reactor, Binding(reactor)):
        port = await UNIXEndpoint(listener, str(path), Access(), 7).listen(Factory())
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
        with pytest.raises(CannotListenError):
            await UNIXEndpoint(listener, str(path), Access(), 7).listen(Factory())
        await port.stopListening()
