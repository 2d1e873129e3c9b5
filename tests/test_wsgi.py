"""WSGIContainer: environments, responses, threads, errors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.validate import validator

import pytest
from twisted.internet.defer import gatherResults
from twisted.python.threadpool import ThreadPool

from cyclone.httpserver import HTTPServer
from cyclone.httputil import HTTPServerRequest
from cyclone.testing import Client, MemoryConnection
from cyclone.web import Application, FallbackHandler
from cyclone.wsgi import WSGIContainer, to_wsgi_str
from tests.httpserver.test_listening import get, port_of
from tests.web.support import GET, recorded_log

Start = Callable[..., Any]
TEXT = [("Content-Type", "text/plain")]


def client_of(app: Any, **settings: Any) -> Client:
    return Client(HTTPServer(WSGIContainer(app), **settings))


def answering(result: Any, status: str = "200 OK", headers: Any = TEXT) -> Any:
    def app(environ: dict[str, Any], start_response: Start) -> Any:
        start_response(status, list(headers))
        return result(environ) if callable(result) else result

    return app


# --- responses -----------------------------------------------------------------------------------


def test_a_valid_application() -> None:
    response = client_of(validator(answering([b"hello"]))).get("/")
    assert (response.status, response.body) == (200, b"hello")
    assert response.headers["Content-Type"] == "text/plain"
    assert response.headers["Server"] == "cyclone"
    assert "Date" in response.headers


def test_sizes() -> None:
    assert client_of(answering([b"a", b"", b"bc"])).get("/").headers["Content-Length"] == "3"
    assert client_of(answering([])).get("/").headers["Content-Length"] == "0"
    response = client_of(answering(iter([b"a", b"", b"bc"]))).get("/")
    assert response.body == b"abc"
    assert response.headers["Transfer-Encoding"] == "chunked"
    headers = [("Content-Length", "3"), ("Connection", "x"), ("Transfer-Encoding", "x")]
    response = client_of(answering(iter([b"abc"]), headers=headers)).get("/")
    assert "Transfer-Encoding" not in response.headers
    assert response.headers["Content-Type"] == "text/html; charset=UTF-8"


def test_head_and_no_content() -> None:
    client = client_of(answering([b"hello"]))
    response = client.head("/")
    assert (response.body, response.headers["Content-Length"]) == (b"", "5")
    assert "Content-Length" not in client_of(answering([])).head("/").headers
    response = client_of(answering([b"dropped"], "204 No Content", [])).get("/")
    assert (response.status, response.body) == (204, b"")
    assert "Content-Type" not in response.headers
    assert client.get("/").status == 200


def test_own_server_and_date() -> None:
    headers = [("Server", "mine"), ("Date", "today")]
    response = client_of(answering([b"x"], headers=headers)).get("/")
    assert (response.headers["Server"], response.headers["Date"]) == ("mine", "today")


def test_write() -> None:
    def app(environ: Any, start_response: Start) -> Any:
        write = start_response("200 OK", TEXT)
        write(b"first ")
        return iter([b"second"])

    assert client_of(app).get("/").body == b"first second"


def test_late_start_response() -> None:
    def app(environ: Any, start_response: Start) -> Iterator[bytes]:
        yield b""
        start_response("201 Created", TEXT)
        yield b"x"

    assert client_of(app).get("/").status == 201


def test_start_response_again_after_an_error() -> None:
    def app(environ: Any, start_response: Start) -> Any:
        start_response("200 OK", TEXT)
        try:
            raise ValueError
        except ValueError as error:
            start_response("500 Oops", TEXT, (type(error), error, error.__traceback__))
        return [b"sorry"]

    response = client_of(app).get("/")
    assert (response.status, response.body) == (500, b"sorry")


def test_blocks_go_out_one_by_one() -> None:
    seen: list[bytes] = []
    connection: MemoryConnection

    def app(environ: Any, start_response: Start) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        for number in range(3):
            yield b"%d" % number
            seen.append(connection.received)

    connection = MemoryConnection(HTTPServer(WSGIContainer(app)))
    connection.send(GET)
    assert connection.responses()[0].body == b"012"


def test_close_is_called() -> None:
    closed: list[str] = []

    class Result:
        def __iter__(self) -> Iterator[bytes]:
            yield b"a"
            if closed is None:
                yield b"b"

        def close(self) -> None:
            closed.append("closed")

    assert client_of(answering(Result())).get("/").body == b"a"
    assert closed == ["closed"]


# --- errors --------------------------------------------------------------------------------------


def raising(environ: Any, start_response: Start) -> Any:
    raise ZeroDivisionError


def twice(environ: Any, start_response: Start) -> Any:
    start_response("200 OK", TEXT)
    start_response("200 OK", TEXT)


@pytest.mark.parametrize(
    ("app", "error"),
    [
        (raising, "ZeroDivisionError"),
        (twice, "called twice"),
        (lambda environ, start_response: [b"x"], "did not call start_response"),
        (lambda environ, start_response: [], "did not call start_response"),
        (lambda environ, start_response: None, "TypeError"),
        (answering([b"x"], "OK"), "a status is like"),
        (answering([b"x"], "\uff1200 OK"), "a status is like"),
        (answering([b"x"], "100 Continue"), "a status is like"),
        (answering([b"x"], "101 Switching Protocols"), "a status is like"),
        (answering([b"x"], "000 OK"), "a status is like"),
    ],
)
def test_errors_before_the_response(app: Any, error: str) -> None:
    with recorded_log() as lines:
        response = client_of(app).get("/secret?token=1")
    assert (response.status, response.body) == (500, b"500 Internal Server Error\n")
    assert any(error in line.text for line in lines)
    assert not any("token" in line.text for line in lines)


def test_class_2_header_injection() -> None:
    for headers in ([("X-A", "a\r\nX-B: b")], [("X-A\r\nX-B", "b")]):
        with recorded_log():
            assert client_of(answering([b"x"], headers=headers)).get("/").status == 500
    with recorded_log():
        response = client_of(answering([b"x"], "200 OK\r\nX-B: b")).get("/")
    assert (response.status, response.headers.get("X-B")) == (500, None)


@pytest.mark.parametrize("again", [False, True])
def test_errors_in_the_response(again: bool) -> None:
    def app(environ: Any, start_response: Start) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        yield b"x"
        try:
            raise ZeroDivisionError
        except ZeroDivisionError as error:
            if not again:
                raise
            start_response("500 Oops", TEXT, (type(error), error, error.__traceback__))

    connection = MemoryConnection(HTTPServer(WSGIContainer(app)))
    with recorded_log() as lines:
        connection.send(GET)
    assert connection.closed
    assert not connection.received.endswith(b"0\r\n\r\n")
    assert any("ZeroDivisionError" in line.text for line in lines)


def test_a_peer_that_leaves() -> None:
    closed: list[str] = []

    def app(environ: Any, start_response: Start) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        try:
            while True:
                yield b"x" * 65536
        finally:
            closed.append("closed")

    connection = MemoryConnection(HTTPServer(WSGIContainer(app)))
    connection.hold()  # the peer does not read
    connection.send(GET)
    assert not closed
    connection.disconnect()
    assert closed == ["closed"]


# --- the environment -----------------------------------------------------------------------------


def environ_of(client: Client, *args: Any, **kwargs: Any) -> dict[str, Any]:
    seen: list[dict[str, Any]] = []

    def app(environ: dict[str, Any], start_response: Start) -> Any:
        environ["body"] = environ["wsgi.input"].read()
        seen.append(environ)
        start_response("200 OK", TEXT)
        return []

    client_of(app).request(*args, **kwargs)
    return seen[0]


def test_environ() -> None:
    environ = environ_of(
        client_of(raising), "POST", "/a%20%C3%A4/b?x=%20y", body=b"hello",
        headers={"X-One": "1", "Content-Type": "text/x", "Host": "example.com:8080"},
    )  # fmt: skip
    expected = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": to_wsgi_str("/a ä/b".encode()),
        "QUERY_STRING": "x=%20y",
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "example.com",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "text/x",
        "CONTENT_LENGTH": "5",
        "HTTP_X_ONE": "1",
        "HTTP_HOST": "example.com:8080",
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "body": b"hello",
    }
    assert {name: environ.get(name) for name in expected} == expected
    assert "HTTP_CONTENT_TYPE" not in environ


def test_ports_by_scheme() -> None:
    container = WSGIContainer(raising)
    request = HTTPServerRequest("GET", "/", "HTTP/1.1", {"Host": "a"}, protocol="https")
    assert container.environ(request)["SERVER_PORT"] == "443"
    request = HTTPServerRequest("GET", "/", "HTTP/1.1", {"Host": "a"})
    environ = container.environ(request)
    assert environ["SERVER_PORT"] == "80"
    assert "CONTENT_LENGTH" not in environ


def test_class_11_names_that_would_be_confused() -> None:
    environ = environ_of(
        client_of(raising), "GET", "/", headers={"X_Real_Ip": "6.6.6.6", "Proxy": "evil"}
    )
    assert not any("REAL_IP" in name or name == "HTTP_PROXY" for name in environ)


def test_large_bodies_are_read_from_disk() -> None:
    environ = environ_of(client_of(raising), "POST", "/", body=b"x" * 3_000_000)
    assert (len(environ["body"]), environ["CONTENT_LENGTH"]) == (3_000_000, "3000000")
    environ = environ_of(client_of(raising), "POST", "/", body=[b"ab", b"c"])
    assert (environ["body"], environ["CONTENT_LENGTH"]) == (b"abc", "3")


# --- with the rest -------------------------------------------------------------------------------


def test_as_a_fallback_and_as_a_target() -> None:
    container = WSGIContainer(answering(lambda environ: [environ["PATH_INFO"].encode()]))
    app = Application([("/f.*", FallbackHandler, {"fallback": container}), ("/t.*", container)])
    client = Client(app)
    assert client.get("/f1").body == b"/f1"
    assert client.post("/t1", body=b"x").body == b"/t1"


@pytest.fixture(params=["futures", "twisted"])
def pool(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "futures":
        with ThreadPoolExecutor(2) as executor:
            yield executor
    else:
        threads = ThreadPool(2, 2)
        threads.start()
        yield threads
        threads.stop()


async def test_threads(pool: Any) -> None:
    barrier = threading.Barrier(2, timeout=10)

    def app(environ: dict[str, Any], start_response: Start) -> Iterator[bytes]:
        assert environ["wsgi.multithread"]
        start_response("200 OK", TEXT)
        yield b"met "
        yield b"%d" % barrier.wait()

    server = HTTPServer(WSGIContainer(app, pool))
    server.listen(0, "127.0.0.1")
    port = port_of(server)
    answers = await gatherResults([get(port), get(port)])
    bodies = sorted(answer.partition(b"\r\n\r\n")[2] for answer in answers)
    assert bodies == [b"4\r\nmet \r\n1\r\n%d\r\n0\r\n\r\n" % number for number in (0, 1)]
    await server.stop()


async def test_errors_in_threads(pool: Any) -> None:
    server = HTTPServer(WSGIContainer(raising, pool))
    server.listen(0, "127.0.0.1")
    with recorded_log() as lines:
        assert (await get(port_of(server))).startswith(b"HTTP/1.1 500 ")
    assert any("ZeroDivisionError" in line.text for line in lines)
    await server.stop()
