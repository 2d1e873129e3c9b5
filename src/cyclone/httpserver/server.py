"""`HTTPServer`: settings of a server, and what it listens to (Tornado)."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import Any, cast

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IListeningPort, IReactorSocket
from twisted.internet.protocol import ServerFactory
from twisted.protocols.tls import TLSMemoryBIOFactory

from cyclone._async import Waiter
from cyclone.http1 import Exchange, HTTP1Connection, HTTPFactory
from cyclone.httputil import HTTPServerConnectionDelegate, HTTPServerRequest, TrustedProxies

from .delegates import serve_callable, serve_message
from .sockets import bind_sockets
from .tls import tls_context

__all__ = ["HTTPServer"]

RequestCallback = HTTPFactory | HTTPServerConnectionDelegate | Callable[[HTTPServerRequest], Any]


class HTTPServer(HTTPFactory):
    """Serves requests to an application, a router, a delegate or a callable (Tornado).

    It is an `IProtocolFactory`, which reactors and endpoints can listen with; or it listens by
    its own methods, like Tornado's. They use the running reactor, or the one assigned to `clock`.

    Args:
        request_callback: an `Application`; a `Router` or other `HTTPServerConnectionDelegate`; or
            a callable that is given each `HTTPServerRequest` when its body is there, and writes
            the response through ``request.connection``.
        kwargs: see `initialize`.
    """

    def __init__(self, request_callback: RequestCallback, **kwargs: Any) -> None:
        self._ports: list[IListeningPort] = []
        self._sockets: list[socket.socket] = []
        self._bound: list[socket.socket] = []
        self._tls: Any = None
        self.initialize(request_callback, **kwargs)

    def initialize(
        self,
        request_callback: RequestCallback,
        no_keep_alive: bool = False,
        xheaders: bool = False,
        ssl_options: Any = None,
        protocol: str | None = None,
        decompress_request: bool = False,
        chunk_size: int | None = None,
        max_header_size: int | None = None,
        idle_connection_timeout: float | None = None,
        body_timeout: float | None = None,
        max_body_size: int | None = None,
        max_buffer_size: int | None = None,
        trusted_downstream: Iterable[str] | None = None,
        **limits: Any,
    ) -> None:
        """Take the settings; subclasses may have others (Tornado). Sizes are bytes, times seconds.

        Args:
            no_keep_alive: close each connection after its first response.
            xheaders: believe X-Real-Ip and its like.
            ssl_options: have TLS spoken where the server listens by its own methods: a dictionary
                with ``certfile`` and ``keyfile``, or a context factory of Twisted's.
            protocol: "https" when the peers' connections are, although the server's are not.
            decompress_request: decompress request bodies that are compressed with gzip.
            chunk_size: bytes that are decompressed at a time, and that delegates get at a time.
            max_header_size, idle_connection_timeout, body_timeout, max_body_size: see
                `cyclone.http1.Limits`; None for its defaults.
            max_buffer_size: size limit of bodies if there is no `max_body_size` (in Tornado whole
                bodies are kept in that buffer).
            trusted_downstream: addresses and networks of the proxies that are believed.
            limits: the other settings of `cyclone.http1.Limits`.

        Raises:
            ValueError: a limit is no number.
            KeyError, OSError, ValueError, TypeError: by `ssl_options`.
        """
        settings = {
            "max_header_size": max_header_size,
            "idle_connection_timeout": idle_connection_timeout,
            "body_timeout": body_timeout,
            "max_body_size": max_buffer_size if max_body_size is None else max_body_size,
            "chunk_size": chunk_size,
            "no_keep_alive": no_keep_alive,
            "decompress_request": decompress_request,
        }
        given = {name: value for name, value in settings.items() if value is not None}
        super().__init__({**limits, **given})
        self.request_callback = request_callback
        self.xheaders = xheaders
        self.trusted_downstream = list(trusted_downstream or ())
        if xheaders:
            self.forwarded = TrustedProxies(self.trusted_downstream)
        self.secure = protocol == "https"
        if ssl_options is not None:
            self._tls = tls_context(ssl_options)

    # -- requests

    def start_request(self, exchange: Exchange) -> None:
        """A request head has come."""
        callback = self.request_callback
        if isinstance(callback, HTTPFactory):
            callback.start_request(exchange)
            return
        request = HTTPServerRequest.from_head(exchange.head, exchange)
        request.server_connection = exchange.server_connection
        if isinstance(callback, HTTPServerConnectionDelegate):
            message = callback.start_request(exchange.server_connection, cast(Any, exchange))
            serve_message(message, request, exchange)
        else:
            serve_callable(callback, request, exchange)

    def connection_gone(self, connection: HTTP1Connection) -> None:
        """`connection` is lost."""
        super().connection_gone(connection)
        if isinstance(self.request_callback, HTTPServerConnectionDelegate):
            self.request_callback.on_close(connection)

    # -- listening

    @property
    def _listening_factory(self) -> ServerFactory:
        if self._tls is None:
            return self
        made = TLSMemoryBIOFactory(self._tls, False, self)
        made.noisy = False
        return cast(ServerFactory, made)

    def listen(
        self,
        port: int,
        address: str | None = None,
        family: int = socket.AF_UNSPEC,
        backlog: int = 128,
        flags: int | None = None,
        reuse_port: bool = False,
    ) -> None:
        """Accept connections at a port.

        Args:
            port: 0 for one that the system chooses.
            address: an address or a name of this machine; None or "" for all its interfaces, IPv4
                and IPv6.
            family: AF_INET or AF_INET6 to have the one alone.
            backlog: connections that may wait to be accepted.
            flags: has no meaning here (Tornado's `getaddrinfo` flags).
            reuse_port: other processes may listen at the port as well.

        Raises:
            OSError: the port cannot be had.
        """
        self.add_sockets(bind_sockets(port, address, family, backlog, reuse_port))

    def bind(
        self,
        port: int,
        address: str | None = None,
        family: int = socket.AF_UNSPEC,
        backlog: int = 128,
        flags: int | None = None,
        reuse_port: bool = False,
    ) -> None:
        """Take a port, and accept its connections from `start` on; see `listen`."""
        self._bound += bind_sockets(port, address, family, backlog, reuse_port)

    def start(self, num_processes: int | None = 1, max_restarts: int | None = None) -> None:
        """Accept the connections of the ports of `bind`.

        Args:
            num_processes: 1. A reactor cannot be divided among processes.
            max_restarts: has no meaning here.

        Raises:
            ValueError: for another number of processes.
        """
        if num_processes != 1:
            raise ValueError(
                "HTTPServer.start serves from this process alone: start more processes, each with "
                "listen(port, reuse_port=True)"
            )
        bound, self._bound = self._bound, []
        self.add_sockets(bound)

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Accept connections from sockets that listen already; they are closed by `stop`."""
        for listening in sockets:
            self.add_socket(listening)

    def add_socket(self, socket: socket.socket) -> None:
        """Accept connections from a socket that listens already; it is closed by `stop`."""
        socket.setblocking(False)
        reactor = cast(IReactorSocket, self.clock)
        self._sockets.append(socket)
        self._ports.append(
            reactor.adoptStreamPort(socket.fileno(), socket.family, self._listening_factory)
        )

    def stop(self) -> Deferred[Any]:
        """Accept no more connections; those that there are go on.

        Returns:
            a Deferred that fires when the ports are closed. It may be ignored (Tornado).
        """
        closing = [port.stopListening() for port in self._ports]
        for listening in (*self._sockets, *self._bound):
            listening.close()
        self._ports, self._sockets, self._bound = [], [], []
        return DeferredList([d for d in closing if d is not None])

    def close_all_connections(self) -> Waiter:
        """Close all connections, whatever they are doing. Call `stop` first.

        Returns:
            an awaitable, and Deferred, that is done when none is left.
        """
        gone = Waiter()
        self.drain(0).addCallback(lambda _: gone.callback(None))
        return gone
