"""What the tests of the client share: servers that answer bytes, and clients that are closed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.protocol import Factory, Protocol

from cyclone.httpclient import AsyncHTTPClient
from cyclone.web import Application

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Script(Protocol):
    """Answers the n-th request of the server with the n-th answer.

    An answer is bytes, or a function that is given the protocol and the request.  Requests are
    told from each other by their empty lines; bodies are part of `received`.
    """

    factory: Any

    def connectionMade(self) -> None:
        self.factory.connections.append(self)
        self.received = b""
        if self.factory.greeting:
            self.transport.write(self.factory.greeting)

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self.factory.received += data
        while b"\r\n\r\n" in self.received:
            head, _, self.received = self.received.partition(b"\r\n\r\n")
            self.factory.requests.append(head)
            answers = self.factory.answers
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if callable(answer):
                answer(self, head)
            else:
                self.transport.write(answer)

    def connectionLost(self, reason: Any = None) -> None:
        self.factory.lost.callback(None) if not self.factory.lost.called else None
        self.factory.open.remove(self.done)
        self.done.callback(None)

    def makeConnection(self, transport: Any) -> None:
        self.done: Deferred[None] = Deferred()
        self.factory.open.append(self.done)
        super().makeConnection(transport)


class ScriptFactory(Factory):
    protocol = Script
    noisy = False

    def __init__(self, *answers: Any, greeting: bytes = b"") -> None:
        self.answers = list(answers)
        self.greeting = greeting
        self.requests: list[bytes] = []
        self.received = b""
        self.connections: list[Any] = []
        self.open: list[Deferred[None]] = []
        self.lost: Deferred[None] = Deferred()


def ending(data: bytes) -> Callable[[Any, bytes], None]:
    """An answer after which the server ends the connection."""

    def answer(protocol: Any, _: bytes) -> None:
        protocol.transport.write(data)
        protocol.transport.loseConnection()

    return answer


def silent(protocol: Any, _: bytes) -> None:
    """No answer."""


class Served:
    """A server that listens, and a client for it."""

    def __init__(self, factory: Any, port: Any, client: AsyncHTTPClient, scheme: str) -> None:
        self.factory = factory
        self.port = port.getHost().port
        self.client = client
        self.url = f"{scheme}://127.0.0.1:{self.port}"

    def fetch(self, path: str = "/", **kwargs: Any) -> Any:
        return self.client.fetch(self.url + path, **kwargs)


@asynccontextmanager
async def serving(
    factory: Any, *, tls: Any = None, client: Any = None, **options: Any
) -> AsyncIterator[Served]:
    """Serve `factory` on a port of the loopback interface, with a client of its own."""
    from twisted.internet import reactor

    r: Any = reactor
    port = (
        r.listenTCP(0, factory, interface="127.0.0.1")
        if tls is None
        else r.listenSSL(0, factory, tls, interface="127.0.0.1")
    )
    made = client or AsyncHTTPClient(force_instance=True, **options)
    served = Served(factory, port, made, "http" if tls is None else "https")
    try:
        yield served
    finally:
        await made.close()
        await port.stopListening()
        if isinstance(factory, ScriptFactory):
            for connection in factory.connections:
                if not connection.done.called:
                    connection.transport.abortConnection()
            await DeferredList(list(factory.open))


def script(*answers: Any, greeting: bytes = b"", **options: Any) -> Any:
    """`serving` for a server that answers from a script."""
    return serving(ScriptFactory(*answers, greeting=greeting), **options)


def application(*handlers: Any, **options: Any) -> Any:
    """`serving` for an application of ours."""
    return serving(Application(list(handlers)), **options)


async def failing(fetched: Any, error: type[BaseException], match: str | None = None) -> Any:
    """The exception that a fetch fails with."""
    with pytest.raises(error, match=match) as caught:
        await fetched
    return caught.value
