"""What this reactor offers beyond Twisted's interfaces."""

from __future__ import annotations

import ssl
from typing import Any

from twisted.internet.interfaces import IListeningPort
from zope.interface import Interface

__all__ = ["IReactorNativeTLS"]


class IReactorNativeTLS(Interface):
    """A reactor that can leave TLS to its event loop."""

    def listenTLS(
        port: int,
        factory: Any,
        context: ssl.SSLContext,
        backlog: int = 50,
        interface: str = "",
    ) -> IListeningPort:
        """Listen for TLS connections.

        Args:
            port: the number of the port, 0 for any that is free.
            factory: makes the protocols; their transports provide
                `twisted.internet.interfaces.ISSLTransport` and `INegotiated`.
            context: certificate, protocols (ALPN), client certificates.
            backlog: how many connections may wait to be accepted.
            interface: the address, "" for all of IPv4.

        Raises:
            CannotListenError: if the place cannot be listened at.
        """

    def adoptTLSPort(
        fileDescriptor: int, addressFamily: int, factory: Any, context: ssl.SSLContext
    ) -> IListeningPort:
        """Listen for TLS connections with a TCP socket that listens already.

        Args:
            fileDescriptor: the socket, which stays the caller's.
            addressFamily: ``socket.AF_INET`` or ``AF_INET6``.
            factory: as for `listenTLS`.
            context: as for `listenTLS`.

        Raises:
            UnsupportedAddressFamily: if it is another.
        """
