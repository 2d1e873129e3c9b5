"""`Guard`: stands between a connection and Twisted's HTTP parser, and reads heads first.

Twisted's client accepts heads of any size and any number of interim responses, gives a response
out only when the whole request has been sent, and does not tell when the server says "100
Continue".  The guard holds a head back until it is complete, checks it, keeps interim responses to
itself, and tells its listener; the rest of the bytes it passes on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHandshakeListener, IProtocolFactory
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from .errors import HTTPClientError, HTTPResponseError
from .heads import ResponseHead, parse_head

__all__ = ["Guard", "GuardFactory", "Listener"]

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
#: Interim responses that are accepted before the final one.
MAX_INTERIM = 10


class Listener(Protocol):
    """Who sent a request, and is told what comes of it."""

    method: str
    max_header_size: int

    def head_received(self, head: ResponseHead) -> None:
        """The head of the final response is there."""

    def continue_received(self) -> None:
        """The server wants the body of the request."""

    def more_received(self) -> None:
        """There is more than the response that the head announced."""

    def fail(self, error: BaseException) -> None:
        """The response cannot be used."""


@implementer(IHandshakeListener)
class Guard(ProtocolWrapper):
    """Wraps the client protocol of one connection, for one request after the other.

    Attributes:
        requests: how many requests were begun.
        answered: whether anything came back for the last one.
        lost: whether the connection has ended.
        ended_well: whether it ended in good order.
    """

    def __init__(self, factory: Any, wrapped: Any) -> None:
        super().__init__(factory, wrapped)
        self.requests = 0
        self.answered = False
        self.lost = False
        self.ended_well = False
        self._handshake: Deferred[None] | None = None
        self._listener: Listener | None = None
        self._in_head = False
        self._head = bytearray()
        self._searched = 0
        self._interim = 0
        self._left: int | None = None  # bytes of the body still to come, if the head has told

    def begin(self, listener: Listener) -> None:
        """A request will be sent; `listener` is told what comes back."""
        self.requests += 1
        self._listener = listener
        self._in_head = True
        self._interim = 0
        self.answered = False

    def end(self, listener: Listener) -> None:
        """The response is complete; what comes now was not asked for."""
        if self._listener is listener:
            self._listener = None

    def handshake(self) -> Deferred[None]:
        """Fires when the TLS handshake is over, fails with the reason why it will never be."""
        self._handshake = Deferred(lambda _: self.abortConnection())
        return self._handshake

    # -- the transport's side

    def handshakeCompleted(self) -> None:
        handshake, self._handshake = self._handshake, None
        if handshake is not None:
            handshake.callback(None)

    def dataReceived(self, data: bytes) -> None:
        listener = self._listener
        if listener is None:
            # RFC 9112 section 9.2: such bytes are no answer to any request to come.
            self.abortConnection()
            return
        self.answered = True
        if self._in_head:
            try:
                data = self._take(data, listener)
            except HTTPClientError as exc:
                listener.fail(exc)
                return
        else:
            self._count(len(data), listener)
        if data and self._listener is listener:
            super().dataReceived(data)  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = True
        self.ended_well = isinstance(reason.value, ConnectionDone)
        handshake, self._handshake = self._handshake, None
        if handshake is not None and not handshake.called:
            handshake.errback(reason)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    # -- heads

    def _take(self, data: bytes, listener: Listener) -> bytes:
        """Return the final head and what follows it, b"" while it is not complete."""
        head = self._head
        head += data
        while True:
            end = _END_OF_HEAD.search(head, self._searched)
            size = len(head) if end is None else end.end()
            if size > listener.max_header_size:
                raise HTTPResponseError("The header section of the response is too large")
            if end is None:
                self._searched = max(0, size - 3)
                return b""
            section = bytes(head[:size])
            del head[:size]
            self._searched = 0
            if self._is_final(section, listener):
                self._in_head = False
                self._count(len(head), listener)
                section += head
                head.clear()
                return section

    def _is_final(self, section: bytes, listener: Listener) -> bool:
        parsed = parse_head(section, listener.method)
        if parsed.code == 101:
            raise HTTPResponseError("The server changed the protocol, which was not asked for")
        if parsed.code >= 200:
            self._left = parsed.length
            listener.head_received(parsed)
            return True
        self._interim += 1
        if self._interim > MAX_INTERIM:
            raise HTTPResponseError("Too many interim responses")
        if parsed.code == 100:
            listener.continue_received()
        return False

    def _count(self, size: int, listener: Listener) -> None:
        """Notice what goes beyond a body of known length: Twisted's parser drops it."""
        if self._left is not None:
            self._left -= size
            if self._left < 0:
                listener.more_received()


class GuardFactory(WrappingFactory[Guard]):
    """Makes a `Guard` around each protocol of another factory."""

    protocol: Callable[..., Guard] = Guard
    noisy = False

    def __init__(self, factory: IProtocolFactory) -> None:
        super().__init__(factory)  # type: ignore[no-untyped-call]
