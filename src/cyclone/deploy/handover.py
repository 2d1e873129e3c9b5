"""Reactors that bind sockets for others, and that listen with sockets which others have bound.

The supervisor of workers and the workers build the same endpoints from the same descriptions. The
supervisor's are given a `Binding`: whatever they ask the reactor to listen at is bound and kept,
and nothing is accepted. A worker's are given a `Handed`: each finds the socket that its twin has
bound. So every endpoint can be shared that listens by the reactor it is given, with TLS or without
it; each worker sets up its own TLS.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, execute, fail, succeed
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import directlyProvides, implementer, providedBy

from .adoption import adopt, family_of
from .errors import DeployError, one_line
from .listeners import bound_socket
from .unixsockets import bound_unix_socket

__all__ = ["Adopting", "Binding", "Handed", "HeldPort", "SharedEndpoint"]


class Adopting:
    """A reactor that leaves the file of a UNIX socket that it is given as it is."""

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        directlyProvides(self, providedBy(reactor))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.reactor, name)

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: Any) -> Any:
        """See `twisted.internet.interfaces.IReactorSocket`."""
        return adopt(self.reactor, fileDescriptor, factory)


@implementer(IListeningPort)
class HeldPort:
    """A socket that is bound, and accepted from by other processes.

    Attributes:
        socket: the socket.
    """

    def __init__(self, bound: socket.socket, release: Callable[[], None] | None = None) -> None:
        """`release` is called when it is closed."""
        bound.setblocking(False)
        self.socket = bound
        self._release = release

    def startListening(self) -> None:
        """It does."""

    def stopListening(self) -> Deferred[None]:
        """Close our side of it; the file of a UNIX socket that is ours is removed."""
        self.socket.close()
        release, self._release = self._release, None
        return succeed(None) if release is None else execute(release)

    def getHost(self) -> Any:
        """The address."""
        name = self.socket.getsockname()
        if self.socket.family == socket.AF_UNIX:
            return UNIXAddress(name)
        if self.socket.family == socket.AF_INET6:
            return IPv6Address("TCP", *name)
        return IPv4Address("TCP", *name)


class Binding(Adopting):
    """A reactor that binds, and keeps what it has bound, in place of listening.

    Attributes:
        ports: what it has bound, in the order in which it was asked.
    """

    def __init__(self, reactor: Any) -> None:
        super().__init__(reactor)
        self.ports: list[HeldPort] = []

    def _keep(self, port: HeldPort) -> HeldPort:
        self.ports.append(port)
        return port

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        """See `twisted.internet.interfaces.IReactorTCP`."""
        return self._keep(HeldPort(bound_socket(interface, port, backlog)))

    def listenSSL(
        self, port: int, factory: Any, contextFactory: Any, backlog: int = 50, interface: str = ""
    ) -> Any:
        """See `twisted.internet.interfaces.IReactorSSL`."""
        return self.listenTCP(port, factory, backlog, interface)

    listenTLS = listenSSL

    def listenUNIX(
        self, address: str, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: Any = 0
    ) -> Any:
        """See `twisted.internet.interfaces.IReactorUNIX`."""
        return self._keep(HeldPort(*bound_unix_socket(os.fsdecode(address), backlog, mode)))

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: Any) -> Any:
        """See `twisted.internet.interfaces.IReactorSocket`."""
        family_of(fileDescriptor)
        return self._keep(HeldPort(socket.socket(fileno=os.dup(fileDescriptor))))

    def adoptTLSPort(
        self, fileDescriptor: int, addressFamily: int, factory: Any, context: Any
    ) -> Any:
        """See `cyclone.uvloopreactor`."""
        return self.adoptStreamPort(fileDescriptor, addressFamily, factory)


@implementer(IStreamServerEndpoint)
class SharedEndpoint:
    """An endpoint on a `Binding`, which must bind one socket, and at once."""

    def __init__(self, endpoint: IStreamServerEndpoint, binding: Binding, place: str) -> None:
        self._endpoint = endpoint
        self._binding = binding
        self._place = place

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Bind; fails with `DeployError` if workers cannot share what the endpoint listens at."""
        before = len(self._binding.ports)
        try:
            opened: Deferred[IListeningPort] = self._endpoint.listen(protocolFactory)
        except Exception as error:
            return fail(DeployError(f"workers cannot share {self._place}: {one_line(error)}"))
        if not opened.called:
            opened.addErrback(lambda _: None)
            opened.cancel()
        elif len(self._binding.ports) == before + 1 or isinstance(opened.result, Failure):
            return opened
        return fail(
            DeployError(
                f"workers cannot share {self._place}: "
                "it does not open one socket, at once, by the reactor it is given"
            )
        )


class Handed(Adopting):
    """A reactor that listens with the sockets it was handed, in the order of a `Binding`."""

    listenTLS: Any

    def __init__(self, reactor: Any, descriptors: Iterable[int]) -> None:
        super().__init__(reactor)
        self._descriptors = deque(descriptors)
        if hasattr(reactor, "listenTLS"):
            self.listenTLS = self._listen_tls

    def _next(self, factory: Any) -> Any:
        descriptor = self._descriptors.popleft()
        port = adopt(self.reactor, descriptor, factory)
        os.close(descriptor)
        return port

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        """See `twisted.internet.interfaces.IReactorTCP`."""
        return self._next(factory)

    def listenSSL(
        self, port: int, factory: Any, contextFactory: Any, backlog: int = 50, interface: str = ""
    ) -> Any:
        """See `twisted.internet.interfaces.IReactorSSL`."""
        return self._next(TLSMemoryBIOFactory(contextFactory, False, factory, self.reactor))

    def _listen_tls(
        self, port: int, factory: Any, context: Any, backlog: int = 50, interface: str = ""
    ) -> Any:
        descriptor = self._descriptors.popleft()
        opened = self.reactor.adoptTLSPort(descriptor, family_of(descriptor), factory, context)
        os.close(descriptor)
        return opened

    def listenUNIX(
        self, address: str, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: Any = 0
    ) -> Any:
        """See `twisted.internet.interfaces.IReactorUNIX`."""
        return self._next(factory)

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: Any) -> Any:
        """See `twisted.internet.interfaces.IReactorSocket`."""
        return self._next(factory)

    def adoptTLSPort(
        self, fileDescriptor: int, addressFamily: int, factory: Any, context: Any
    ) -> Any:
        """See `cyclone.uvloopreactor`."""
        return self._listen_tls(0, factory, context)
