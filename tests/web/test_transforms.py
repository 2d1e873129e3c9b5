"""Output transforms, compression above all."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import brotli
import pytest
import zstandard

from cyclone.httputil import HTTPHeaders, HTTPServerRequest
from cyclone.testing import Client
from cyclone.web import (
    Application,
    GZipContentEncoding,
    HTTPError,
    OutputTransform,
    RequestHandler,
    StaticFileHandler,
)
from tests.web.support import client_of, doing, problems, recorded_log

TEXT = b"All work and no play makes Jack a dull boy. " * 100
READERS = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda coded: zstandard.ZstdDecompressor().decompressobj().decompress(coded),
}


def text(self: RequestHandler) -> None:
    self.write(TEXT)


def compressing(action: Any = text, **settings: Any) -> Client:
    return client_of(doing(action), compress_response=True, **settings)


def asked(client: Client, coding: str = "gzip", method: str = "GET", **fields: str) -> Any:
    headers = {"Accept-Encoding": coding}
    headers |= {name.replace("_", "-"): value for name, value in fields.items()}
    return client.request(method, "/", headers=headers)


# --- transforms of applications ------------------------------------------------------------------


class Shouting(OutputTransform):
    """Another transform of an application."""

    def __init__(self, request: HTTPServerRequest) -> None:
        super().__init__(request)
        self.path = request.path

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        headers["X-Path"] = self.path
        status_code, headers, chunk = super().transform_first_chunk(
            status_code, headers, chunk, finishing
        )
        return status_code, headers, self.transform_chunk(chunk, finishing)

    def transform_chunk(self, chunk: bytes, finishing: bool) -> bytes:
        return super().transform_chunk(chunk, finishing).upper()


class Signing:
    """Not derived from anything of ours, as Tornado allows."""

    def __init__(self, request: HTTPServerRequest) -> None:
        pass

    def transform_first_chunk(
        self, status: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        headers["Content-Length"] = str(len(chunk) + 1)
        return 203, headers, chunk + b"!"

    def transform_chunk(self, chunk: bytes, finishing: bool) -> bytes:
        return chunk


def test_transforms_of_an_application() -> None:
    app = Application(
        [("/.*", doing(lambda self: self.write("hi")))], transforms=[Shouting, Signing]
    )
    response = Client(app).get("/x")
    assert (response.status, response.body) == (203, b"HI!")
    assert response.headers["X-Path"] == "/x"


def test_streams_are_transformed() -> None:
    async def action(self: RequestHandler) -> None:
        for piece in ("a", "b", "c"):
            self.write(piece)
            await self.flush()

    app = Application([("/", doing(action))])
    app.add_transform(Shouting)
    assert Client(app).get("/").body == b"ABC"


def test_an_own_kind_of_compression_is_the_only_one() -> None:
    class Eager(GZipContentEncoding):
        MIN_LENGTH = 5

    app = Application(
        [("/", doing(lambda self: self.write("a" * 100)))],
        None,
        [Shouting, Eager],
        compress_response=True,
    )
    assert app.transforms == [Shouting, Eager]
    assert gzip.decompress(asked(Client(app)).body) == b"A" * 100
    assert Application([], None, [Shouting], gzip=True).transforms == [
        Shouting,
        GZipContentEncoding,
    ]


# --- codings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", ["compress_response", "gzip"])
@pytest.mark.parametrize(
    ("field", "coding"),
    [
        ("gzip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0.5, br", "br"),
        ("*", "zstd"),
    ],
)
def test_codings(setting: str, field: str, coding: str) -> None:
    response = asked(client_of(doing(text), **{setting: True}), field)
    assert response.headers["Content-Encoding"] == coding
    assert response.headers["Content-Length"] == str(len(response.body))
    assert response.headers["Vary"] == "Accept-Encoding"
    assert READERS[coding](response.body) == TEXT
    assert len(response.body) < len(TEXT) / 10


@pytest.mark.parametrize("field", ["", "deflate", "gzip;q=0", "identity", "identity, gzip;q=0.1"])
def test_no_coding(field: str) -> None:
    response = asked(compressing(), field)
    assert response.body == TEXT
    assert "Content-Encoding" not in response.headers
    assert response.headers["Vary"] == "Accept-Encoding"
    assert response.headers["Etag"].startswith('"')


def test_not_asked_for_not_compressed() -> None:
    response = asked(client_of(doing(text)))
    assert response.body == TEXT
    assert "Vary" not in response.headers


def test_codings_of_an_application() -> None:
    client = compressing(compress_codings=["gzip", "br"])
    assert asked(client, "gzip, br, zstd").headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in asked(client, "zstd").headers


@pytest.mark.parametrize(
    ("codings", "error"), [("gzip", TypeError), ([], TypeError), (["deflate"], ValueError)]
)
def test_codings_that_are_none(codings: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        Application(compress_response=True, compress_codings=codings)


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_streams_can_be_read_as_they_come(coding: str) -> None:
    reader: Any = {
        "gzip": lambda: zlib.decompressobj(16 + zlib.MAX_WBITS).decompress,
        "br": lambda: brotli.Decompressor().process,
        "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
    }[coding]()
    handlers: list[RequestHandler] = []

    class Handler(RequestHandler):
        _auto_finish = False

        def get(self) -> None:
            handlers.append(self)
            self.flush()

    pending = client_of(Handler, compress_response=True).open(
        "GET", "/", headers={"Accept-Encoding": coding}
    )
    seen = 0
    for piece in ("one", "", "two", "three"):
        handlers[0].write(piece)
        handlers[0].flush()
        coded = pending.received[seen:]
        seen = len(pending.received)
        assert (reader(coded) if coded else b"") == piece.encode()
    handlers[0].finish("end")
    response = pending.response
    assert reader(response.body[seen:]) == b"end"
    assert response.headers["Content-Encoding"] == coding
    assert "Content-Length" not in response.headers


# --- what is compressed --------------------------------------------------------------------------


def typed(content_type: str) -> Any:
    def action(self: RequestHandler) -> None:
        self.set_header("Content-Type", content_type)
        self.write(TEXT)

    return action


@pytest.mark.parametrize(
    ("content_type", "coded"),
    [
        ("text/html; charset=UTF-8", True),
        ("text/x-anything", True),
        ("TEXT/CSS", True),
        ("application/json", True),
        ("application/json ; charset=utf-8", True),
        ("application/problem+json", True),
        ("application/javascript", True),
        ("image/svg+xml", True),
        ("image/png", False),
        ("text/event-stream", False),
        ("application/zip", False),
        ("application/octet-stream", False),
    ],
)
def test_types(content_type: str, coded: bool) -> None:
    assert ("Content-Encoding" in asked(compressing(typed(content_type))).headers) is coded


def test_no_type() -> None:
    def action(self: RequestHandler) -> None:
        self.clear_header("Content-Type")
        self.write(TEXT)

    assert asked(compressing(action)).body == TEXT


@pytest.mark.parametrize(("length", "coded"), [(0, False), (1023, False), (1024, True)])
def test_lengths(length: int, coded: bool) -> None:
    assert GZipContentEncoding.MIN_LENGTH == 1024
    response = asked(compressing(lambda self: self.write("x" * length)))
    assert ("Content-Encoding" in response.headers) is coded


def test_what_does_not_get_smaller_stays() -> None:
    class Weak(GZipContentEncoding):
        MIN_LENGTH = 1
        GZIP_LEVEL = 1

    client = Client(Application([("/", doing(lambda self: self.write("abc")))], None, [Weak]))
    assert asked(client).body == b"abc"
    # Unless the client takes nothing else.
    only = asked(client, "gzip, identity;q=0")
    assert (only.headers["Content-Encoding"], gzip.decompress(only.body)) == ("gzip", b"abc")


def test_a_client_that_refuses_the_original() -> None:
    for field in ("identity;q=0, gzip", "gzip, *;q=0"):
        short = asked(compressing(lambda self: self.write("short")), field)
        assert gzip.decompress(short.body) == b"short"
        assert gzip.decompress(asked(compressing(typed("image/png")), field).body) == TEXT
        assert "Content-Encoding" not in asked(compressing(lambda self: None), field).headers
    # Nobody can please everybody (RFC 9110, section 12.5.3).
    assert asked(compressing(), "identity;q=0").body == TEXT


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Encoding", "identity"),
        ("Content-Encoding", "br"),
        ("Content-Range", "bytes 0-9/10"),
        ("Cache-Control", "private, No-Transform"),
        ("Repr-Digest", "sha-256=:AAAA:"),
        ("Content-MD5", "AAAA"),
    ],
)
def test_left_as_they_are(name: str, value: str) -> None:
    def action(self: RequestHandler) -> None:
        self.set_header(name, value)
        self.write(TEXT)

    response = asked(compressing(action))
    assert response.body == TEXT
    assert response.headers[name] == value


def test_class_20_parts_stay_parts() -> None:
    def action(self: RequestHandler) -> None:
        self.set_status(206)
        self.write(TEXT)

    assert asked(compressing(action)).body == TEXT


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Accept-Language", "Accept-Language, Accept-Encoding"),
        ("Accept-Language, Cookie", "Accept-Language, Cookie, Accept-Encoding"),
        ("*", "*"),
        ("accept-encoding , Cookie", "accept-encoding , Cookie"),
    ],
)
@pytest.mark.parametrize("field", ["gzip", ""])
def test_vary(before: str, after: str, field: str) -> None:
    def action(self: RequestHandler) -> None:
        self.set_header("Vary", before)
        self.write(TEXT)

    assert asked(compressing(action), field).headers["Vary"] == after


def test_no_content() -> None:
    response = asked(compressing(lambda self: self.set_status(204)))
    assert response.status == 204
    assert not {"Content-Encoding", "Vary", "Content-Length"} & set(response.headers)


def test_errors_are_compressed_too() -> None:
    def action(self: RequestHandler) -> None:
        raise HTTPError(400)

    class Handler(doing(action)):  # type: ignore[misc]
        def write_error(self, status_code: int, **kwargs: Any) -> None:
            self.write(TEXT)

    response = asked(client_of(Handler, compress_response=True))
    assert (response.status, gzip.decompress(response.body)) == (400, TEXT)


def test_a_response_that_cannot_be_sent_and_the_error_instead() -> None:
    def action(self: RequestHandler) -> None:
        self.set_header("Content-Type", "image/png")
        self.set_header("Content-Length", "many")
        self.write(TEXT)

    class Handler(doing(action)):  # type: ignore[misc]
        def write_error(self, status_code: int, **kwargs: Any) -> None:
            self.write(TEXT)

    with recorded_log() as lines:
        response = asked(client_of(Handler, compress_response=True))
    assert (response.status, gzip.decompress(response.body)) == (500, TEXT)
    assert "must be a number of bytes" in problems(lines)[0]


def test_a_wrong_length_is_made_right() -> None:
    def action(self: RequestHandler) -> None:
        self.set_header("Content-Length", 5000)
        self.write(TEXT)

    response = asked(compressing(action))
    assert response.headers["Content-Length"] == str(len(response.body))
    assert gzip.decompress(response.body) == TEXT


@pytest.mark.parametrize(("length", "coded"), [(4400, True), (100, False)])
def test_streams_of_a_known_length(length: int, coded: bool) -> None:
    async def action(self: RequestHandler) -> None:
        self.set_header("Content-Length", length)
        self.write(TEXT[: length // 2])
        await self.flush()
        self.write(TEXT[length // 2 : length])

    response = asked(compressing(action))
    assert ("Content-Encoding" in response.headers) is coded
    assert ("Content-Length" in response.headers) is not coded
    assert (gzip.decompress(response.body) if coded else response.body) == TEXT[:length]


def test_a_stream_to_http_1_0() -> None:
    async def action(self: RequestHandler) -> None:
        self.write(TEXT)
        await self.flush()
        self.write(TEXT)

    response = compressing(action).get("/", headers={"Accept-Encoding": "br"}, version="HTTP/1.0")
    assert brotli.decompress(response.body) == TEXT + TEXT


# --- HEAD, conditional requests ------------------------------------------------------------------


def test_head_is_like_get() -> None:
    client = compressing()
    get, head = asked(client), asked(client, method="HEAD")
    assert head.body == b""
    for name in ("Content-Encoding", "Content-Length", "Vary", "Etag"):
        assert head.headers[name] == get.headers[name]


def test_head_that_writes_nothing() -> None:
    class Handler(RequestHandler):
        def head(self) -> None:
            self.set_header("Content-Length", 4000)

    client = client_of(Handler, compress_response=True)
    coded = asked(client, method="HEAD")
    assert coded.headers["Content-Encoding"] == "gzip"
    assert "Content-Length" not in coded.headers
    plain = asked(client, "", method="HEAD")
    assert plain.headers["Content-Length"] == "4000"
    assert "Content-Encoding" not in plain.headers


def test_head_of_a_stream() -> None:
    async def action(self: RequestHandler) -> None:
        self.write(TEXT)
        await self.flush()
        self.write(TEXT)

    response = asked(compressing(action), method="HEAD")
    assert (response.body, response.headers["Content-Encoding"]) == (b"", "gzip")


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_class_20_the_tag_of_a_coded_response_is_weak(coding: str) -> None:
    client = compressing()
    plain, coded = asked(client, "").headers["Etag"], asked(client, coding).headers["Etag"]
    assert coded == f"W/{plain}"
    # What was sent is what the client asks about, whatever it takes now.
    for known in (plain, coded):
        for field in (coding, ""):
            answer = asked(client, field, If_None_Match=known)
            assert (answer.status, answer.body) == (304, b"")
            assert answer.headers["Vary"] == "Accept-Encoding"
            assert answer.headers["Etag"] == (coded if field else plain)
            assert "Content-Encoding" not in answer.headers
    assert asked(client, coding, If_None_Match='"other"').status == 200
    # A strong comparison never holds for a weak tag (section 8.8.3.2).
    assert asked(client, coding, If_Match=coded).status == 412


def test_weak_tags_and_none_stay() -> None:
    def weak(self: RequestHandler) -> None:
        self.set_header("Etag", 'W/"x"')
        self.write(TEXT)

    assert asked(compressing(weak)).headers["Etag"] == 'W/"x"'

    class Tagless(doing(text)):  # type: ignore[misc]
        def compute_etag(self) -> None:
            return None

    assert "Etag" not in asked(client_of(Tagless, compress_response=True)).headers


def test_class_20_coded_responses_take_no_ranges() -> None:
    def action(self: RequestHandler) -> None:
        self.set_header("Accept-Ranges", "bytes")
        self.write(TEXT)

    assert "Accept-Ranges" not in asked(compressing(action)).headers
    assert asked(compressing(action), "").headers["Accept-Ranges"] == "bytes"


def test_class_20_static_files(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_bytes(TEXT)
    (tmp_path / "robots.txt").write_bytes(b"Disallow: /")
    app = Application(
        [("/(.*)", StaticFileHandler, {"path": str(tmp_path)})], compress_response=True
    )
    client = Client(app)
    coding = {"Accept-Encoding": "br"}
    whole = client.get("/a.css", headers=coding)
    assert brotli.decompress(whole.body) == TEXT
    assert "Accept-Ranges" not in whole.headers
    known = whole.headers["Etag"]
    assert known.startswith('W/"')
    assert client.get("/a.css", headers={**coding, "If-None-Match": known}).status == 304
    # A part is one of the original, and does not go with what was compressed.
    part = client.get("/a.css", headers={**coding, "Range": "bytes=0-9"})
    assert (part.status, part.body) == (206, TEXT[:10])
    other = client.get("/a.css", headers={**coding, "Range": "bytes=0-9", "If-Range": known})
    assert (other.status, brotli.decompress(other.body)) == (200, TEXT)
    head = client.head("/a.css", headers=coding)
    assert (head.headers["Content-Encoding"], "Content-Length" in head.headers) == ("br", False)
    # Tornado compresses this one, to more than it was.
    assert client.get("/robots.txt", headers=coding).body == b"Disallow: /"


# --- secrets -------------------------------------------------------------------------------------


def sets_a_cookie(self: RequestHandler) -> None:
    self.set_cookie("session", "x")
    self.write(TEXT)


def sets_a_cookie_by_hand(self: RequestHandler) -> None:
    self.add_header("Set-Cookie", "session=x")
    self.write(TEXT)


def is_not_to_be_stored(self: RequestHandler) -> None:
    self.set_header("Cache-Control", "private, No-Store")
    self.write(TEXT)


def has_a_bare_token(self: RequestHandler) -> None:
    self.settings["xsrf_cookie_version"] = 1
    self.write(self.xsrf_form_html())
    self.write(TEXT)


SECRETS = [sets_a_cookie, sets_a_cookie_by_hand, is_not_to_be_stored, has_a_bare_token]


@pytest.mark.parametrize("action", SECRETS)
def test_class_17_secrets_are_not_compressed(action: Any) -> None:
    """BREACH: their length would tell about them."""
    client = compressing(action)
    for _ in range(2):  # the second time the token has its cookie
        response = asked(client)
        assert response.body.endswith(TEXT)
        assert "Content-Encoding" not in response.headers


@pytest.mark.parametrize("action", SECRETS)
def test_secrets_are_compressed_when_asked(action: Any) -> None:
    response = asked(compressing(action, compress_secrets=True))
    assert gzip.decompress(response.body).endswith(TEXT)
    handler = doing(action)
    handler.compress_secrets = True
    response = asked(client_of(handler, compress_response=True))
    assert gzip.decompress(response.body).endswith(TEXT)


def test_masked_tokens_do_no_harm() -> None:
    def action(self: RequestHandler) -> None:
        self.write(self.xsrf_form_html())
        self.write(TEXT)

    client = compressing(action)
    assert "Content-Encoding" not in asked(client).headers  # this one sets the cookie
    assert asked(client).headers["Content-Encoding"] == "gzip"
