"""Connections, as drivers make them and as pools use them: in threads, and cut from outside.

A `Link` is a connection of a driver and a second handle of its socket.  A thread that waits for a
server that says nothing is woken by `Link.cut`, which ends the conversation at the socket: the
driver sees that the server has gone.  The handle is a duplicate, so it never stands for a
descriptor that the driver has closed and the system given to somebody else.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from cyclone.outages import StoreTimeout, StoreUnavailable

__all__ = ["Driver", "Link", "Ticket", "handle_of", "keep_alive"]


def handle_of(descriptor: int) -> socket.socket:
    """A second handle of a socket, which is closed on its own."""
    return socket.socket(fileno=os.dup(descriptor))


class Link:
    """A connection and what ends it from another thread.

    Args:
        raw: the driver's connection.
        handle: a duplicate of its socket, if it has one.
        interrupt: ends what the connection does, and is told to do, where it has no socket.
        begin: takes that back.
        close: closes the connection, instead of its method of that name.
    """

    def __init__(
        self,
        raw: Any,
        handle: socket.socket | None = None,
        interrupt: Callable[[], object] | None = None,
        begin: Callable[[], object] | None = None,
        close: Callable[[], object] | None = None,
    ) -> None:
        self.raw = raw
        self.used = 0.0  # when it was used last, by the monotonic clock
        self._handle = handle
        self._interrupt = interrupt
        self._begin = begin
        self._close = close or raw.close
        self._lock = threading.Lock()
        self._closed = False
        self._poller: select.poll | None = None
        if handle is not None:
            self._poller = select.poll()
            self._poller.register(handle, select.POLLIN | select.POLLHUP)

    @property
    def link(self) -> Link:
        """Itself: what adbapi wraps is asked for by this name."""
        return self

    def begin(self) -> None:
        """Something else begins: what was cut before was not this, unless a socket is dead."""
        if self._begin is not None:
            self._begin()

    def cut(self) -> None:
        """End what goes on over it, from any thread.  A connection with a socket is dead then."""
        with self._lock:
            if self._closed:
                return
            if self._handle is not None:
                with contextlib.suppress(OSError):
                    self._handle.shutdown(socket.SHUT_RDWR)
            if self._interrupt is not None:
                self._interrupt()

    @contextlib.contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Cut it unless what is done in the block, in a thread, ends in time; 0: no limit."""
        if not seconds:
            yield
            return
        watch = threading.Timer(seconds, self.cut)
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def quiet(self) -> bool:
        """Whether nothing has come since it was used: neither data nor the end."""
        return self._poller is None or not self._poller.poll(0)

    def close(self) -> None:
        """Close it, whatever state it is in."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        # A driver has many ways to fail at closing what is broken.
        with contextlib.suppress(Exception):
            self._close()
        if self._handle is not None:
            self._handle.close()


class Ticket:
    """The right of one call to a link, for as long as its time is not over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._over = False

    def attach(self, link: Link) -> None:
        """The call uses `link` from now on.

        Raises:
            StoreTimeout: its time is over.
        """
        with self._lock:
            if self._over:
                raise StoreTimeout("the time of the call was over before it began")
            link.begin()
            self._link = link

    def detach(self) -> None:
        """The call uses no link any more."""
        with self._lock:
            self._link = None

    def expire(self) -> None:
        """The time of the call is over: cut what it uses."""
        with self._lock:
            self._over = True
            # Inside the lock: once detached, the link is somebody else's.
            if self._link is not None:
                self._link.cut()


class Driver(Protocol):
    """What a pool has to know of a kind of database.  All methods run in threads and may block."""

    #: The module of the DB-API.
    dbapi: str
    #: Connections that make sense at once, None for as many as one likes.
    most: int | None
    #: Whether there is `connect_asynchronously`.
    asynchronous: bool

    def connect(self) -> Link:
        """Connect; statements are transactions of their own then."""

    async def connect_asynchronously(self) -> Link:
        """The same by the driver's asynchronous interface, in an asyncio task."""

    def begin(self, raw: Any) -> None:
        """Begin a transaction."""

    def commit(self, raw: Any) -> None:
        """Commit it."""

    def rollback(self, raw: Any) -> None:
        """Roll back whatever is open, and let statements be transactions of their own again."""

    def dirty(self, raw: Any) -> bool:
        """Whether a transaction is open."""

    def broken(self, raw: Any) -> bool:
        """Whether the connection is of no use any more, as far as the driver knows."""

    def outage(self, error: BaseException) -> type[StoreUnavailable] | None:
        """What class of outage an error of a statement is, None if the statement is wrong."""

    def remedy(self, error: BaseException) -> str | None:
        """What to tell the server, if this error of a statement says no more than that it has to
        be told, and then asked again; nothing of the statement has been done.
        """


def keep_alive(connection: socket.socket) -> None:
    """Have the system notice within a minute that the other end has vanished."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
