"""The loop's own TLS, for contexts of the standard library.

It costs half as much as Twisted's (see `starttls`), which takes pyOpenSSL's contexts.
"""

from __future__ import annotations

import ssl
from typing import Any
from weakref import WeakSet

from OpenSSL import crypto
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress, INegotiated, ISSLTransport
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from .port import TCPPort
from .starttls import TCPConnection
from .transport import StreamTransport
from .turn import Hub

__all__ = ["NativeTLSPort", "NativeTLSTransport"]

#: When a port is closed, handshakes that are under way may still end: seconds between two looks,
#: and how many.
_PAUSE = 0.05
_LOOKS = 60


@implementer(ISSLTransport, INegotiated)
class NativeTLSTransport(TCPConnection):
    """A TCP connection over the loop's TLS.

    Its protocol is made when the handshake is done.  As with Twisted's TLS there is no half-closed
    connection: when one side has said that it is done, both are.
    """

    # The stream of TLS says so from this size on, others beyond it.
    _some = 1
    _notified = False

    def eof_received(self) -> bool:
        """The peer has said that it is done; the stream answers that, and closes."""
        self._notified = True
        self.flush()
        return False

    def _why(self, error: BaseException | None) -> BaseException:
        # A connection that just ends may have been cut by anybody.
        if error is None and (self._notified or self.disconnecting):
            return ConnectionDone()
        return ConnectionLost()

    def _hold(self) -> None:
        """The stream of TLS heeds what was asked for in `connection_made`."""

    def _shut_down(self) -> None:
        """The stream of TLS has ended the connection."""

    def loseWriteConnection(self) -> None:
        """Close the connection when everything has been sent."""
        self.loseConnection()

    def endConnection(self) -> None:
        """End the connection below TLS, whether or not the peer has said that it is done."""
        self._drop(Failure(ConnectionDone()))

    def getPeerCertificate(self) -> crypto.X509 | None:
        """The certificate that the peer has shown, None if it has not."""
        shown = self._session.getpeercert(binary_form=True)
        return None if shown is None else crypto.load_certificate(crypto.FILETYPE_ASN1, shown)

    @property
    def negotiatedProtocol(self) -> bytes | None:
        """What both sides have agreed to speak (ALPN), None if they have not."""
        agreed = self._session.selected_alpn_protocol()
        return None if agreed is None else agreed.encode("ascii")

    @property
    def _session(self) -> ssl.SSLObject:
        return self._stream.get_extra_info("ssl_object")  # type: ignore[no-any-return]


class NativeTLSPort(TCPPort):
    """A TCP port whose connections go through the loop's TLS."""

    transport = NativeTLSTransport
    kind = "TLS"

    def __init__(
        self,
        hub: Hub,
        port: Any,
        factory: Any,
        context: ssl.SSLContext,
        backlog: int,
        interface: str,
    ) -> None:
        super().__init__(hub, port, factory, backlog, interface)
        self.options = {"ssl": context}
        self._greeting: WeakSet[StreamTransport] = WeakSet()

    def _next_transport(self) -> StreamTransport:
        transport = super()._next_transport()
        self._greeting.add(transport)
        return transport

    def build(self, transport: StreamTransport, address: IAddress) -> Any:
        self._greeting.discard(transport)
        return super().build(transport, address)

    def _end(self, looks: int = _LOOKS) -> Any:
        """Close when those have their connection whose handshake had begun."""
        if self._greeting and looks:
            return deferLater(self.reactor, _PAUSE, self._end, looks - 1)
        return super()._end()
