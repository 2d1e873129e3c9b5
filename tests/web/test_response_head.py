"""The head of a response: status, header, cookies, redirects."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from cyclone.web import HTTPError, RequestHandler

from .support import client_of, doing, problems, recorded_log

# --- status --------------------------------------------------------------------------------------

STATUSES = [
    # arguments, status, reason
    ((200,), 200, "OK"),
    ((404,), 404, "Not Found"),
    ((299,), 299, "Unknown"),
    ((599,), 599, "Unknown"),
    ((200, "Fine"), 200, "Fine"),
    ((200, b"Bytes"), 200, "Bytes"),
    ((404, "Nicht d\xe4"), 404, "Nicht d\xe4"),
    ((404, "two\r\nX-Evil: 1"), 404, "Unknown"),
    ((404, "\u20ac"), 404, "Unknown"),
    ((404, "a\x00b"), 404, "Unknown"),
    ((299, "Custom"), 299, "Custom"),
]


@pytest.mark.parametrize(("arguments", "status", "reason"), STATUSES)
@pytest.mark.parametrize("flushes", [False, True])
def test_set_status(arguments: tuple[Any, ...], status: int, reason: str, flushes: bool) -> None:
    def action(self: RequestHandler) -> None:
        self.set_status(418, "Before")
        self.set_status(*arguments)
        assert self.get_status() == status
        if flushes:
            self.flush()

    response = client_of(doing(action)).get("/")
    assert (response.status, response.reason) == (status, reason)
    assert "X-Evil" not in response.headers


@pytest.mark.parametrize("status", [99, 0, -1, 1000, "200", None, 200.0])
def test_what_is_no_status(status: Any) -> None:
    def action(self: RequestHandler) -> None:
        with pytest.raises(ValueError, match="three digits"):
            self.set_status(status)
        assert self.get_status() == 200

    assert client_of(doing(action)).get("/").status == 200


# --- header --------------------------------------------------------------------------------------

MOMENT = datetime.datetime(1994, 11, 6, 8, 49, 37, tzinfo=datetime.UTC)
VALUES = [
    ("text", "text"),
    (b"bytes", "bytes"),
    ("Latin \xfc", "Latin \xfc"),
    (b"raw \xc3\xbc", "raw \xc3\xbc"),
    ("tab\there", "tab\there"),
    ("", ""),
    (0, "0"),
    (-5, "-5"),
    (2**70, str(2**70)),
    (True, "True"),
    (MOMENT, "Sun, 06 Nov 1994 08:49:37 GMT"),
    (MOMENT.replace(tzinfo=None), "Sun, 06 Nov 1994 08:49:37 GMT"),
    (
        MOMENT.astimezone(datetime.timezone(datetime.timedelta(hours=3))),
        "Sun, 06 Nov 1994 08:49:37 GMT",
    ),
]


@pytest.mark.parametrize(("value", "text"), VALUES)
@pytest.mark.parametrize("name", ["set_header", "add_header"])
@pytest.mark.parametrize("flushes", [False, True])
def test_header_values(value: Any, text: str, name: str, flushes: bool) -> None:
    def action(self: RequestHandler) -> None:
        getattr(self, name)("X-Test", value)
        if flushes:
            self.flush()

    assert client_of(doing(action)).get("/").headers.get_list("X-Test") == [text]


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\x00b", b"a\r\nb", "\x7f"])
@pytest.mark.parametrize("name", ["set_header", "add_header"])
def test_class_2_values_that_would_end_the_field(value: Any, name: str) -> None:
    def action(self: RequestHandler) -> None:
        getattr(self, name)("X-Test", value)

    with recorded_log() as lines:
        response = client_of(doing(action)).get("/")
    assert response.status == 500
    assert "X-Evil" not in response.headers
    assert "X-Test" not in response.headers
    assert "ValueError" in problems(lines)[0]


@pytest.mark.parametrize("value", [None, 1.5, ["a"], {"a": 1}, object()])
@pytest.mark.parametrize("name", ["set_header", "add_header"])
def test_values_of_no_use(value: Any, name: str) -> None:
    def action(self: RequestHandler) -> None:
        with pytest.raises(TypeError, match="Unsupported header value"):
            getattr(self, name)("X-Test", value)

    assert client_of(doing(action)).get("/").status == 200


def test_a_value_that_is_not_latin_1() -> None:
    def action(self: RequestHandler) -> None:
        with pytest.raises(ValueError, match="Latin-1"):
            self.set_header("X-Test", "\u20ac")

    assert client_of(doing(action)).get("/").status == 200


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "\xfc", "\u20ac"])
def test_class_2_names_that_are_no_tokens(name: str) -> None:
    def action(self: RequestHandler) -> None:
        with pytest.raises(ValueError):
            self.set_header(name, "x")
        with pytest.raises(ValueError):
            self.add_header(name, "x")

    assert client_of(doing(action)).get("/").status == 200


def test_set_replaces_add_adds_clear_clears() -> None:
    def action(self: RequestHandler) -> None:
        self.set_header("X-A", "1")
        self.set_header("x-a", "2")
        self.add_header("X-A", "3")
        self.add_header("X-B", "1")
        self.add_header("X-B", "2")
        self.set_header("X-C", "1")
        self.clear_header("x-c")
        self.clear_header("X-Unknown")
        self.add_header("X-D", "1")
        self.set_header("X-D", "2")

    headers = client_of(doing(action)).get("/").headers
    assert headers.get_list("X-A") == ["2", "3"]
    assert headers.get_list("X-B") == ["1", "2"]
    assert "X-C" not in headers
    assert headers.get_list("X-D") == ["2"]


def test_default_fields() -> None:
    headers = client_of(doing(lambda self: None)).get("/").headers
    assert headers["Server"] == "cyclone"
    assert headers["Content-Type"] == "text/html; charset=UTF-8"
    assert headers["Date"].endswith(" GMT")
    # The same when a handler changes one of them.
    changed = client_of(doing(lambda self: self.set_header("X", 1))).get("/").headers
    assert list(changed) == ["Server", "Content-Type", "Date", "X", "Etag", "Content-Length"]


@pytest.mark.parametrize("name", ["Server", "Content-Type", "Date"])
def test_default_fields_can_be_cleared(name: str) -> None:
    assert name not in client_of(doing(lambda self: self.clear_header(name))).get("/").headers


def test_set_default_headers_holds_for_errors_too() -> None:
    class Handler(RequestHandler):
        def set_default_headers(self) -> None:
            self.set_header("X-Default", "1")
            self.set_header("Server", "mine")

        def get(self) -> None:
            self.set_header("X-Forgotten", "1")
            if self.get_argument("fail", None):
                raise HTTPError(400)
            self.clear()
            self.write("x")

    client = client_of(Handler)
    for path, status in (("/", 200), ("/?fail=1", 400)):
        response = client.get(path)
        assert response.status == status
        assert response.headers.get_list("X-Default") == ["1"]
        assert response.headers.get_list("Server") == ["mine"]
        assert "X-Forgotten" not in response.headers


def test_clear_takes_back_everything_but_cookies() -> None:
    def action(self: RequestHandler) -> None:
        self.set_status(404, "Custom")
        self.set_header("X-Test", "1")
        self.set_cookie("name", "value")
        self.write("forgotten")
        self.clear()
        assert self.get_status() == 200

    response = client_of(doing(action)).get("/")
    assert (response.status, response.reason, response.body) == (200, "OK", b"")
    assert "X-Test" not in response.headers
    assert response.cookies["name"].value == "value"


# --- cookies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("flushes", "fails"), [(False, False), (True, False), (False, True)])
def test_cookies_are_sent_also_with_errors(flushes: bool, fails: bool) -> None:
    def action(self: RequestHandler) -> None:
        self.set_cookie("a", "1")
        self.set_cookie("b", "2", path="/b")
        self.set_cookie("a", "3")
        self.clear_cookie("c")
        if flushes:
            self.flush()
        if fails:
            raise HTTPError(403)

    response = client_of(doing(action)).get("/")
    assert response.status == (403 if fails else 200)
    fields = response.headers.get_list("Set-Cookie")
    assert fields[:2] == ["a=3; Path=/", "b=2; Path=/b"]
    assert fields[2].startswith('c=""; expires=')
    assert len(fields) == 3


def test_cookies_of_the_request() -> None:
    def action(self: RequestHandler) -> None:
        assert self.cookies is self.request.cookies
        self.write(f"{self.get_cookie('a')} {self.get_cookie('b')} {self.get_cookie('b', 'x')}")

    assert client_of(doing(action)).get("/", headers={"Cookie": "a=1; z=2"}).text == "1 None x"


def test_clear_all_cookies() -> None:
    def action(self: RequestHandler) -> None:
        self.clear_all_cookies(domain="example.com", path="/p")

    response = client_of(doing(action)).get("/", headers={"Cookie": "a=1; b=2"})
    fields = response.headers.get_list("Set-Cookie")
    assert [field.partition("=")[0] for field in fields] == ["a", "b"]
    assert all("Domain=example.com" in field and "Path=/p" in field for field in fields)


@pytest.mark.parametrize("value", ["a b", "a\r\nb", "a;b\x00", "\u20ac"])
def test_cookies_that_cannot_be_sent(value: str) -> None:
    def action(self: RequestHandler) -> None:
        with pytest.raises(ValueError, match="Invalid cookie"):
            self.set_cookie("name", value)

    assert client_of(doing(action)).get("/").headers.get_list("Set-Cookie") == []


# --- redirect ------------------------------------------------------------------------------------

REDIRECTS = [
    # arguments, status, Location
    (("/a",), {}, 302, "/a"),
    (("/a",), {"permanent": True}, 301, "/a"),
    (("/a", True), {}, 301, "/a"),
    (("/a",), {"status": 303}, 303, "/a"),
    (("/a",), {"status": 308, "permanent": True}, 308, "/a"),
    ((b"/bytes",), {}, 302, "/bytes"),
    (("https://example.com/?a=b#c",), {}, 302, "https://example.com/?a=b#c"),
    (("/gr\xfc\xdfe \u20ac",), {}, 302, "/gr%C3%BC%C3%9Fe%20%E2%82%AC"),
    (("/%20?a=%C3%BC",), {}, 302, "/%20?a=%C3%BC"),
    (("",), {}, 302, ""),
]


@pytest.mark.parametrize(("arguments", "options", "status", "location"), REDIRECTS)
def test_redirect(
    arguments: tuple[Any, ...], options: dict[str, Any], status: int, location: str
) -> None:
    def action(self: RequestHandler) -> None:
        self.write("")
        self.redirect(*arguments, **options)

    response = client_of(doing(action)).get("/")
    assert (response.status, response.headers["Location"]) == (status, location)


@pytest.mark.parametrize("status", [200, 299, 400, 0])
def test_redirect_with_a_status_that_is_none(status: int) -> None:
    def action(self: RequestHandler) -> None:
        with pytest.raises(ValueError, match="300 to 399"):
            self.redirect("/a", status=status)

    assert client_of(doing(action)).get("/").status == 200


@pytest.mark.parametrize("url", ["/a\r\nX-Evil: 1", "/a\nb", b"/a\r\nb"])
def test_class_2_redirect_to_what_would_end_the_field(url: Any) -> None:
    with recorded_log():
        response = client_of(doing(lambda self: self.redirect(url))).get("/")
    assert response.status == 500
    assert "X-Evil" not in response.headers
