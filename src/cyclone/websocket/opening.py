"""The opening handshake of a client: the protocol that speaks HTTP until the WebSocket is open."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from cyclone._async import exception_of
from cyclone.httpclient import HTTPClientError, HTTPResponse, Upgrade, failed_upgrade

from .connection import WebSocketConnection
from .deflate import CompressionOptions, Parameters
from .errors import WebSocketError
from .extensions import format_offer, read_agreement
from .handshake import HandshakeError, check_response

__all__ = ["Offer", "OpeningProtocol"]

#: Interim responses that are read over before the final one.
_MAX_INTERIM = 10


class Offer:
    """What a client asks for.

    Args:
        subprotocols: in the order of preference.
        options: to compress with; None for no compression.

    Raises:
        ValueError: a subprotocol comes twice or is empty.
    """

    def __init__(self, subprotocols: list[str], options: CompressionOptions | None) -> None:
        if len(set(subprotocols)) != len(subprotocols) or not all(subprotocols):
            raise ValueError("subprotocols are names, each of them once")
        self.subprotocols = subprotocols
        self.options = options
        self.key = base64.b64encode(os.urandom(16)).decode("ascii")

    def fields(self) -> dict[str, str]:
        """The fields of the request (RFC 6455 section 4.1)."""
        fields = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": self.key,
            "Sec-WebSocket-Version": "13",
        }
        if self.subprotocols:
            fields["Sec-WebSocket-Protocol"] = ", ".join(self.subprotocols)
        if self.options is not None:
            fields["Sec-WebSocket-Extensions"] = format_offer(self.options)
        return fields

    def accepted(self, response: HTTPResponse) -> tuple[str | None, Parameters | None]:
        """What the server has selected: the subprotocol and the compression.

        Raises:
            HTTPClientError: it has answered with an error.
            WebSocketError: it does not speak WebSocket as it should.
        """
        fields = response.headers.get_list
        if response.code != 101 and not 200 <= response.code < 300:
            raise HTTPClientError(response.code, response=response)
        try:
            selected = check_response(response.code, fields, self.key, self.subprotocols)
            agreed = read_agreement(fields("Sec-WebSocket-Extensions"), self.options)
        except (HandshakeError, ValueError) as error:
            raise WebSocketError(f"the handshake failed: {error}") from None
        return selected, agreed


@implementer(IHalfCloseableProtocol)
class OpeningProtocol(Protocol):
    """Sends the request, reads the response, and hands all that follows on.

    Args:
        upgrade: the request.
        opened: called with the response; returns the connection that goes on, or raises.
        failed: called with the error if there will be none.
    """

    transport: Any

    def __init__(
        self,
        upgrade: Upgrade,
        opened: Callable[[HTTPResponse], WebSocketConnection],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._upgrade = upgrade
        self._opened = opened
        self._failed = failed
        self._received = bytearray()
        self._interim = 0
        self._connection: WebSocketConnection | None = None
        self._over = False

    def connectionMade(self) -> None:
        self.transport.write(self._upgrade.head)

    def dataReceived(self, data: bytes) -> None:
        if self._connection is not None:
            self._connection.dataReceived(data)
        elif not self._over:
            self._read_head(data)

    def _read_head(self, data: bytes) -> None:
        received = self._received
        start = max(len(received) - 3, 0)
        received += data
        end = received.find(b"\r\n\r\n", start)
        if end < 0:
            if len(received) > self._upgrade.max_header_size:
                self.fail(WebSocketError("the head of the response is too long"))
            return
        head, rest = bytes(received[: end + 4]), bytes(received[end + 4 :])
        try:
            response = self._upgrade.response(head)
            if 100 <= response.code < 200 and response.code != 101:
                self._interim += 1  # the final one follows
                if self._interim > _MAX_INTERIM:
                    raise WebSocketError("too many interim responses")
                self._received = bytearray()
                self._read_head(rest)
                return
            connection = self._opened(response)
        except Exception as error:
            self.fail(error)
            return
        self._received = bytearray()
        self._connection = connection
        connection.makeConnection(self.transport)  # type: ignore[no-untyped-call]
        if rest:
            connection.dataReceived(rest)

    def fail(self, error: BaseException) -> None:
        """Give up."""
        if not self._over:
            self._over = True
            self.transport.abortConnection()
            self._failed(error)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._connection is not None:
            self._connection.connectionLost(reason)
        elif not self._over:
            self._over = True
            self._failed(failed_upgrade(exception_of(reason)))

    def readConnectionLost(self) -> None:
        """The server has ended its side (IHalfCloseableProtocol)."""
        if self._connection is not None:
            self._connection.readConnectionLost()
        else:
            self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """Our side has been ended, by our half-close (IHalfCloseableProtocol)."""
