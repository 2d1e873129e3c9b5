"""The transport of a connection that was taken out of HTTP, as Tornado's handlers use it."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import ITransport

from cyclone._async import settle
from cyclone.testing import Client
from cyclone.web import Application, RequestHandler


def talking(talk: Any) -> Any:
    class Handler(RequestHandler):
        async def get(self) -> None:
            await settle(talk(self.detach()))

    return Client(Application([("/", Handler)])).connect()


def test_it_is_written_to_and_closed_as_a_stream() -> None:
    async def talk(stream: Any) -> None:
        assert ITransport.providedBy(stream)
        assert not stream.closed()
        await stream.write(b"HTTP/1.0 200 OK\r\n\r\nhel")
        stream.write(b"lo")
        stream.close()
        assert stream.closed()

    connection = talking(talk)
    connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert connection.received == b"HTTP/1.0 200 OK\r\n\r\nhello"
    assert connection.closed


def test_all_else_is_the_transports() -> None:
    seen: list[Any] = []
    connection = talking(lambda stream: seen.append(stream.getPeer()))
    connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert seen == [connection.transport.getPeer()]
