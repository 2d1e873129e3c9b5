"""cyclone 1.x's handlers of events, in the style of the applications that have them."""

from __future__ import annotations

from typing import Any

import pytest

import cyclone.escape
import cyclone.sse
import cyclone.web
from cyclone.testing import Client
from tests.sse.support import EventParser, Got
from tests.web.support import problems, recorded_log


def parsed(data: bytes) -> list[Got]:
    return EventParser().feed(data)


class Graph:
    """Has clients, as houses that are full of sensors have them."""

    def __init__(self) -> None:
        self.observers: list[Any] = []


class GraphEvents(cyclone.sse.SSEHandler):
    def __init__(self, application: Any, request: Any, graph: Graph) -> None:
        cyclone.sse.SSEHandler.__init__(self, application, request)
        self.graph = graph
        self.path = request.uri[len("/graph/") :]

    def bind(self) -> None:  # the route has a group
        self.sendEvent(message="{}", event=b"fullGraph")
        self.graph.observers.append(self.on_patch)

    def on_patch(self, patch: str) -> None:
        self.sendEvent(message=patch, event=b"patch")

    def unbind(self) -> None:
        self.graph.observers.remove(self.on_patch)


def test_handlers_with_an_init_of_their_own_and_clients_in_a_list() -> None:
    graph = Graph()
    app = cyclone.web.Application([(r"/graph/(.*)", GraphEvents, {"graph": graph})])
    response = Client(app).open("GET", "/graph/house")
    for observer in graph.observers:
        observer('{"patch": 1}')
    assert parsed(response.received) == [Got("{}", "fullGraph"), Got('{"patch": 1}', "patch")]
    observer = graph.observers[0]
    response.disconnect()
    assert graph.observers == []
    observer("nobody hears this")  # a timer that comes too late


def test_init_passes_arguments_on() -> None:
    class Updates(cyclone.sse.SSEHandler):
        def __init__(self, application: Any, request: Any, **kwargs: Any) -> None:
            cyclone.sse.SSEHandler.__init__(self, application, request, **kwargs)

        def initialize(self, name: str) -> None:
            self.name = name

        def bind(self) -> None:
            self.sendEvent({"name": self.name})

    app = cyclone.web.Application([(r"/", Updates, {"name": "x"})])
    assert parsed(Client(app).open("GET", "/").received) == [Got('{"name": "x"}')]


def test_execute_overridden() -> None:
    """The way of the broker that has a channel in the query, and keeps clients alive itself."""
    clients: list[Any] = []

    class Broadcast(cyclone.sse.SSEHandler):
        def _execute(self, transforms: Any, *args: Any, **kwargs: Any) -> None:
            self._transforms: Any = []
            try:
                self.set_header("Content-Type", "text/event-stream; charset=utf-8")
                self.set_header("Cache-Control", "no-cache")
                self.set_header("Connection", "keep-alive")
                self.set_header("Access-Control-Allow-Origin", "*")
                if not self.get_arguments("channels"):
                    raise cyclone.web.HTTPError(400)
                self.flush()
                self.notifyFinish().addCallback(self.on_connection_close)
                self.bind()
            except Exception as error:
                self._handle_request_exception(error)

        def bind(self) -> None:
            clients.append(self)

        def unbind(self) -> None:
            clients.remove(self)

    app = cyclone.web.Application([(r"/", Broadcast)])
    client = Client(app)
    assert client.get("/").status == 400
    response = client.open("GET", "/?channels=base")
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Connection"] == "keep-alive"
    clients[0].sendEvent("hello", eid="7")
    clients[0].transport.write(": sse ping\n\n")
    assert parsed(response.received) == [Got("hello", id="7")]
    assert b": sse ping\n\n" in response.received
    with recorded_log() as log:
        response.disconnect()
    assert clients == [] and problems(log) == []


def test_head_and_first_bytes_written_by_bind() -> None:
    class Padding(cyclone.sse.SSEHandler):
        def initialize(self) -> None:
            self.set_header("Access-Control-Allow-Origin", "*")

        def bind(self) -> None:
            self.write("\n\n")
            self.flush()
            self.transport.writeSequence([b": one\n\n", ": two\n\n"])

    app = cyclone.web.Application([(r"/", Padding)])
    response = Client(app).open("GET", "/")
    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.received == b"\n\n: one\n\n: two\n\n"


def test_send_event_replaced_as_for_python_3(monkeypatch: pytest.MonkeyPatch) -> None:
    def sendEvent(self: Any, message: Any, event: Any = None, eid: Any = None) -> None:
        if isinstance(message, dict):
            message = cyclone.escape.json_encode(message)
        if isinstance(message, str):
            message = message.encode("utf-8")
        if event:
            self.transport.write(b"event: %s\n" % event)
        self.transport.write(b"data: %s\n\n" % message)

    class Patched(cyclone.sse.SSEHandler):
        def bind(self) -> None:
            self.sendEvent({"a": 1}, event=b"patch")

    monkeypatch.setattr(cyclone.sse.SSEHandler, "sendEvent", sendEvent)
    app = cyclone.web.Application([(r"/", Patched)])
    assert parsed(Client(app).open("GET", "/").received) == [Got('{"a": 1}', "patch")]


def test_the_transport_of_a_stream() -> None:
    addresses: list[Any] = []

    class Asking(cyclone.sse.SSEHandler):
        def bind(self) -> None:
            addresses.append(self.transport.getPeer().host)
            assert self.transport is self.transport

    Client(cyclone.web.Application([(r"/", Asking)])).open("GET", "/")
    assert addresses == ["127.0.0.1"]


def test_unbind_called_by_the_application_to_end_the_stream() -> None:
    """A handler whose unbind() ends the response, for clients that poll."""

    class Polling(cyclone.sse.SSEHandler):
        clients: list[Any] = []

        def bind(self) -> None:
            self.clients.append(self)

        def unbind(self) -> None:
            if self in self.clients:
                self.clients.remove(self)
                self.flush()
                self.finish()

    app = cyclone.web.Application([(r"/", Polling)])
    response = Client(app).open("GET", "/")
    client = Polling.clients[0]
    client.sendEvent("one")
    with recorded_log() as log:
        client.unbind()
    assert response.complete and parsed(response.received) == [Got("one")]
    assert problems(log) == []
