"""Requests as a test gives them, and the bytes they become."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.httputil import HTTPHeaders, parse_body_arguments
from cyclone.testing import Client, encode_multipart
from cyclone.testing.request import OutgoingRequest, build_request, build_target, pairs_of
from cyclone.web import Application, RequestHandler

URL = "http://a.example:81/x/y?q=1"


def built(method: str = "GET", url: str = URL, params: Any = None, **options: Any) -> Any:
    return build_request(method, url, params, options)  # type: ignore[arg-type]


# --- where to -------------------------------------------------------------------------------------

PARTS = [
    (URL, ("a.example:81", "a.example", "/x/y", False, "/x/y?q=1")),
    ("https://A.example", ("A.example", "a.example", "/", True, "/")),
    ("http://[::1]:8/", ("[::1]:8", "::1", "/", False, "/")),
    ("http://h//x", ("h", "h", "//x", False, "//x")),
    ("http://h/*", ("h", "h", "/*", False, "/*")),
    ("http://h/a?b://c", ("h", "h", "/a", False, "/a?b://c")),
]


@pytest.mark.parametrize(("url", "parts"), PARTS)
def test_the_parts_of_a_url(url: str, parts: tuple[Any, ...]) -> None:
    request = OutgoingRequest("GET", url)
    found = (request.host, request.hostname, request.path, request.https, request.target)
    assert found == parts


def test_the_asterisk_form() -> None:
    assert OutgoingRequest("OPTIONS", "http://h/*").target == "*"
    assert OutgoingRequest("OPTIONS", "http://h/*/").target == "/*/"


TARGETS = [
    ("/", None, "/"),
    ("/a b\u00e9", None, "/a%20b%C3%A9"),
    ("/%41%zz", None, "/%41%zz"),
    ("/a?b=c&d#e", None, "/a?b=c&d#e"),
    ("/:@!$&'()*+,;=~-._[]|^`{}\\\"<>", None, "/:@!$&'()*+,;=~-._[]|^`{}\\\"<>"),
    ("/\r\n", None, "/%0D%0A"),
    ("/", {}, "/?"),
    ("/", {"a": 1, "b": ["x y", "\u00e9"]}, "/?a=1&b=x+y&b=%C3%A9"),
    ("/", [("a", "1"), ("a", "2")], "/?a=1&a=2"),
    ("/?c", {"a": "&"}, "/?c&a=%26"),
]


@pytest.mark.parametrize(("path", "params", "target"), TARGETS)
def test_build_target(path: str, params: Any, target: str) -> None:
    assert build_target(path, params) == target


def test_pairs() -> None:
    assert pairs_of(None) == []
    assert pairs_of({"a": 1}) == [("a", 1)]
    assert pairs_of(iter([("a", 1), ("a", 2)])) == [("a", 1), ("a", 2)]
    assert pairs_of(HTTPHeaders({"A": "b"})) == [("A", "b")]


# --- bodies ---------------------------------------------------------------------------------------

FORM = "application/x-www-form-urlencoded"
BODIES: list[tuple[str, dict[str, Any], list[tuple[str, str]], bytes]] = [
    ("GET", {}, [], b""),
    ("DELETE", {}, [], b""),
    ("POST", {}, [("Content-Length", "0")], b""),
    ("PUT", {}, [("Content-Length", "0")], b""),
    ("PATCH", {"body": None}, [("Content-Length", "0")], b""),
    ("POST", {"headers": {"content-length": "5"}}, [("content-length", "5")], b""),
    ("POST", {"headers": {"Transfer-Encoding": "x"}}, [("Transfer-Encoding", "x")], b""),
    ("GET", {"body": b""}, [("Content-Length", "0")], b""),
    ("POST", {"body": b"\xff"}, [("Content-Length", "1")], b"\xff"),
    ("POST", {"body": "\u00e9"}, [("Content-Length", "2")], b"\xc3\xa9"),
    ("POST", {"body": [b"ab", b"", b"c"]}, [("Transfer-Encoding", "chunked")],
     b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
    ("POST", {"body": iter(())}, [("Transfer-Encoding", "chunked")], b"0\r\n\r\n"),
    ("POST", {"body": b"abc", "headers": [("Content-Length", "9")]}, [("Content-Length", "9")],
     b"abc"),
    ("POST", {"json": {"a": [1]}}, [("Content-Type", "application/json"), ("Content-Length", "10")],
     b'{"a": [1]}'),
    ("POST", {"json": False}, [("Content-Type", "application/json"), ("Content-Length", "5")],
     b"false"),
    ("POST", {"json": 1, "headers": {"content-type": "x/y"}},
     [("content-type", "x/y"), ("Content-Length", "1")], b"1"),
    ("POST", {"form": {"a": "b c", "d": [1, 2]}}, [("Content-Type", FORM),
     ("Content-Length", "13")], b"a=b+c&d=1&d=2"),
    ("POST", {"data": [("a", "\u00e9")]}, [("Content-Type", FORM), ("Content-Length", "8")],
     b"a=%C3%A9"),
    ("POST", {"form": {"a": 1}, "data": {"b": 2}}, [("Content-Type", FORM),
     ("Content-Length", "3")], b"a=1"),
    ("POST", {"form": {}}, [("Content-Type", FORM), ("Content-Length", "0")], b""),
]  # fmt: skip


@pytest.mark.parametrize(("method", "options", "fields", "body"), BODIES)
def test_bodies(
    method: str, options: dict[str, Any], fields: list[tuple[str, str]], body: bytes
) -> None:
    request = built(method, **options)
    assert request.fields == fields
    assert request.body == body


@pytest.mark.parametrize(
    "options",
    [
        {"body": b"", "json": 1},
        {"body": b"", "form": {}},
        {"body": "", "data": {}},
        {"json": 0, "files": {}},
        {"body": b"x", "json": 1, "form": {}},
    ],
)
def test_one_kind_of_body(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="one of body, json"):
        built("POST", **options)


def test_unknown_options_are_not_overlooked() -> None:
    with pytest.raises(TypeError, match="no option https, jsno"):
        built("POST", jsno={}, https=True)


# --- multipart ------------------------------------------------------------------------------------


class Form(RequestHandler):
    """Says what it got."""

    def post(self) -> None:
        files = {
            name: [(file.filename, file.content_type, file.body.decode("latin-1")) for file in all]
            for name, all in self.request.files.items()
        }
        arguments = {name: self.get_body_arguments(name) for name in self.request.body_arguments}
        self.write(json.dumps([arguments, files]))


def read_back(form: Any, files: Any) -> Any:
    response = Client(Application([("/", Form)])).post("/", form=form, files=files)
    assert response.status == 200
    return response.json()


OCTETS = "application/octet-stream"
FORMS: list[tuple[Any, Any, dict[str, Any], dict[str, Any]]] = [
    (None, {"f": b"x"}, {}, {"f": [["f", OCTETS, "x"]]}),
    ({}, {"f": "\u00e9"}, {}, {"f": [["f", OCTETS, "\xc3\xa9"]]}),
    (None, {"f": ("n.txt", b"\r\n--x\r\n")}, {}, {"f": [["n.txt", OCTETS, "\r\n--x\r\n"]]}),
    (None, {"f": ("n.txt", b"", "text/x")}, {}, {"f": [["n.txt", "text/x", ""]]}),
    (
        [("a", 1), ("a", "x")],
        [("f", b"1"), ("f", b"2")],
        {"a": ["1", "x"]},
        {"f": [["f", OCTETS, "1"], ["f", OCTETS, "2"]]},
    ),
    ({"a": [1, 2], "b": ("x", "y")}, {}, {"a": ["1", "2"], "b": ["x", "y"]}, {}),
    ({"\u00e9": "\u20ac"}, {}, {"\u00e9": ["\u20ac"]}, {}),
]


@pytest.mark.parametrize(("form", "files", "arguments", "found"), FORMS)
def test_multipart(form: Any, files: Any, arguments: Any, found: Any) -> None:
    assert read_back(form, files) == [arguments, found]


def test_multipart_to_the_byte() -> None:
    body, content_type = encode_multipart({"a": "b"}, {"f": ("n", b"c", "t/u")})
    assert content_type == "multipart/form-data; boundary=cyclone-boundary-0"
    assert body.split(b"\r\n") == [
        b"--cyclone-boundary-0",
        b'Content-Disposition: form-data; name="a"',
        b"",
        b"b",
        b"--cyclone-boundary-0",
        b'Content-Disposition: form-data; name="f"; filename="n"',
        b"Content-Type: t/u",
        b"",
        b"c",
        b"--cyclone-boundary-0--",
        b"",
    ]


def test_nothing_in_a_multipart_body() -> None:
    assert encode_multipart(None, None)[0] == b"--cyclone-boundary-0--\r\n"


def test_names_stay_in_their_place() -> None:
    body, _ = encode_multipart({'a"\r\nX: y': ""}, {"f": ('"\n', b"")})
    assert b'name="a%22%0D%0AX: y"\r\n' in body
    assert b'filename="%22%0A"\r\n' in body


def test_the_boundary_is_none_of_the_contents() -> None:
    hostile = b"--cyclone-boundary-0\r\n--cyclone-boundary-1--"
    body, content_type = encode_multipart({}, {"f": hostile})
    assert content_type.endswith("cyclone-boundary-2")
    assert hostile in body
    assert read_back({}, {"f": hostile}) == [{}, {"f": [["f", OCTETS, hostile.decode()]]}]


@given(st.lists(st.binary(max_size=60), max_size=20), st.lists(st.text(max_size=20), max_size=20))
def test_any_contents(contents: list[bytes], values: list[str]) -> None:
    body, content_type = encode_multipart({"v": values}, [("f", each) for each in contents])
    arguments: dict[str, list[bytes]] = {}
    files: dict[str, list[Any]] = {}
    parse_body_arguments(content_type, body, arguments, files)
    assert [file.body for file in files.get("f", [])] == contents
    assert [value.decode() for value in arguments.get("v", [])] == values


# --- the bytes ------------------------------------------------------------------------------------


def test_encode() -> None:
    request = built("POST", headers={"A": 1}, body=b"x", version="HTTP/1.0")
    assert request.encode("c=d") == (
        b"POST /x/y?q=1 HTTP/1.0\r\nHost: a.example:81\r\nA: 1\r\nContent-Length: 1\r\n"
        b"Cookie: c=d\r\n\r\nx"
    )


def test_given_fields_win() -> None:
    request = built(headers=[("host", "b"), ("cookie", "mine=1")])
    assert request.encode("c=d") == b"GET /x/y?q=1 HTTP/1.1\r\nhost: b\r\ncookie: mine=1\r\n\r\n"
    assert request.has("HOST")
    assert not request.has("Accept")


@pytest.mark.parametrize(
    ("method", "options"),
    [("GE T", {}), ("GET\n", {}), ("GET", {"headers": {"A": "b\r\nC: d"}})],
)
def test_nothing_breaks_out(method: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"control character|space in"):
        built(method, **options).encode("")


# --- redirects ------------------------------------------------------------------------------------

LOCATIONS = [
    ("/z", "http://a.example:81/z"),
    ("z?r#f", "http://a.example:81/x/z?r"),
    ("?r", "http://a.example:81/x/y?r"),
    ("//b/z", "http://b/z"),
    ("https://b", "https://b"),
    ("", URL),
    ("mailto:x", "mailto:x"),
]


@pytest.mark.parametrize(("location", "url"), LOCATIONS)
def test_where_redirects_go(location: str, url: str) -> None:
    assert built().redirected(302, location).url == url


KEPT = [
    (301, "GET", "GET"),
    (301, "POST", "GET"),
    (301, "PUT", "PUT"),
    (302, "POST", "GET"),
    (302, "HEAD", "HEAD"),
    (302, "DELETE", "DELETE"),
    (303, "POST", "GET"),
    (303, "PUT", "GET"),
    (303, "GET", "GET"),
    (303, "HEAD", "HEAD"),
    (307, "POST", "POST"),
    (308, "POST", "POST"),
    (308, "PUT", "PUT"),
]


@pytest.mark.parametrize(("status", "method", "next_method"), KEPT)
def test_what_redirects_keep(status: int, method: str, next_method: str) -> None:
    headers = {"Content-Type": "a/b", "Content-Encoding": "x", "A": "1"}
    request = built(method, body=b"abc", headers=headers)
    following = request.redirected(status, "/z")
    assert following.method == next_method
    if method == next_method:
        assert (following.body, following.fields) == (request.body, request.fields)
    else:
        assert (following.body, following.fields) == (b"", [("A", "1")])
    assert request.body == b"abc"
    assert len(request.fields) == 4


@pytest.mark.parametrize(
    ("location", "kept"),
    [
        ("/z", True),
        ("http://a.example:81/z", True),
        ("http://a.example/z", False),
        ("https://a.example:81/z", False),
        ("http://b/", False),
    ],
)
def test_credentials_stay_with_their_origin(location: str, kept: bool) -> None:
    private = {"Authorization": "x", "cookie": "y", "Host": "z"}
    following = built(headers={**private, "A": "1"}).redirected(302, location)
    assert [name for name, _ in following.fields] == ([*private, "A"] if kept else ["A"])
