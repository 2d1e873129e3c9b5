"""The application on twisted.web: ``python -m bench.apps.twisted_web_app PORT``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar, Self

from twisted.internet.interfaces import IPullProducer
from twisted.python.failure import Failure
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from twisted.web.static import File
from twisted.web.template import Element, Tag, XMLString, flattenString, renderer
from twisted.web.websocket import WebSocketResource, WebSocketTransport
from zope.interface import implementer

from bench.apps.common import MESSAGE, ROWS, TITLE, event, static_directory
from bench.apps.twisted_site import serve


class Main(Resource):
    """Plaintext."""

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"content-type", b"text/plain")
        return b"hello, world"


class Json(Resource):
    """JSON."""

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"content-type", b"application/json")
        return json.dumps(MESSAGE).encode()


class User(Resource):
    """Path and query parameters of one user."""

    isLeaf = True

    def __init__(self, user: bytes) -> None:
        super().__init__()
        self.user = user

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"content-type", b"text/plain")
        return self.user + b" " + request.args[b"q"][0]


class Users(Resource):
    """The parent of all users."""

    def getChild(self, path: bytes, request: Request) -> Resource:
        return User(path)


class PageElement(Element):
    """The page in Twisted's own templates."""

    loader = XMLString(
        '<html xmlns:t="http://twistedmatrix.com/ns/twisted.web.template/0.1">'
        '<head><title t:render="title"/></head><body><table><tr t:render="rows">'
        '<td><t:slot name="id"/></td><td><t:slot name="name"/></td>'
        '<td><t:slot name="text"/></td></tr></table></body></html>'
    )

    @renderer
    def title(self, request: Request, tag: Tag) -> Tag:
        return tag(TITLE)

    @renderer
    def rows(self, request: Request, tag: Tag) -> Iterator[Tag]:
        for row in ROWS:
            yield tag.clone().fillSlots(id=str(row["id"]), name=row["name"], text=row["text"])


class Page(Resource):
    """A template."""

    isLeaf = True

    def render_GET(self, request: Request) -> Any:
        request.setHeader(b"content-type", b"text/html")
        flattened = flattenString(request, PageElement())
        flattened.addCallback(lambda page: (request.write(page), request.finish()))
        return NOT_DONE_YET


class Form(Resource):
    """An urlencoded form."""

    isLeaf = True

    def render_POST(self, request: Request) -> bytes:
        return b"%s %d" % (request.args[b"name"][0], len(request.args[b"text"][0]))


class Upload(Resource):
    """A multipart form with a file."""

    isLeaf = True

    def render_POST(self, request: Request) -> bytes:
        return b"%d" % len(request.args[b"f"][0])


@implementer(IPullProducer)
class EventProducer:
    """Writes one event whenever the client can take it."""

    def __init__(self, request: Request, count: int) -> None:
        self.request, self.numbers = request, iter(range(count))

    def resumeProducing(self) -> None:
        number = next(self.numbers, None)
        if number is not None:
            self.request.write(event(number).encode())
            return
        self.request.unregisterProducer()
        self.request.finish()

    def stopProducing(self) -> None:
        pass


class Events(Resource):
    """Server-sent events."""

    isLeaf = True

    def render_GET(self, request: Request) -> Any:
        request.setHeader(b"content-type", b"text/event-stream")
        producer = EventProducer(request, int(request.args[b"n"][0]))
        request.registerProducer(producer, False)
        return NOT_DONE_YET


class Echo:
    """WebSocket messages that come back."""

    transport: WebSocketTransport

    @classmethod
    def buildProtocol(cls, request: Request) -> Self:
        return cls()

    def negotiationStarted(self, transport: WebSocketTransport) -> None:
        self.transport = transport

    def negotiationFinished(self) -> None:
        pass

    def textMessageReceived(self, message: str) -> None:
        self.transport.sendTextMessage(message)

    def bytesMessageReceived(self, data: bytes) -> None:
        pass

    def pongReceived(self, payload: bytes) -> None:
        pass

    def connectionLost(self, reason: Failure) -> None:
        pass


class Broadcast(Echo):
    """WebSocket messages for everybody."""

    everybody: ClassVar[set[Broadcast]] = set()

    def negotiationFinished(self) -> None:
        self.everybody.add(self)

    def connectionLost(self, reason: Failure) -> None:
        self.everybody.discard(self)

    def textMessageReceived(self, message: str) -> None:
        for one in self.everybody:
            one.transport.sendTextMessage(message)


def make_root() -> Resource:
    """Return the root of the site."""
    root = Resource()
    pages = {b"": Main, b"json": Json, b"user": Users, b"page": Page, b"form": Form}
    for name, resource in {**pages, b"upload": Upload, b"sse": Events}.items():
        root.putChild(name, resource())
    root.putChild(b"ws", WebSocketResource(Echo))
    root.putChild(b"broadcast", WebSocketResource(Broadcast))
    root.putChild(b"static", File(static_directory()))
    return root


if __name__ == "__main__":
    serve(make_root())
