"""Arguments of path, query and body as handlers get them."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.testing import Client, MemoryConnection
from cyclone.web import Application, HTTPError, MissingArgumentError, RequestHandler
from cyclone.web.arguments import clean, decoded_path

from .support import client_of, problems, recorded_log


def asking(call: Any) -> Client:
    """A client of a handler that answers with the repr of ``call(self)``."""

    class Handler(RequestHandler):
        def get(self) -> None:
            self.write(repr(call(self)))

        post = put = get

    return client_of(Handler)


# --- get_argument and its kin --------------------------------------------------------------------

QUERY = "a=query1&a=query2&q=only"
FORM = "a=body1&a=body2&b=only"
FORM_TYPE = {"Content-Type": "application/x-www-form-urlencoded"}

ARGUMENTS: list[tuple[str, tuple[Any, ...], dict[str, Any], Any]] = [
    # method, arguments, keywords, result
    ("get_argument", ("a",), {}, "body2"),
    ("get_argument", ("q",), {}, "only"),
    ("get_argument", ("b",), {}, "only"),
    ("get_argument", ("z", "default"), {}, "default"),
    ("get_argument", ("z",), {"default": None}, None),
    ("get_argument", ("a", "default"), {}, "body2"),
    ("get_arguments", ("a",), {}, ["query1", "query2", "body1", "body2"]),
    ("get_arguments", ("z",), {}, []),
    ("get_query_argument", ("a",), {}, "query2"),
    ("get_query_argument", ("b", "default"), {}, "default"),
    ("get_query_arguments", ("a",), {}, ["query1", "query2"]),
    ("get_query_arguments", ("b",), {}, []),
    ("get_body_argument", ("a",), {}, "body2"),
    ("get_body_argument", ("q",), {"default": 5}, 5),
    ("get_body_arguments", ("a",), {}, ["body1", "body2"]),
    ("get_body_arguments", ("q",), {}, []),
]


@pytest.mark.parametrize(("name", "arguments", "keywords", "result"), ARGUMENTS)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_arguments(
    name: str, arguments: tuple[Any, ...], keywords: dict[str, Any], result: Any, method: str
) -> None:
    client = asking(lambda self: getattr(self, name)(*arguments, **keywords))
    assert client.request(method, f"/?{QUERY}", body=FORM, headers=FORM_TYPE).text == repr(result)


@pytest.mark.parametrize("name", ["get_argument", "get_query_argument", "get_body_argument"])
def test_missing_arguments(name: str) -> None:
    def call(self: RequestHandler) -> Any:
        with pytest.raises(MissingArgumentError) as raised:
            getattr(self, name)("wanted")
        assert raised.value.arg_name == "wanted"
        assert raised.value.status_code == 400
        raise raised.value

    with recorded_log() as lines:
        response = asking(call).get("/?other=1")
    assert response.status == 400
    assert b"wanted" not in response.body
    assert any("Missing argument wanted" in line.text for line in lines)


@pytest.mark.parametrize("name", ["get_argument", "get_query_argument", "get_body_argument"])
@pytest.mark.parametrize("value", [None, "", 0, [], object])
def test_any_default_is_a_default(name: str, value: Any) -> None:
    client = asking(lambda self: getattr(self, name)("z", value) is value)
    assert client.get("/").text == "True"


VALUES = [
    # in the query, stripped, as it is
    ("x", "x", "x"),
    ("", "", ""),
    ("%20x%20", "x", " x "),
    ("+x+", "x", " x "),
    ("%09x%0A", "x", "\tx\n"),
    ("a%20b", "a b", "a b"),
    ("a%00b", "a b", "a b"),
    ("%00%01%1F", "", "   "),
    ("a%0D%0Ab", "a\r\nb", "a\r\nb"),
    ("a%0Bb%0Cc%0Ed%7Fe", "a\x0bb\x0cc d\x7fe", "a\x0bb\x0cc d\x7fe"),
    ("%C3%BC%E2%82%AC", "\xfc\u20ac", "\xfc\u20ac"),
    ("%F0%9F%98%80", "\U0001f600", "\U0001f600"),
    ("%C2%A0x", "x", "\xa0x"),
    ("%2B%26%3D%25", "+&=%", "+&=%"),
    ("100%", "100%", "100%"),
    ("%zz", "%zz", "%zz"),
]


@pytest.mark.parametrize(("sent", "stripped", "whole"), VALUES)
@pytest.mark.parametrize("place", ["query", "body"])
def test_values(sent: str, stripped: str, whole: str, place: str) -> None:
    def call(self: RequestHandler) -> Any:
        getters = (self.get_argument, getattr(self, f"get_{place}_argument"))
        lists = (self.get_arguments, getattr(self, f"get_{place}_arguments"))
        return (
            {getter("v") for getter in getters},
            {getter("v", strip=False) for getter in getters},
            [getter("v") for getter in lists],
            [getter("v", strip=False) for getter in lists],
        )

    expected = ({stripped}, {whole}, [[stripped]] * 2, [[whole]] * 2)
    if place == "query":
        text = raw_get(asking(call), f"/?v={sent}")
    else:
        text = asking(call).post("/", body=f"v={sent}", headers=FORM_TYPE).text
    assert text == repr(expected)


def raw_get(client: Client, target: str) -> str:
    """The text that comes for a target that no client may touch."""
    connection: MemoryConnection = client.connect()
    connection.send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode("latin-1"))
    (response,) = connection.responses()
    assert response.status == 200, bytes(response.body)
    return bytes(response.body).decode()


def test_multipart_fields_are_arguments() -> None:
    def call(self: RequestHandler) -> Any:
        return self.get_body_arguments("a"), self.get_arguments("b"), self.request.files["f"]

    client = asking(lambda self: (self.get_arguments("a"), self.request.files["f"][0].body))
    response = client.post("/?a=0", form={"a": ["1", "2"]}, files={"f": b"content"})
    assert response.text == "(['0', '1', '2'], b'content')"
    assert asking(call).post("/", form={"a": "1"}, files={"f": b""}).status == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", ""])
def test_other_bodies_have_no_arguments(content_type: str) -> None:
    client = asking(lambda self: (self.request.arguments, self.request.body_arguments))
    response = client.post("/?a=1", body=b"b=2", headers={"Content-Type": content_type})
    assert response.text == "({'a': [b'1']}, {})"


# --- what is not text ----------------------------------------------------------------------------

NOT_UTF8 = ["%FF", "%C3", "a%80b", "%ED%A0%80", "%F8%88%80%80%80"]


@pytest.mark.parametrize("sent", NOT_UTF8)
@pytest.mark.parametrize("name", ["get_argument", "get_arguments", "get_query_argument"])
def test_a_query_that_is_not_utf8_is_a_400(sent: str, name: str) -> None:
    client = asking(lambda self: getattr(self, name)("v"))
    connection = client.connect()
    with recorded_log() as lines:
        connection.send(f"GET /?v={sent} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    (response,) = connection.responses()
    assert response.status == 400
    assert problems(lines) == []
    assert any("Invalid unicode in v" in line.text for line in lines)


@pytest.mark.parametrize("sent", NOT_UTF8)
def test_the_default_does_not_stand_in_for_what_is_not_utf8(sent: str) -> None:
    client = asking(lambda self: self.get_body_argument("v", "default"))
    assert client.post("/", body=f"v={sent}", headers=FORM_TYPE).status == 400


def test_bytes_are_there_for_those_who_want_them() -> None:
    client = asking(lambda self: self.request.arguments)
    assert raw_get(client, "/?v=%FF%00") == repr({"v": [b"\xff\x00"]})


BROKEN = [
    ("application/x-www-form-urlencoded", b"&".join(b"a=%d" % i for i in range(2000))),
    ("multipart/form-data", b"no boundary"),
    ("multipart/form-data; boundary=x", b"--x\r\nno header"),
    ("multipart/form-data; boundary=x", b""),
]


@pytest.mark.parametrize(("content_type", "body"), BROKEN)
@pytest.mark.parametrize("how", ["get_argument", "body_arguments", "files"])
def test_broken_forms_are_a_400(content_type: str, body: bytes, how: str) -> None:
    def call(self: RequestHandler) -> Any:
        if how == "get_argument":
            return self.get_argument("a", None)
        return getattr(self.request, how)

    with recorded_log() as lines:
        response = asking(call).post("/", body=body, headers={"Content-Type": content_type})
    assert response.status == (400 if body else 200)
    assert problems(lines) == []


def test_too_many_arguments_in_the_query_are_a_400() -> None:
    target = "/?" + "&".join(f"a={number}" for number in range(1001))
    assert asking(lambda self: self.get_argument("a")).get(target).status == 400


def test_a_form_is_not_parsed_unless_asked_for() -> None:
    client = asking(lambda self: self.request.body)
    body = b"--x\r\nbroken"
    fields = {"Content-Type": "multipart/form-data; boundary=x"}
    assert client.post("/", body=body, headers=fields).text == repr(body)


# --- decode_argument -----------------------------------------------------------------------------


class Base64(RequestHandler):
    """Takes arguments in an encoding of its own, and notes their names."""

    def initialize(self) -> None:
        self.names: list[str | None] = []

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        assert type(value) is bytes
        self.names.append(name)
        return base64.b64decode(value).decode("latin-1")

    def get(self, *args: str, **kwargs: str) -> None:
        asked = self.get_arguments("v")
        self.write(repr((args, kwargs, asked, self.names)))


def test_decode_argument_is_asked_for_everything() -> None:
    routes = [(r"/p/([^/]+)(?:/(.+))?", Base64), (r"/k/(?P<first>[^/]+)", Base64)]
    client = Client(Application(routes))
    one, two = (base64.b64encode(text).decode() for text in (b"\xff", b"two"))
    response = client.get(f"/p/{quote(one, safe='')}?v={quote(two)}&v={quote(one)}")
    assert response.text == repr((("\xff", None), {}, ["two", "\xff"], [None, "v", "v"]))
    response = client.get(f"/k/{quote(two)}")
    assert response.text == repr(((), {"first": "two"}, [], ["first"]))


def test_decode_argument_may_leave_bytes() -> None:
    class Handler(RequestHandler):
        def decode_argument(self, value: bytes, name: str | None = None) -> Any:
            return value

        def get(self, path: bytes) -> None:
            self.write({"arguments": [repr(path), repr(self.get_argument("a"))]})

    client = Client(Application([("/(.*)", Handler)]))
    assert client.get("/%C3%A9?a=%00x%20").json() == {"arguments": [r"b'\xc3\xa9'", r"b'\x00x'"]}


def test_decode_argument_that_refuses() -> None:
    class Handler(RequestHandler):
        def decode_argument(self, value: bytes, name: str | None = None) -> str:
            raise HTTPError(422)

        def get(self, *args: str) -> None:
            self.get_argument("v", None)

    client = Client(Application([(r"/(.*)", Handler)]))
    assert client.get("/").status == 422
    assert client_of(Handler).get("/?v=1").status == 422
    assert client_of(Handler).get("/").status == 200


def test_decode_argument_may_be_called() -> None:
    client = asking(lambda self: self.decode_argument(b"\xc3\xbc", name="x"))
    assert client.get("/").text == repr("\xfc")


# --- path ----------------------------------------------------------------------------------------

PATHS = [
    # path, positional arguments; None: 400
    ("/abc", ["abc"]),
    ("/", [""]),
    ("/a%20b", ["a b"]),
    ("/a+b", ["a+b"]),
    ("/%C3%BC", ["\xfc"]),
    ("/a%2Fb", ["a/b"]),
    ("/%00", ["\x00"]),
    ("/100%", ["100%"]),
    ("/%2541", ["%41"]),
    ("/%FF", None),
    ("/%C3%28", None),
    ("/a%80", None),
]


@pytest.mark.parametrize(("path", "args"), PATHS)
@pytest.mark.parametrize("named", [False, True])
def test_path_arguments(path: str, args: list[str] | None, named: bool) -> None:
    class Handler(RequestHandler):
        def get(self, *args: str, **kwargs: str) -> None:
            assert (list(args), kwargs) == (self.path_args, self.path_kwargs)
            self.write(repr(self.path_kwargs if named else self.path_args))

        def prepare(self) -> None:
            assert args is not None, "the path is not text"

    client = Client(Application([(r"/(?P<name>.*)" if named else r"/(.*)", Handler)]))
    connection = client.connect()
    with recorded_log() as lines:
        connection.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    (response,) = connection.responses()
    assert problems(lines) == []
    if args is None:
        assert response.status == 400
    else:
        expected: Any = {"name": args[0]} if named else args
        assert bytes(response.body).decode() == repr(expected)


def test_groups_that_take_no_part_are_none() -> None:
    class Handler(RequestHandler):
        def get(self, one: str | None, two: str | None = "default") -> None:
            self.write(repr((one, two)))

    client = Client(Application([(r"/p(x)?(y)?", Handler), (r"/k(?P<two>y)?(?P<one>x)?", Handler)]))
    assert client.get("/p").text == "(None, None)"
    assert client.get("/py").text == "(None, 'y')"
    assert client.get("/k").text == "(None, None)"
    assert client.get("/kyx").text == "('x', 'y')"


def test_a_method_that_does_not_take_the_arguments_is_a_500() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            raise AssertionError("the group has no parameter")

    with recorded_log() as lines:
        assert Client(Application([(r"/(.*)", Handler)])).get("/x").status == 500
    assert "TypeError" in problems(lines)[0]


# --- the pure functions --------------------------------------------------------------------------


@given(st.text())
def test_clean_leaves_no_control_characters(text: str) -> None:
    cleaned = clean(text, strip=False)
    assert len(cleaned) == len(text)
    allowed = set("\t\n\x0b\x0c\r")
    assert all(char >= " " or char in allowed for char in cleaned)
    assert [c for c in cleaned if c > " "] == [c for c in text if c > " "]
    assert clean(text, strip=True) == cleaned.strip()


def test_decoded_path() -> None:
    seen: list[tuple[bytes, str | None]] = []

    def decode(value: bytes, name: str | None = None) -> str:
        seen.append((value, name))
        return "decoded"

    mixed = ["text", b"\xff", None]
    assert decoded_path(mixed, {"k": b"\xff", "t": "text"}, decode, every=False) == (
        ("text", "decoded", None),
        {"k": "decoded", "t": "text"},
    )
    assert seen == [(b"\xff", None), (b"\xff", "k")]
    seen.clear()
    assert decoded_path(mixed, {"t": "\xfc", "n": None}, decode, every=True) == (
        ("decoded", "decoded", None),
        {"t": "decoded", "n": None},
    )
    assert seen == [(b"text", None), (b"\xff", None), ("\xfc".encode(), "t")]
