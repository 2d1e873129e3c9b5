"""Routers, rules, matchers: alone, in an application, around applications."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cyclone.routing
import cyclone.web
from cyclone.http1 import HTTPFactory
from cyclone.httpserver import HTTPServer
from cyclone.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
    ResponseStartLine,
)
from cyclone.routing import (
    AnyMatches,
    DefaultHostMatches,
    HostMatches,
    Matcher,
    PathMatches,
    ReversibleRouter,
    ReversibleRuleRouter,
    Router,
    Rule,
    RuleRouter,
    URLSpec,
)
from cyclone.testing import Client, MemoryConnection
from cyclone.web import Application, RequestHandler, stream_request_body
from tests.web.support import GET, recorded_log


def request(uri: str = "/", host: str = "a", **headers: str) -> HTTPServerRequest:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return HTTPServerRequest("GET", uri, "HTTP/1.1", HTTPHeaders({"Host": host, **fields}))


def respond(connection: Any, text: str) -> None:
    body = text.encode()
    headers = HTTPHeaders({"Content-Length": str(len(body))})
    connection.write_headers(ResponseStartLine("HTTP/1.1", 200, "OK"), headers, body)
    connection.finish()


class Echo(RequestHandler):
    """Tells what it got."""

    def initialize(self, **kwargs: Any) -> None:
        self.given = kwargs

    def get(self, *args: Any, **kwargs: Any) -> None:
        self.write(f"{self.application.settings.get('name', '')} {args} {kwargs} {self.given}")

    def post(self, *args: Any) -> None:
        self.write(self.request.body)


class Named(RequestHandler):
    def get(self) -> None:
        self.write(self.reverse_url("named"))


def callback(request: HTTPServerRequest, **kwargs: Any) -> None:
    respond(request.connection, f"called {request.path} {kwargs} {request.body!r}")


def test_names() -> None:
    assert set(cyclone.routing.__all__) <= set(cyclone.web.__all__)
    assert issubclass(URLSpec, Rule)
    assert issubclass(Router, HTTPServerConnectionDelegate)


# --- matchers ------------------------------------------------------------------------------------


def test_any() -> None:
    assert AnyMatches().match(request()) == {}
    assert AnyMatches().reverse() is None


def test_hosts() -> None:
    matcher = HostMatches(r".*\.example\.com")
    assert matcher.match(request(host="WWW.Example.com:8080")) == {}
    assert matcher.match(request(host="example.com")) is None
    assert matcher.match(request(host="a.example.com.evil")) is None
    assert HostMatches(re.compile("a")).match(request(host="abc")) == {}


def test_default_hosts() -> None:
    app = Application(default_host="a")
    matcher = DefaultHostMatches(app, re.compile("a$"))
    assert matcher.match(request()) == {}
    assert matcher.match(request(X_Real_Ip="1.2.3.4")) is None
    app.default_host = "b"
    assert matcher.match(request()) is None
    app.default_host = None
    assert matcher.match(request()) is None


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/a", "/a", {}),
        ("/a", "/ab", None),
        ("/(.*)", "/x%20y%2F", {"path_args": [b"x y/"], "path_kwargs": {}}),
        ("/(a)?(b)?", "/b", {"path_args": [None, b"b"], "path_kwargs": {}}),
        ("/(?P<n>.+)", "/%ff", {"path_args": [], "path_kwargs": {"n": b"\xff"}}),
        (re.compile("/a"), "/ab", {}),
    ],
)
def test_paths(pattern: Any, path: str, expected: Any) -> None:
    assert PathMatches(pattern).match(request(path)) == expected


def test_reversing_paths() -> None:
    assert PathMatches("/a/(.*)/(.*)").reverse("x y", 3) == "/a/x%20y/3"
    assert PathMatches("/(.*)").reverse(b"\xff") == "/%FF"
    with pytest.raises(ValueError, match="needs 1 arguments, got 0"):
        PathMatches("/(.*)").reverse()
    with pytest.raises(ValueError, match="cannot reverse"):
        PathMatches("/[a-z]").reverse()


def test_bad_patterns() -> None:
    with pytest.raises(ValueError, match="all named or all positional"):
        PathMatches("/(a)(?P<b>b)")
    with pytest.raises(TypeError, match="not bytes"):
        PathMatches(re.compile(b"/"))  # type: ignore[arg-type]


@given(st.text(alphabet="/a%b"))
def test_matchers_agree_with_tables(path: str) -> None:
    spec = URLSpec("/(.*)/(.+)", Echo)
    found = spec.match(f"/{path}")
    matched = spec.matcher.match(request(f"/{path}"))
    assert (found is None) == (matched is None)
    if found is not None and matched is not None:
        values = [v.encode() if isinstance(v, str) else v for v in found.args]
        assert values == matched["path_args"]
    assert spec.matcher is spec.matcher


def test_bases_say_what_to_do() -> None:
    for call in (
        lambda: Matcher().match(request()),
        lambda: Router().find_handler(request()),
        lambda: ReversibleRouter().reverse_url("a"),
    ):
        with pytest.raises(NotImplementedError):
            call()


def test_rules() -> None:
    rule = Rule(PathMatches("/(.*)"), Echo, {"a": 1}, "name")
    assert rule.reverse("x") == "/x"
    assert repr(rule).endswith("kwargs={'a': 1}, name='name')")


# --- routers alone -------------------------------------------------------------------------------


class Fixed(Router):
    """Answers by itself, without an application."""

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        if request.path == "/nobody":
            return None

        class Message(HTTPMessageDelegate):
            body = b""

            def data_received(self, chunk: bytes) -> None:
                self.body += chunk

            def finish(self) -> None:
                respond(request.connection, f"fixed {request.path} {self.body!r}")

            def on_connection_close(self) -> None:
                closed.append(request.path)

        return Message()


closed: list[str] = []


@pytest.mark.parametrize(
    "wrap", [lambda router: router, lambda router: RuleRouter([("/.*", router)])]
)
def test_a_router_is_served(wrap: Any) -> None:
    client = Client(HTTPServer(wrap(Fixed())))
    assert client.get("/a?b").text == "fixed /a b''"
    assert client.post("/a", body=b"x" * 100).text == f"fixed /a {b'x' * 100!r}"
    assert client.get("/nobody").status == 404
    assert client.post("/nobody", body=b"x").status == 404
    assert client.get("/a").text == "fixed /a b''"


def test_a_router_hears_of_peers_that_leave() -> None:
    closed.clear()
    connection = MemoryConnection(HTTPServer(Fixed()))
    connection.send(b"POST /left HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
    connection.disconnect()
    assert closed == ["/left"]


def test_rules_without_an_application() -> None:
    router = RuleRouter(
        [
            (r"/call/(.*)", callback, {"x": 1}),
            (HostMatches("b"), Application([(r"/(.*)", Echo, {"k": 2})], name="b")),
            Rule(PathMatches("/any"), "tests.web.test_routers.callback"),
            (r"/nothing", object()),
        ]
    )
    client = Client(HTTPServer(router))
    assert client.get("/call/a%20b").text == (
        "called /call/a%20b "
        "{'path_args': [b'a b'], 'path_kwargs': {}, 'target_kwargs': {'x': 1}} b''"
    )
    assert client.post("/any", body=b"hello").text == "called /any {} b'hello'"
    assert client.get("/z", headers={"Host": "b"}).text == "b ('z',) {} {'k': 2}"
    assert client.get("/nothing").status == client.get("/").status == 404


@pytest.mark.parametrize("rule", [("/",), "/", object(), (1, 2), ("/", Echo, {}, "n", 5)])
def test_what_is_no_rule(rule: Any) -> None:
    with pytest.raises(TypeError, match="a rule is a Rule, or"):
        RuleRouter([rule])
    with pytest.raises(TypeError):
        Application([rule])


def test_connections_of_other_servers() -> None:
    """A router may be given requests by a server that has no exchanges."""

    class Connection:
        def __init__(self) -> None:
            self.written: list[Any] = []

        def write_headers(self, start_line: Any, headers: Any, chunk: Any = None) -> None:
            self.written += [start_line.code, chunk]

        def finish(self) -> None:
            self.written.append("finish")

    for path, expected in (
        ("/x", [200, b"fixed /x b'body'", "finish"]),
        ("/nobody", [404, None, "finish"]),
    ):
        connection: Any = Connection()
        message = Fixed().start_request(object(), connection)
        message.on_connection_close()  # before the head: nobody knows of the request
        line = request(path).start_line
        assert message.headers_received(line, HTTPHeaders({"Host": "a"})) is None
        message.data_received(b"body")
        message.finish()
        assert connection.written == expected
    closed.clear()
    message = Fixed().start_request(object(), connection)
    message.headers_received(request("/y").start_line, HTTPHeaders({"Host": "a"}))
    message.on_connection_close()
    assert closed == ["/y"]


# --- reversing -----------------------------------------------------------------------------------


def test_reversing() -> None:
    inner = ReversibleRuleRouter([Rule(PathMatches("/in/(.*)"), Echo, name="inner")])
    router = ReversibleRuleRouter(
        [
            ("/out/(.*)", Echo, {}, "outer"),
            ("/empty", Application()),
            ("/in.*", inner),
            ("/app.*", Application([("/app/(.*)", Echo, {}, "app")])),
        ]
    )
    assert router.reverse_url("outer", 1) == "/out/1"
    assert router.reverse_url("inner", 2) == "/in/2"
    assert router.reverse_url("app", 3) == "/app/3"
    assert router.reverse_url("nothing") is None
    with recorded_log() as lines:
        router.add_rules([("/other", Echo, {}, "outer")])
    assert any("Multiple handlers named outer" in line.text for line in lines)
    assert router.reverse_url("outer") == "/other"


# --- in an application ---------------------------------------------------------------------------


def make_app(**settings: Any) -> Application:
    class Direct(HTTPServerConnectionDelegate):
        def start_request(self, server_conn: object, request_conn: Any) -> HTTPMessageDelegate:
            assert server_conn is request_conn.server_connection

            class Message(HTTPMessageDelegate):
                def finish(self) -> None:
                    respond(request_conn, "direct")

            return Message()

    return Application(
        [
            (HostMatches("nested"), [(r"/(\w+)", Echo, {"n": 1}), ("/deep", [("/deep", Echo)])]),
            (r"/fixed.*|/nobody", Fixed()),
            Rule(PathMatches("/call"), callback),
            ("/direct", Direct()),
            ("/app/.*", Application([("/app/(.*)", Echo)], name="inner")),
            URLSpec("/named", Named, name="named"),
            (re.compile("/compiled"), "tests.web.test_routers.Echo"),
            ("/nobody", Echo),
            ("/stream", Streaming),
            ("/(?P<key>k.*)", Echo),
        ],
        name="outer",
        **settings,
    )


@stream_request_body
class Streaming(RequestHandler):
    max_body_size = 50

    def prepare(self) -> None:
        self.pieces: list[bytes] = []

    def data_received(self, chunk: bytes) -> None:
        self.pieces.append(chunk)

    def post(self) -> None:
        self.write(repr(self.pieces))


@pytest.mark.parametrize(
    "serve", [lambda app: app, HTTPServer, lambda app: HTTPServer(RuleRouter([("/.*", app)]))]
)
def test_all_kinds_of_targets(serve: Any) -> None:
    client = Client(serve(make_app()))
    text = {
        path: client.get(path).text for path in ("/fixed", "/call", "/direct", "/app/x", "/named")
    }
    assert text == {
        "/fixed": "fixed /fixed b''",
        "/call": "called /call {} b''",
        "/direct": "direct",
        "/app/x": "inner ('x',) {} {}",
        "/named": "/named",
    }
    assert client.get("/compiled").text == "outer () {} {}"
    assert client.get("/nobody").text == "outer () {} {}"  # its first rule's router declines
    assert client.get("/key%20x").text == "outer () {'key': 'key x'} {}"
    assert client.get("/x", headers={"Host": "nested"}).text == "outer ('x',) {} {'n': 1}"
    assert client.get("/nowhere").status == 404
    assert client.post("/app/x", body=b"hello").text == "hello"
    assert client.post("/call", body=b"hello").text == "called /call {} b'hello'"


@pytest.mark.parametrize(
    "serve", [lambda app: app, lambda app: HTTPServer(RuleRouter([("/.*", app)]))]
)
def test_handlers_behind_rules_keep_their_ways(serve: Any) -> None:
    """Streamed bodies, size limits by class, answers before the body."""
    connection = MemoryConnection(serve(make_app()))
    connection.send(b"POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
    connection.send(b"cd")
    assert connection.responses()[0].body == b"[b'ab', b'cd']"
    client = Client(serve(make_app()))
    assert client.post("/stream", body=b"x" * 51).status == 413
    fields = {"Content-Length": "100000"}
    assert client.open("POST", "/nowhere", headers=fields).response.status == 404


def test_settings_hold_behind_rules() -> None:
    from cyclone.httputil import ParseBodyConfig, ParseUrlEncodedConfig

    class Arguments(RequestHandler):
        def get(self) -> None:
            self.write(str(len(self.request.arguments)))

    config = ParseBodyConfig(urlencoded=ParseUrlEncodedConfig(max_arguments=1))
    app = Application([(AnyMatches(), Arguments)], parse_body_config=config)
    assert Client(app).get("/?a=1").text == "1"
    assert Client(app).get("/?a=1&b=2").status == 400


class Wrapped(HTTPMessageDelegate):
    """A delegate of an application's own around another."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def headers_received(self, start_line: Any, headers: Any) -> Any:
        return self.inner.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Any:
        return self.inner.data_received(chunk.upper())

    def finish(self) -> None:
        self.inner.finish()

    def on_connection_close(self) -> None:
        self.inner.on_connection_close()


