"""The handlers that come with the framework."""

from __future__ import annotations

from typing import Any

import pytest

from cyclone.httputil import HTTPServerRequest
from cyclone.testing import Client
from cyclone.web import (
    Application,
    ErrorHandler,
    FallbackHandler,
    RedirectHandler,
    RequestHandler,
)

# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_error_handler(method: str) -> None:
    client = Client(Application([("/gone", ErrorHandler, {"status_code": 410})]))
    response = client.request(method, "/gone")
    assert (response.status, response.reason) == (410, "Gone")
    assert (b"410: Gone" in response.body) is (method != "HEAD")


def test_error_handler_needs_no_tokens() -> None:
    client = Client(Application([("/x", ErrorHandler, {"status_code": 404})], xsrf_cookies=True))
    assert client.post("/x", body=b"a=b").status == 404
    handler = object.__new__(ErrorHandler)
    handler.check_xsrf_cookie()
    assert handler.check_trusted_origin("https://evil.example")


def test_options_of_the_server() -> None:
    response = Client(Application([("/x", ErrorHandler, {"status_code": 410})])).connect()
    response.send(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
    assert response.received.startswith(b"HTTP/1.1 204 ")
    allow = next(line for line in response.received.split(b"\r\n") if line.startswith(b"Allow: "))
    assert b"GET" in allow


# --- redirects -----------------------------------------------------------------------------------

ROUTES = [
    ("/src", RedirectHandler, {"url": "/dst"}),
    ("/src2", RedirectHandler, {"url": "/dst2?foo=bar"}),
    ("/src3", RedirectHandler, {"url": "/dst", "permanent": False}),
    ("/away", RedirectHandler, {"url": "https://other.example/x#y"}),
    (r"/any/(.*)", RedirectHandler, {"url": "{0}"}),
    (r"/moved(.*)", RedirectHandler, {"url": "https://example.com{0}"}),
    (r"/name/(?P<a>.*)/(?P<b>.*)", RedirectHandler, {"url": "/{b}/{a}"}),
    (r"/hostless/(.*)", RedirectHandler, {"url": "https://{0}"}),
    (r"/schemeonly/(.*)", RedirectHandler, {"url": "https:{0}"}),
    (r"/userinfo/(.*)", RedirectHandler, {"url": "https://{0}@example.com/"}),
    (r"/optional(/x)?", RedirectHandler, {"url": "/o{0}"}),
    (r"/(.*)/target", RedirectHandler, {"url": "/{0}/destination"}),
    (r"/(.*?)/(.*?)/(.*)", RedirectHandler, {"url": "/{1}/{0}/{2}"}),
]

REDIRECTS = [
    ("/src", 301, "/dst"),
    ("/src?foo=bar", 301, "/dst?foo=bar"),
    ("/src2?foo2=bar2", 301, "/dst2?foo=bar&foo2=bar2"),
    ("/src?a=%0d%0aX:%20y&a=%C3%A9", 301, "/dst?a=%0D%0AX%3A+y&a=%C3%A9"),
    ("/src3", 302, "/dst"),
    ("/away", 301, "https://other.example/x#y"),
    ("/away?a=b", 301, "https://other.example/x?a=b#y"),
    ("/a/b/c", 301, "/b/a/c"),
    ("/a/example.com/b", 301, "/example.com/a/b"),
    ("/name/x/y", 301, "/y/x"),
    ("/ok/target", 301, "/ok/destination"),
    ("/a/b/target", 301, "/a/b/destination"),
    ("/ok/target?x=1", 301, "/ok/destination?x=1"),
    ("/moved/a", 301, "https://example.com/a"),
    ("/moved", 301, "https://example.com"),
    ("/moved?x=1", 301, "https://example.com?x=1"),
    ("/any/x/y", 301, "x/y"),
    ("/any/%C3%A9", 301, "%C3%A9"),
    ("/any/%EF%BC%8F%EF%BC%8Fexample.com", 301, "%EF%BC%8F%EF%BC%8Fexample.com"),
]


@pytest.mark.parametrize(("path", "status", "location"), REDIRECTS)
def test_redirects(path: str, status: int, location: str) -> None:
    client = Client(Application(ROUTES))
    for method in ("GET", "HEAD"):
        response = client.request(method, path)
        assert (response.status, response.headers["Location"]) == (status, location)


REFUSED = [
    # to another host, however it is written
    "/a//example.com/a/b",
    "/a/%5Cexample.com/b",
    "/a/%09/example.com/b",
    "/a///example.com/b",
    "/a////example.com/b",
    "/a/%2F%2F%5Cexample.com/b",
    "/%2Fevil.com/target",
    "/%2F%2Fevil.com/target",
    "/%5C%5Cevil.com/target",
    "/%09//evil.com/target",
    "/%2Fevil.com/target?x=1",
    "/any///evil.com",
    "/any/http://evil.com",
    "/any/https:evil.com",
    "/any/javascript:alert(1)",
    "/any/%20javascript:alert(1)",
    "/any/java%09script:alert(1)",
    "/any/%2F%2F%5B?x=1",
    "/moved.evil.com",
    "/moved@evil.com",
    "/moved:8080",
    "/hostless/evil.com",
    "/hostless/",
    "/schemeonly/evil.com",
    "/schemeonly//evil.com",
    "/userinfo/evil.com%2F",
    "/userinfo/a",
    # into the header
    "/any/%0Afoo",
    "/any/x%0D%0AX:y",
    "/any/a%00b",
    "/any/a%7Fb",
]


@pytest.mark.parametrize("path", REFUSED)
def test_class_10_requests_do_not_choose_the_host(path: str) -> None:
    response = Client(Application(ROUTES)).get(path)
    assert response.status == 400
    assert "Location" not in response.headers


def test_other_methods_are_not_redirected() -> None:
    response = Client(Application(ROUTES)).post("/src", body=b"")
    assert response.status == 405
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD"}


def test_subclasses_extend_get() -> None:
    class Counting(RedirectHandler):
        def get(self, *args: Any, **kwargs: Any) -> None:
            self.set_header("X-Seen", "yes")
            super().get(*args, **kwargs)

    client = Client(Application([("/src", Counting, {"url": "/dst"})]))
    assert client.get("/src").headers["X-Seen"] == "yes"
    assert client.head("/src").headers["X-Seen"] == "yes"


# --- fallback ------------------------------------------------------------------------------------


class Inner(RequestHandler):
    def get(self) -> None:
        self.write(f"inner {self.request.path}")

    def post(self) -> None:
        self.write(self.request.body)


def test_fallback_to_another_application() -> None:
    inner = Application([("/a/b", Inner)])
    client = Client(
        Application(
            [("/own", Inner), ("/a/.*", FallbackHandler, {"fallback": inner}), (".*", ErrorHandler)]
        )
    )
    assert client.get("/a/b").body == b"inner /a/b"
    assert client.post("/a/b", body=b"x" * 100_000).body == b"x" * 100_000
    assert client.post("/a/b", body=iter([b"chunk", b"ed"])).body == b"chunked"
    assert client.get("/a/c").status == 404
    assert client.get("/own").body == b"inner /own"


def test_a_fallback_leaves_no_files_behind() -> None:
    requests: list[HTTPServerRequest] = []
    routes = [(".*", FallbackHandler, {"fallback": requests.append})]
    client = Client(Application(routes, max_memory_file_size=10))
    pending = client.open("POST", "/", body=b"x" * 100)
    buffer = requests[0].body_buffer
    assert buffer is not None
    file = buffer.open()
    assert not file.closed
    pending.disconnect()
    assert file.closed


def test_fallback_to_a_function_that_answers_later() -> None:
    requests: list[HTTPServerRequest] = []
    ended: list[str] = []

    class Handler(FallbackHandler):
        def on_finish(self) -> None:
            ended.append(self.request.path)

    client = Client(Application([(".*", Handler, {"fallback": requests.append})]))
    pending = client.open("POST", "/x", body=b"body")
    assert ended == ["/x"]
    assert not pending.complete
    (request,) = requests
    assert request.body == b"body"
    request.connection.respond(200, None, b"", b"later")
    client.connect().send(b"")
    assert pending.complete
    assert pending.response.body == b"later"
    assert ended == ["/x"]
