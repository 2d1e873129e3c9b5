"""UNIX sockets in the file system: who may connect, and a place to listen at that says so."""

from __future__ import annotations

import dataclasses
import errno
import grp
import os
import pwd
import socket
import stat
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, execute
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.python.lockfile import FilesystemLock
from zope.interface import implementer

from .errors import DeployError

__all__ = [
    "ANYBODY",
    "Access",
    "UNIXEndpoint",
    "bound_unix_socket",
    "make_way",
    "socket_mode",
    "socket_owner",
]

#: Everybody may connect, as with Twisted's own; the directory may say otherwise.
_DEFAULT_MODE = 0o666


@dataclasses.dataclass(frozen=True, slots=True)
class Access:
    """Who may connect to a UNIX socket: those who may write to its file.

    Attributes:
        mode: the permissions of the file.
        user: its owner's number, -1 for that of the process.
        group: its group's number, -1 for that of the process.
    """

    mode: int = _DEFAULT_MODE
    user: int = -1
    group: int = -1


#: As with Twisted's own.
ANYBODY = Access()


def socket_mode(text: str) -> int:
    """Permissions as ``chmod`` takes them, in octal: ``660``.

    Raises:
        ValueError: if they are none.
    """
    octal = text.isascii() and text.isdigit() and not set(text) & {"8", "9"}
    mode = int(text, 8) if octal else -1
    if not 0 <= mode <= 0o777:
        raise ValueError(f"{text!r} are no permissions; they are octal digits such as 660")
    return mode


socket_mode.coerceDoc = ""  # type: ignore[attr-defined]


def socket_owner(text: str) -> tuple[int, int]:
    """An owner as ``chown`` takes it, ``user:group``, ``user`` or ``:group``, as numbers.

    -1 stands for what is not named. Names and numbers will do.

    Raises:
        ValueError: if there is no such user or group.
    """
    user, _, group = text.partition(":")
    if not user and not group:
        raise ValueError(f"{text!r} is no owner; it is user:group, user or :group")
    return _user(user) if user else -1, _group(group) if group else -1


socket_owner.coerceDoc = ""  # type: ignore[attr-defined]


def _user(name: str) -> int:
    if name.isascii() and name.isdigit():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise ValueError(f"there is no user {name!r}") from None


def _group(name: str) -> int:
    if name.isascii() and name.isdigit():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ValueError(f"there is no group {name!r}") from None


@implementer(IStreamServerEndpoint)
class UNIXEndpoint:
    """A UNIX socket with an owner and permissions.

    A socket that a process which is gone left behind is replaced; a lock beside it, ``PATH.lock``,
    tells whether it is gone.
    """

    def __init__(self, reactor: Any, path: str, access: Access, backlog: int) -> None:
        self._reactor = reactor
        self._path = path
        self._access = access
        self._backlog = backlog

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen at the endpoint; fails with `DeployError` if the owner cannot be set."""
        return execute(self._listen, protocolFactory)

    def _listen(self, factory: IProtocolFactory) -> IListeningPort:
        access = self._access
        make_way(self._path)
        port: IListeningPort = self._reactor.listenUNIX(
            self._path, factory, backlog=self._backlog, mode=access.mode, wantPID=True
        )
        if (access.user, access.group) != (-1, -1):
            try:
                os.chown(self._path, access.user, access.group)
            except OSError as error:
                port.stopListening()
                raise DeployError(
                    f"cannot give the socket {self._path} to its owner: {error.strerror} "
                    "(only root may give a file away)"
                ) from error
        return port


def make_way(path: str) -> None:
    """See that there can be a socket, as far as the lock beside it does not tell.

    In containers processes have the same number again and again: who finds a lock with its own has
    found that of a process before it.

    Raises:
        DeployError: if something stands there that is no socket.
    """
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise DeployError(f"cannot listen on unix socket {path}: there is something else")
        if os.readlink(path + ".lock") == str(os.getpid()) and not _answers(path):
            os.remove(path)
            os.remove(path + ".lock")
    except OSError:
        pass  # there is no socket, or no lock, or it is not ours to look at


def _answers(path: str) -> bool:
    """Whether somebody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.setblocking(False)
        return asking.connect_ex(path) != errno.ECONNREFUSED


def bound_unix_socket(
    path: str, backlog: int, mode: int
) -> tuple[socket.socket, Callable[[], None]]:
    """A UNIX socket that is bound as Twisted's are, lock and all, to be handed to other processes.

    Returns:
        the socket, and what removes its file and the lock.

    Raises:
        CannotListenError: if there cannot be such a socket.
    """
    lock: Any = FilesystemLock(path + ".lock")  # type: ignore[no-untyped-call]
    if not lock.lock():
        raise _cannot_listen(path, OSError("another process holds its lock"))
    if not lock.clean:
        _remove(path)  # a process that is gone left it behind
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(path)
        os.chmod(path, mode)  # before anybody can connect
        bound.listen(backlog)
    except OSError as error:
        bound.close()
        lock.unlock()
        raise _cannot_listen(path, error) from error

    def release() -> None:
        _remove(path)
        lock.unlock()

    return bound, release


def _cannot_listen(path: str, error: OSError) -> CannotListenError:
    return CannotListenError(None, path, error)  # type: ignore[no-untyped-call]


def _remove(path: str) -> None:
    try:
        if stat.S_ISSOCK(os.stat(path).st_mode):
            os.remove(path)
    except FileNotFoundError:
        pass