class Wrapping(RuleRouter):
    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        return Wrapped(super().find_handler(request))


def test_delegates_can_be_wrapped() -> None:
    app = Application([("/(.*)", Echo)])
    router = Wrapping([("/call", callback), ("/s", Application([("/s", Streaming)])), ("/.*", app)])
    client = Client(HTTPServer(router))
    assert client.get("/x").text == " ('x',) {} {}"
    assert client.post("/x", body=b"hello").text == "HELLO"
    assert client.post("/call", body=b"hello").text == "called /call {} b'HELLO'"
    assert client.post("/s", body=[b"ab", b"cd"]).text == "[b'ABCD']"
    for sent in (b"", b"12"):
        connection = MemoryConnection(HTTPServer(router))
        connection.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n" + sent)
        connection.disconnect()


def test_get_handler_delegate() -> None:
    app = Application(name="app")

    class Mine(Router):
        def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
            return app.get_handler_delegate(
                request,
                Echo,
                target_kwargs={"t": 1},
                path_args=[b"\xc3\xa4"],
                path_kwargs={"k": "v"},
            )

    assert Client(HTTPServer(Mine())).get("/").text == "app ('ä',) {'k': 'v'} {'t': 1}"


def test_a_take_over_that_raises() -> None:
    class Raising(HTTPMessageDelegate):
        def take_over(self) -> bool:
            raise ZeroDivisionError

    class Mine(Router):
        def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
            return Raising()

    connection = MemoryConnection(HTTPServer(Mine()))
    with recorded_log() as lines:
        connection.send(GET)
    assert connection.closed
    assert any("ZeroDivisionError" in line.text for line in lines)


