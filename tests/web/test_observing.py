"""What observers are told, whatever becomes of a request."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from cyclone.httputil import HTTPServerRequest
from cyclone.testing import Client, ExpectLog
from cyclone.web import Application, HTTPError, RequestHandler, RequestObserver
from cyclone.websocket import WebSocketHandler


class Recorder(RequestObserver):
    def __init__(self) -> None:
        self.events: list[Any] = []

    def installed(self, application: Application) -> None:
        self.events.append("installed")

    def request_started(self, request: HTTPServerRequest, route: str | None) -> str:
        self.events.append(("started", request.path, route))
        return f"token of {request.path}"

    def request_ended(self, started: str, handler: RequestHandler, lost: bool) -> None:
        self.events.append(("ended", started, handler.get_status(), lost))


class Handler(RequestHandler):
    pending: list[Deferred[None]] = []

    async def get(self, what: str) -> None:
        if what == "error":
            raise HTTPError(404)
        if what == "wait":
            self.pending.append(Deferred())
            await self.pending[-1]
        if what == "stream":
            self.write("x")
            await self.flush()
            self.pending.append(Deferred())
            await self.pending[-1]
        self.write("done")


class Cancelled(Handler):
    cancel_on_disconnect = True


class Broken(RequestHandler):
    def initialize(self) -> None:
        raise ValueError("not made")


class Socket(WebSocketHandler):
    pass


def application(*observers: RequestObserver) -> Application:
    routes: list[Any] = [
        ("/c/(.*)", Cancelled),
        ("/broken", Broken),
        ("/socket", Socket),
        ("/(a|error|wait|stream)", Handler),
    ]
    return Application(routes, observers=observers)


PLAIN = "/(a|error|wait|stream)$"


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/a", PLAIN, 200),
        ("/error", PLAIN, 404),
        ("/none", None, 404),
        ("/broken", "/broken$", 500),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_one_request(path: str, route: str | None, status: int) -> None:
    recorder = Recorder()
    with ExpectLog("cyclone.application", "Cannot make a handler", required=path == "/broken"):
        Client(application(recorder)).get(path)
    assert recorder.events == [
        "installed",
        ("started", path, route),
        ("ended", f"token of {path}", status, False),
    ]


@pytest.mark.parametrize("path", ["/wait", "/stream"])
def test_a_request_that_takes_its_time(path: str) -> None:
    recorder = Recorder()
    pending = Client(application(recorder)).open("GET", path)
    assert len(recorder.events) == 2
    Handler.pending.pop().callback(None)
    assert pending.complete
    assert recorder.events[2:] == [("ended", f"token of {path}", 200, False)]


@pytest.mark.parametrize("path", ["/wait", "/stream", "/c/wait", "/c/stream"])
def test_a_peer_that_goes_away(path: str) -> None:
    recorder = Recorder()
    pending = Client(application(recorder)).open("GET", path)
    pending.disconnect()
    assert recorder.events[2:] == [("ended", f"token of {path}", 200, True)]
    waiting = Handler.pending.pop()
    if not waiting.called:
        waiting.callback(None)
    assert len(recorder.events) == 3


def test_a_websocket_has_ended_when_it_is_open() -> None:
    recorder = Recorder()
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }
    client = Client(application(recorder))
    pending = client.open("GET", "/socket", headers=upgrade)
    assert pending.status == 101
    assert recorder.events[2:] == [("ended", "token of /socket", 101, False)]
    client.close()
    assert len(recorder.events) == 3


def test_several_end_in_reverse() -> None:
    order: list[str] = []

    class Named(RequestObserver):
        def __init__(self, name: str) -> None:
            self.name = name

        def request_started(self, request: Any, route: Any) -> None:
            order.append(f"+{self.name}")

        def request_ended(self, started: Any, handler: Any, lost: bool) -> None:
            order.append(f"-{self.name}")

    made = application(Named("a"))
    made.observe(Named("b"))
    Client(made).get("/a")
    assert order == ["+a", "+b", "-b", "-a"]


def test_what_they_raise_does_no_harm() -> None:
    class Raises(RequestObserver):
        def request_started(self, request: Any, route: Any) -> None:
            if request.query:
                raise ValueError

        def request_ended(self, started: Any, handler: Any, lost: bool) -> None:
            raise ValueError

    recorder = Recorder()
    client = Client(application(Raises(), recorder))
    with ExpectLog("cyclone.application", "Uncaught exception in request_ended"):
        assert client.get("/a").text == "done"
    with ExpectLog("cyclone.application", "Uncaught exception in request_started"):
        assert client.get("/a?b").text == "done"
    assert len(recorder.events) == 5


def test_the_log_function_of_a_subclass_is_still_asked() -> None:
    logged: list[int] = []

    class Own(Application):
        def log_request(self, handler: RequestHandler) -> None:
            logged.append(handler.get_status())

    recorder = Recorder()
    Client(Own([("/(.*)", Handler)], observers=[recorder])).get("/a")
    assert logged == [200]
    assert len(recorder.events) == 3


def test_a_base_class_does_nothing() -> None:
    assert Client(application(RequestObserver())).get("/a").text == "done"


def test_a_connection_of_others() -> None:
    recorder = Recorder()

    class Connection:
        context = None
        done = False

        def set_close_callback(self, callback: Any) -> None: ...
        def write_headers(self, *args: Any, **kwargs: Any) -> None: ...
        def finish(self) -> None: ...

    request = HTTPServerRequest("GET", "/a", connection=Connection())
    application(recorder)(request)
    assert recorder.events[-1] == ("ended", "token of /a", 200, False)
