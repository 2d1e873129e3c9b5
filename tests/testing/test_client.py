"""Clients without sockets: what they send, what they keep, where they go."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from cyclone.testing import (
    BaseClient,
    Client,
    DeferredClient,
    Response,
    ResponseError,
    ResponseNotReady,
)
from cyclone.web import Application, RequestHandler, asynchronous


class Echo(RequestHandler):
    """Says what it got."""

    SUPPORTED_METHODS = (*RequestHandler.SUPPORTED_METHODS, "BREW")

    def prepare(self) -> None:
        request = self.request
        self.set_header("X-Connection", str(id(request.connection._connection)))
        self.finish(
            {
                "method": request.method,
                "uri": request.uri,
                "host": request.host,
                "version": request.version,
                "protocol": request.protocol,
                "remote_ip": request.remote_ip,
                "fields": sorted(request.headers.get_all()),
                "cookies": {name: morsel.value for name, morsel in request.cookies.items()},
                "body": request.body.decode("latin-1"),
            }
        )


class Baker(RequestHandler):
    """Sets the cookies it is asked for."""

    def get(self) -> None:
        for line in self.get_arguments("line"):
            self.add_header("Set-Cookie", line)
        self.write(self.get_cookie("a", "none"))


class Redirecting(RequestHandler):
    """Sends its client elsewhere."""

    def get(self) -> None:
        self.set_status(int(self.get_argument("status", "302")))
        if to := self.get_argument("to", ""):
            self.set_header("Location", to)
        if cookie := self.get_argument("cookie", ""):
            self.set_cookie("a", cookie)

    post = put = get


class Looping(RequestHandler):
    """Sends its client in circles."""

    count = 0

    def get(self) -> None:
        Looping.count += 1
        self.redirect("/loop")


class Waiting(RequestHandler):
    """Answers after five seconds."""

    @asynchronous
    def get(self) -> None:
        clock = self.application.clock
        deferLater(clock, 5, lambda: self.finish("late"))


class Soon(RequestHandler):
    """Answers in the next turn."""

    async def get(self) -> None:
        await deferLater(self.application.clock, 0, lambda: None)
        self.write("soon")


class Raw(RequestHandler):
    """Writes to the transport what it is asked for, and closes."""

    @asynchronous
    def get(self) -> None:
        transport = self.request.connection.detach()
        transport.write(self.get_argument("bytes", strip=False).encode())
        if self.get_argument("close", ""):
            transport.loseConnection()


def make_app(**settings: Any) -> Application:
    return Application(
        [
            ("/bake|/dir/bake", Baker),
            ("/redirect", Redirecting),
            ("/loop", Looping),
            ("/waiting", Waiting),
            ("/soon", Soon),
            ("/raw", Raw),
            (r"/.*|\*", Echo),
        ],
        **settings,
    )


def client_with(**options: Any) -> Client:
    return Client(make_app(), **options)


@pytest.fixture
def client() -> Client:
    return client_with()


# --- what is sent ---------------------------------------------------------------------------------

METHODS = ["get", "head", "post", "put", "patch", "delete", "options"]


@pytest.mark.parametrize("name", METHODS)
def test_methods(client: Client, name: str) -> None:
    response = getattr(client, name)("/a", {"q": "1"}, headers={"X-A": "b"})
    assert (response.status, response.method) == (200, name.upper())
    assert response.url == "http://localhost/a?q=1"
    if name == "head":
        assert response.body == b""
        return
    found = response.json()
    assert (found["method"], found["uri"]) == (name.upper(), "/a?q=1")
    assert ["X-A", "b"] in found["fields"]


def test_another_method(client: Client) -> None:
    assert client.request("BREW", "/pot").json()["method"] == "BREW"


SENT: list[tuple[dict[str, Any], str, dict[str, Any], dict[str, Any]]] = [
    ({}, "/", {}, {"uri": "/", "host": "localhost", "protocol": "http", "version": "HTTP/1.1"}),
    ({}, "a", {}, {"uri": "/a"}),
    ({}, "", {}, {"uri": "/"}),
    ({}, "/a?b=http://c", {}, {"uri": "/a?b=http://c", "host": "localhost"}),
    ({}, "http://other:81/a", {}, {"uri": "/a", "host": "other:81", "protocol": "http"}),
    ({}, "https://other/a", {}, {"host": "other", "protocol": "https"}),
    ({}, "/", {"protocol": "https"}, {"protocol": "https"}),
    ({}, "/", {"host": "x:1"}, {"host": "x:1"}),
    ({}, "/", {"remote_ip": "192.0.2.1"}, {"remote_ip": "192.0.2.1"}),
    ({}, "/", {"remote_ip": "2001:db8::1"}, {"remote_ip": "2001:db8::1"}),
    ({}, "/", {}, {"remote_ip": "127.0.0.1"}),
    ({}, "/", {"version": "HTTP/1.0"}, {"version": "HTTP/1.0"}),
    ({}, "/", {"body": "x"}, {"body": "x"}),
    ({"https": True}, "/", {}, {"protocol": "https"}),
    ({"https": True}, "/", {"protocol": "http"}, {"protocol": "http"}),
    ({"https": True}, "http://h/", {}, {"protocol": "http"}),
    ({"host": "h:8"}, "/", {}, {"host": "h:8"}),
    ({"headers": {"A": 1}}, "/", {}, {"fields": [["A", "1"], ["Host", "localhost"]]}),
    (
        {"headers": [("A", "1"), ("B", "2")]},
        "/",
        {"headers": {"a": "3"}},
        {"fields": [["A", "3"], ["B", "2"], ["Host", "localhost"]]},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("options", "path", "request_options", "expected"), SENT)
def test_what_is_sent(
    options: dict[str, Any], path: str, request_options: dict[str, Any], expected: dict[str, Any]
) -> None:
    found = client_with(**options).get(path, **request_options).json()
    assert {key: found[key] for key in expected} == expected


def test_the_asterisk_form(client: Client) -> None:
    assert client.options("*").json()["uri"] in ("*", "/*")


def test_the_base_says_nothing_about_how_requests_are_made() -> None:
    base: BaseClient[Any] = BaseClient(make_app(), clock=Clock())
    with pytest.raises(NotImplementedError):
        base.get("/")


# --- connections ----------------------------------------------------------------------------------


def connections_of(responses: list[Response]) -> int:
    return len({response.headers["X-Connection"] for response in responses})


def test_a_connection_is_kept(client: Client) -> None:
    assert connections_of([client.get("/") for _ in range(3)]) == 1


KEPT_APART: dict[str, Callable[[Client], Response]] = {
    "another scheme": lambda client: client.get("https://localhost/"),
    "another address": lambda client: client.get("/", remote_ip="192.0.2.1"),
}


@pytest.mark.parametrize("name", KEPT_APART)
def test_connections_of_their_own(client: Client, name: str) -> None:
    assert connections_of([client.get("/"), KEPT_APART[name](client)]) == 2


@pytest.mark.parametrize("options", [{"headers": {"Connection": "close"}}, {"version": "HTTP/1.0"}])
def test_a_closed_connection_is_replaced(client: Client, options: dict[str, Any]) -> None:
    response = client.get("/", **options)
    assert response.closed
    assert len(client.app.connections) == 0
    assert client.get("/").status == 200


def test_an_idle_connection_that_was_closed_is_replaced(client: Client) -> None:
    client.get("/")
    client.advance(1000)
    assert len(client.app.connections) == 0
    assert client.get("/").status == 200


def test_without_keep_alive() -> None:
    client = client_with(keep_alive=False)
    assert not client.get("/").closed
    assert len(client.app.connections) == 0


def test_a_connection_that_waits_is_not_used(client: Client) -> None:
    pending = client.open("GET", "/waiting")
    assert client.get("/").status == 200
    assert len(client.app.connections) == 2
    client.advance(5)
    assert pending.response.text == "late"


def test_close(client: Client) -> None:
    client.open("GET", "/waiting")
    client.get("/")
    raw = client.connect()
    assert len(client.app.connections) == 3
    client.close()
    assert len(client.app.connections) == 0
    assert raw.closed
    assert client.get("/").status == 200


def test_gone_connections_are_forgotten(client: Client) -> None:
    for _ in range(5):
        client.get("/", remote_ip="192.0.2.1")
    assert len(client._connections) <= 1


CONNECTS: list[tuple[dict[str, Any], dict[str, Any], tuple[str, bool]]] = [
    ({}, {}, ("127.0.0.1", False)),
    ({}, {"https": True}, ("127.0.0.1", True)),
    ({"https": True}, {}, ("127.0.0.1", True)),
    ({"https": True}, {"https": False}, ("127.0.0.1", False)),
    ({}, {"remote_ip": "::2"}, ("::2", False)),
]


@pytest.mark.parametrize(("options", "arguments", "expected"), CONNECTS)
def test_connect(
    options: dict[str, Any], arguments: dict[str, Any], expected: tuple[str, bool]
) -> None:
    connection = client_with(**options).connect(**arguments)
    connection.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    (response,) = connection.responses()
    found = json.loads(response.body)
    assert (found["remote_ip"], found["protocol"] == "https") == expected


def test_stray_bytes_before_the_next_request(client: Client) -> None:
    client.get("/")
    (connection,) = client.app.connections
    connection.transport.write(b"HTTP/1.1 400 stray")
    with pytest.raises(ResponseError, match="after the last response"):
        client.get("/")


STRAY = {
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore": "after the response",
    "no http": "closed within",
    "no http\r\n\r\n": "status line",
}


@pytest.mark.parametrize("data", STRAY)
def test_what_is_no_response(client: Client, data: str) -> None:
    with pytest.raises(ResponseError, match=STRAY[data]):
        client.get("/raw", {"bytes": data, "close": "1"})


def test_an_upgrade_keeps_its_connection(client: Client) -> None:
    pending = client.open("GET", "/raw", {"bytes": "HTTP/1.1 101 x\r\n\r\nhello"})
    assert pending.response.status == 101
    assert pending.connection.received == b"hello"
    assert not pending.connection.closed
    assert client.get("/").status == 200
    assert not pending.connection.closed


# --- cookies --------------------------------------------------------------------------------------


def test_cookies_are_kept(client: Client) -> None:
    response = client.get("/bake", {"line": "a=b; Path=/"})
    assert response.text == "none"
    assert response.cookies["a"].value == "b"
    assert client.cookies["a"].value == "b"
    response = client.get("/bake")
    assert response.text == "b"
    assert response.cookies == {}
    assert response.get_cookie("a") == "b"


COOKIES = [
    ("a=b", "/dir/bake", "/dir/y", "b"),
    ("a=b", "/dir/bake", "/", None),
    ("a=b; Path=/", "/bake", "https://localhost/", "b"),
    ("a=b; Path=/", "/bake", "http://other/", None),
    ("a=b; Secure; Path=/", "/bake", "/", None),
    ("a=b; Secure; Path=/", "/bake", "https://localhost/", "b"),
    ("a=b; Domain=.x; Path=/", "http://h.x/bake", "http://i.x/", "b"),
    ("a=b; Domain=y; Path=/", "http://h.x/bake", "http://h.x/", None),
    ("a=b; Max-Age=0; Path=/", "/bake", "/", None),
]


@pytest.mark.parametrize(("line", "setter", "reader", "value"), COOKIES)
def test_where_cookies_go(
    client: Client, line: str, setter: str, reader: str, value: str | None
) -> None:
    client.get(setter, {"line": line})
    assert client.get(reader).json()["cookies"].get("a") == value


def test_cookies_age_with_the_clock(client: Client) -> None:
    client.get("/bake", {"line": "a=b; Max-Age=60; Path=/"})
    client.advance(50)
    assert client.get("/").json()["cookies"] == {"a": "b"}
    client.advance(20)
    assert client.get("/").json()["cookies"] == {}


def test_a_cookie_field_of_the_test_wins(client: Client) -> None:
    client.cookies.set("a", "b")
    assert client.get("/").json()["cookies"] == {"a": "b"}
    assert client.get("/", headers={"Cookie": "c=d"}).json()["cookies"] == {"c": "d"}


def test_a_line_that_no_browser_keeps(client: Client) -> None:
    assert client.get("/bake", {"line": "nothing"}).cookies == {}
    assert len(client.cookies) == 0


# --- redirects ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("default", "option", "followed"),
    [(False, None, False), (True, None, True), (False, True, True), (True, False, False)],
)
def test_following(default: bool, option: bool | None, followed: bool) -> None:
    client = client_with(follow_redirects=default)
    options: dict[str, Any] = {} if option is None else {"follow_redirects": option}
    response = client.get("/redirect", {"to": "/end?x"}, **options)
    assert response.status == (200 if followed else 302)
    assert [each.status for each in response.history] == [302] * followed
    if followed:
        assert response.url == "http://localhost/end?x"
        assert response.history[0].history == []


@pytest.mark.parametrize(
    ("status", "to", "final"),
    [
        (301, "/end", 200),
        (303, "/end", 200),
        (307, "/end", 200),
        (308, "/end", 200),
        (302, "", 302),
        (300, "/end", 300),
        (201, "/end", 201),
    ],
)
def test_what_is_a_redirect(client: Client, status: int, to: str, final: int) -> None:
    params = {"status": str(status), "to": to}
    assert client.get("/redirect", params, follow_redirects=True).status == final


def test_redirects_to_another_host_and_scheme() -> None:
    client = client_with(follow_redirects=True)
    response = client.get("/redirect", {"to": "https://other/end"}, headers={"Authorization": "x"})
    found = response.json()
    assert (found["host"], found["protocol"]) == ("other", "https")
    assert not [name for name, _ in found["fields"] if name == "Authorization"]


@pytest.mark.parametrize(("status", "method"), [(303, "GET"), (307, "POST")])
def test_a_body_and_a_redirect(client: Client, status: int, method: str) -> None:
    params = {"status": str(status), "to": "/end"}
    found = client.post("/redirect", params, body="x", follow_redirects=True).json()
    assert (found["method"], found["body"]) == (method, "x" * (method == "POST"))


def test_cookies_on_the_way(client: Client) -> None:
    params = {"to": "/end", "cookie": "set"}
    response = client.get("/redirect", params, follow_redirects=True)
    assert response.json()["cookies"] == {"a": "set"}
    assert response.history[0].cookies["a"].value == "set"


def test_redirects_have_an_end(client: Client) -> None:
    Looping.count = 0
    with pytest.raises(ResponseError, match="more than 20 redirects"):
        client.get("/loop", follow_redirects=True)
    assert Looping.count == 21


def test_a_redirect_that_leaves_http(client: Client) -> None:
    with pytest.raises(ResponseError, match="redirected to 'mailto:x'"):
        client.get("/redirect", {"to": "mailto:x"}, follow_redirects=True)


# --- handlers that wait ---------------------------------------------------------------------------


def test_a_handler_that_waits(client: Client) -> None:
    with pytest.raises(ResponseNotReady, match="GET /waiting") as caught:
        client.get("/waiting")
    pending = caught.value.pending
    client.advance(4)
    assert not pending.complete
    client.advance(1)
    assert pending.response.text == "late"


def test_a_handler_that_waits_for_a_turn(client: Client) -> None:
    assert client.get("/soon").text == "soon"


def test_open_follows_no_redirect() -> None:
    client = client_with(follow_redirects=True)
    assert client.open("GET", "/redirect", {"to": "/"}).response.status == 302


def test_time_in_steps(client: Client) -> None:
    seen: list[float] = []

    def tick() -> None:
        seen.append(client.clock.seconds())
        client.clock.callLater(1, tick)

    client.clock.callLater(1, tick)
    client.advance(3, steps=3)
    assert seen == [1, 2, 3]


def test_clocks() -> None:
    app = make_app()
    assert Client(app).clock is Client(app).clock is app.clock
    clock = Clock()
    assert Client(app, clock=clock).clock is app.clock is clock


# --- on the reactor -------------------------------------------------------------------------------


async def test_deferred_client(reactor: Any) -> None:
    client = DeferredClient(make_app())
    assert client.clock is client.app.clock is reactor
    response = await client.get("/soon")
    assert response.text == "soon"
    response = await client.get("/redirect", {"to": "/soon", "cookie": "x"}, follow_redirects=True)
    assert (response.text, len(response.history)) == ("soon", 1)
    assert client.cookies["a"].value == "x"
    assert len(client.app.connections) == 0


def deferred_client(**options: Any) -> DeferredClient:
    return DeferredClient(make_app(), reactor=Clock(), **options)


def result_of(deferred: Deferred[Response]) -> Any:
    found: list[Any] = []
    deferred.addBoth(found.append)
    return found[0] if found else None


def test_a_response_that_is_there_at_once() -> None:
    client = deferred_client()
    assert result_of(client.get("/")).status == 200
    client.clock.advance(0)
    assert len(client.app.connections) == 0


def test_a_response_that_comes_later() -> None:
    client = deferred_client()
    found: list[Response] = []
    client.get("/waiting").addCallback(found.append)
    client.clock.advance(4)
    assert found == []
    client.clock.advance(1)
    assert found[0].text == "late"


def test_a_connection_may_be_kept() -> None:
    client = deferred_client(keep_alive=True)
    assert result_of(client.get("/")).status == 200


PARAMS: list[tuple[str, dict[str, Any], tuple[str, str]]] = [
    ("GET", {}, ("/?a=b", "")),
    ("DELETE", {}, ("/?a=b", "")),
    ("POST", {}, ("/", "a=b")),
    ("PUT", {}, ("/", "a=b")),
    ("PATCH", {}, ("/", "a=b")),
    ("POST", {"body": "x"}, ("/?a=b", "x")),
    ("POST", {"json": 1}, ("/?a=b", "1")),
    ("POST", {"form": {"c": "d"}}, ("/?a=b", "c=d")),
    ("POST", {"data": {"c": "d"}}, ("/?a=b", "c=d")),
]
FALSY: list[tuple[str, dict[str, Any], tuple[str, str]]] = [
    ("POST", {"body": ""}, ("/?a=b", "")),
    ("POST", {"json": 0}, ("/?a=b", "0")),
]


@pytest.mark.parametrize(
    ("method", "options", "expected"),
    [*PARAMS, *FALSY],
)
def test_params_are_the_body_as_in_cyclone_1(
    method: str, options: dict[str, Any], expected: tuple[str, str]
) -> None:
    found = result_of(deferred_client().request(method, "/", {"a": "b"}, **options)).json()
    assert (found["uri"], found["body"]) == expected


@pytest.mark.parametrize("path", ["/raw?bytes=x&close=1", "/redirect?to=mailto:x"])
def test_failures(path: str) -> None:
    client = deferred_client(follow_redirects=True)
    deferred = client.get(path)
    client.clock.advance(0)
    assert result_of(deferred).check(ResponseError)


def test_a_wrong_request_fails_the_deferred() -> None:
    assert result_of(deferred_client().get("/", headers={"A": "b\r\n"})).check(ValueError)