# --- hosts, and changes while it runs ------------------------------------------------------------


@pytest.mark.parametrize("by_rules", [False, True])
def test_hosts_and_default_hosts(by_rules: bool) -> None:
    app = Application([("/all", Echo)], default_host="b.com", name="x")
    app.add_handlers("a.com", [("/a", Echo, {"host": "a"})])
    app.add_handlers("b.com", [("/b", Echo, {"host": "b"}, "b")])
    if by_rules:
        assert len(app.wildcard_router.rules) == 3
        assert len(app.default_router.rules) == 3
    client = Client(app)

    def status(path: str, host: str, **headers: str) -> int:
        return client.get(path, headers={"Host": host, **headers}).status

    assert status("/a", "a.com") == status("/all", "a.com") == status("/b", "a.com") == 200
    assert status("/a", "other") == 404
    assert status("/b", "other") == 200
    assert status("/b", "other", **{"X-Real-Ip": "1.1.1.1"}) == 404
    assert app.reverse_url("b", q=1) == "/b?q=1"
    assert app.reverse_url("b") == "/b"
    with pytest.raises(KeyError, match="nothing"):
        app.reverse_url("nothing")


def test_rules_may_come_later() -> None:
    app = Application([("/plain", Echo)])
    app.add_handlers("one", [("/one", Echo)])
    client = Client(app)
    assert client.get("/plain").status == 200
    app.add_handlers(".*", [(PathMatches("/call"), callback)])
    assert client.get("/call").text.startswith("called")
    app.add_handlers("two", [("/two", Echo)])
    for path, host in (("/plain", "x"), ("/one", "one"), ("/two", "two")):
        assert client.get(path, headers={"Host": host}).status == 200
    assert client.get("/one", headers={"Host": "two"}).status == 404
    app.wildcard_router.add_rules([("/late", Echo)])
    assert client.get("/late").status == 200


def test_an_application_by_rules_can_be_called() -> None:
    app = make_app()
    seen: list[Any] = []

    def server(request: HTTPServerRequest) -> None:
        seen.append(app(request))

    client = Client(HTTPServer(server))
    assert client.get("/key").text == "outer () {'key': 'key'} {}"
    assert client.get("/call").text == "called /call {} b''"
    assert client.get("/nowhere").status == 404
    assert isinstance(app, HTTPFactory)
    assert len(seen) == 3
