"""Whole request bodies: collected, limited, kept on disk, decompressed."""

from __future__ import annotations

import gc
import gzip
import os
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone import httputil
from cyclone.testing import Client
from cyclone.web import Application, ErrorHandler, RequestHandler

from .support import Noting, Stage, client_of, problems, recorded_log

KIB = 1024


class Body(Noting):
    """Answers with the size of the body, or with all of it."""

    def post(self) -> None:
        body = self.request.body
        self.notes.append(len(body))
        self.write(body if len(body) < 100 else str(len(body)))

    put = patch = delete = get = post


# --- collected -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("body", [b"", b"hello", [b"hel", b"lo"], [b"x"] * 50])
def test_bodies(method: str, body: Any) -> None:
    stage = Stage(Body)
    response = stage.client.request(method, "/", body=body)
    assert response.body == b"".join(body if isinstance(body, list) else [body])
    assert stage.notes[:2] == ["initialize", "prepare"]


def test_the_handler_is_made_when_the_body_is_there() -> None:
    stage = Stage(Body)
    pending = stage.client.open("POST", "/", headers={"Content-Length": "5"})
    pending.send(b"hell")
    assert stage.notes == []
    pending.send(b"o")
    assert pending.response.body == b"hello"


# --- limits --------------------------------------------------------------------------------------


class Small(Body):
    """Takes ten bytes."""

    max_body_size = 10


class Large(Body):
    """Takes more than the server."""

    max_body_size = 1000


class Nothing(Body):
    """Takes no body at all."""

    max_body_size = 0


LIMITS = [
    # handler, size, status
    (Body, 100, 200),
    (Body, 101, 413),
    (Small, 10, 200),
    (Small, 11, 413),
    (Large, 1000, 200),
    (Large, 1001, 413),
    (Nothing, 0, 200),
    (Nothing, 1, 413),
]


@pytest.mark.parametrize(("handler", "size", "status"), LIMITS)
@pytest.mark.parametrize("chunked", [False, True])
def test_max_body_size(handler: type[Noting], size: int, status: int, chunked: bool) -> None:
    stage = Stage(handler, max_body_size=100)
    body = b"x" * size
    response = stage.client.post("/", body=[body[:5], body[5:]] if chunked else body)
    assert response.status == status
    assert response.closed is (status == 413)
    assert stage.notes[:1] == (["initialize"] if status == 200 else [])


def test_a_body_that_is_too_large_is_refused_at_its_head() -> None:
    stage = Stage(Body, max_body_size=100)
    pending = stage.client.open("POST", "/", headers={"Content-Length": "101"})
    assert pending.response.status == 413
    assert b"larger than this server accepts" in pending.response.body


@pytest.mark.parametrize(
    ("handler", "size", "informational", "status"),
    [(Body, 5, [100], 200), (Small, 11, [], 413)],
)
def test_the_expected_100(
    handler: type[Noting], size: int, informational: list[int], status: int
) -> None:
    stage = Stage(handler)
    fields = {"Content-Length": str(size), "Expect": "100-continue"}
    pending = stage.client.open("POST", "/", headers=fields)
    assert pending.informational == informational
    if status == 200:
        pending.send(b"x" * size)
    assert pending.response.status == status


# --- bodies that nobody looks at -----------------------------------------------------------------


class OnlyGet(RequestHandler):
    """Has no method that takes a body."""

    def get(self) -> None:
        self.write("got")


class OnlyGetByName(OnlyGet):
    """Supports nothing else."""

    SUPPORTED_METHODS = ("GET",)


class Anything(RequestHandler):
    """Answers every method."""

    def default(self) -> None:
        self.write(f"{self.request.method} {len(self.request.body)}")


class Prepared(RequestHandler):
    """Answers in `prepare`, whatever the method, as handlers that pass requests on do."""

    def prepare(self) -> None:
        self.finish(f"{self.request.method} {len(self.request.body)}")


class Gone(ErrorHandler):
    """Has a page of its own."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.write("gone")


UNWANTED = [
    # path, status
    ("/nowhere", 404),
    ("/only-get", 405),
    ("/by-name", 405),
    ("/gone", 410),
]
ROUTES: list[tuple[Any, ...]] = [
    ("/only-get", OnlyGet),
    ("/by-name", OnlyGetByName),
    ("/gone", Gone, {"status_code": 410}),
    ("/anything", Anything),
    ("/prepared", Prepared),
]


@pytest.mark.parametrize(("path", "status"), UNWANTED)
def test_a_small_body_is_read_over(path: str, status: int) -> None:
    client = Client(Application(ROUTES))
    response = client.post(path, body=b"x" * 64 * KIB)
    assert (response.status, response.closed) == (status, False)
    assert client.get("/only-get").body == b"got"


@pytest.mark.parametrize(("path", "status"), UNWANTED)
@pytest.mark.parametrize(
    "fields",
    [
        {"Content-Length": str(64 * KIB + 1)},
        {"Content-Length": "5", "Expect": "100-continue"},
        {"Transfer-Encoding": "chunked"},
    ],
    ids=["large", "expected", "chunked"],
)
def test_a_large_body_is_not_waited_for(path: str, status: int, fields: dict[str, str]) -> None:
    pending = Client(Application(ROUTES)).open("POST", path, headers=fields)
    response = pending.response
    assert (response.status, response.informational, response.closed) == (status, [], True)


@pytest.mark.parametrize("path", ["/anything", "/prepared"])
def test_who_answers_every_method_gets_the_body(path: str) -> None:
    client = Client(Application(ROUTES))
    assert client.post(path, body=b"x" * 100 * KIB).text == f"POST {100 * KIB}"
    assert client.post(path, body=iter([b"x" * 5])).text == "POST 5"
    fields = {"Content-Length": "5", "Expect": "100-continue"}
    assert client.open("POST", path, headers=fields).informational == [100]


def test_an_error_handler_of_the_application_gets_the_body() -> None:
    client = Client(Application(ROUTES, error_handler=Anything))
    assert client.post("/nowhere", body=b"x" * 100 * KIB).text == f"POST {100 * KIB}"


# --- on disk -------------------------------------------------------------------------------------


def open_files() -> set[str]:
    """What this process has open."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{number} {os.readlink(f'/proc/self/fd/{number}')}")
        except FileNotFoundError:
            continue
    return found


class Spooled(Noting):
    """Looks at the body in every way."""

    def post(self) -> None:
        buffer = self.request.body_buffer
        self.notes.append(buffer is not None and buffer.spooled)
        self.write(str(len(self.request.body)))


@pytest.mark.parametrize(("size", "spooled"), [(1000, False), (1001, True), (100_000, True)])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_kept_on_disk(size: int, spooled: bool, chunked: bool) -> None:
    stage = Stage(Spooled, max_memory_file_size=1000)
    before = open_files()
    body = b"x" * size
    response = stage.client.post("/", body=[body[:7], body[7:]] if chunked else body)
    assert response.text == str(size)
    assert stage.notes == ["initialize", "prepare", spooled, "on_finish"]
    assert open_files() == before


@pytest.mark.parametrize("how", ["lost", "refused", "late"])
def test_files_are_closed_when_the_body_does_not_come(how: str) -> None:
    before = open_files()
    stage = Stage(Spooled, max_memory_file_size=10, body_timeout=5, body_min_rate=0)
    pending = stage.client.open("POST", "/", headers={"Transfer-Encoding": "chunked"})
    pending.send_chunk(b"x" * 1000)
    assert open_files() != before
    if how == "lost":
        pending.disconnect()
    elif how == "refused":
        pending.send(b"zz\r\n")
    else:
        pending.connection.advance(6)
    assert open_files() == before
    assert stage.notes == []


@pytest.mark.parametrize("how", ["raises", "waits", "leaves", "detaches"])
def test_files_are_closed_however_the_request_ends(how: str) -> None:
    class Handler(Noting):
        async def post(self) -> None:
            if how == "raises":
                raise ZeroDivisionError
            if how == "detaches":
                self.detach()
                return
            await self.gate
            assert self.request.body == b"x" * 1000

    before = open_files()
    stage = Stage(Handler, max_memory_file_size=10)
    with recorded_log():
        pending = stage.client.open("POST", "/", body=b"x" * 1000)
        if how == "leaves":
            pending.disconnect()
        stage.open_gate()
    assert stage.notes == ["initialize", "prepare", "on_finish"]
    assert open_files() == before


def test_a_disk_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    def append(self: Any, chunk: bytes) -> None:
        raise OSError("no space left on device")

    for settings in ({"max_memory_file_size": 1}, {"decompress_request": True}):
        stage = Stage(Body, **settings)
        connection = stage.client.connect()
        with recorded_log() as lines, monkeypatch.context() as patch:
            patch.setattr(httputil.BodyBuffer, "append", append)
            body = gzip.compress(b"hello")
            connection.send(
                b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body) + body
            )
        assert connection.closed
        assert b" 200 " not in connection.received
        assert stage.notes == []
        assert "no space left" in "\n".join(problems(lines))


class Upload(Noting):
    """The README's upload."""

    def post(self) -> None:
        photo = self.request.files["photo"][0]
        assert photo is self.request.files["photo"][0]
        assert photo["body"] == photo.body
        assert (photo["filename"], photo["content_type"]) == (photo.filename, photo.content_type)
        assert photo.file.read() == photo.body
        self.notes.append(photo)
        self.write(f"{photo.filename} {photo.content_type} {len(photo.body)} ")
        self.write(self.get_argument("title"))


@pytest.mark.parametrize("size", [0, 10, 1000, 200_000])
def test_uploads(size: int, tmp_path: Path) -> None:
    class Handler(Upload):
        def post(self) -> None:
            super().post()
            self.request.files["photo"][0].save(tmp_path / "saved")

    before = open_files()
    stage = Stage(Handler, max_memory_file_size=500)
    content = os.urandom(size)
    files = {"photo": ("a b.png", content, "image/png")}
    response = stage.client.post("/", form={"title": "Sunset"}, files=files)
    assert response.text == f"a b.png image/png {size} Sunset"
    assert (tmp_path / "saved").read_bytes() == content
    assert open_files() == before


def test_a_file_can_be_kept_by_copying_it() -> None:
    kept: list[bytes] = []

    class Handler(Noting):
        def post(self) -> None:
            kept.append(self.request.files["f"][0].body)

    stage = Stage(Handler, max_memory_file_size=10)
    stage.client.post("/", files={"f": b"x" * 1000})
    assert kept == [b"x" * 1000]


def test_nothing_is_left_for_the_garbage_collector() -> None:
    """A file that is freed unclosed warns, and warnings are errors here."""
    stage = Stage(Upload, max_memory_file_size=10)
    stage.client.post("/", form={"title": "x"}, files={"photo": b"x" * 1000})
    stage.notes.clear()
    gc.collect()


# --- compressed ----------------------------------------------------------------------------------

TEXT = b"hello, world. " * 100
GZIP = {"Content-Encoding": "gzip"}


class Decoded(Body):
    """Tells how the body came, too."""

    def post(self) -> None:
        headers = self.request.headers
        self.set_header("X-Coding", headers.get("Content-Encoding", "none"))
        self.set_header("X-Was", headers.get("X-Consumed-Content-Encoding", "none"))
        self.write(self.request.body)


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip"])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("chunk_size", [1, 100, 65536])
def test_a_compressed_body(coding: str, chunked: bool, chunk_size: int) -> None:
    stage = Stage(Decoded, decompress_request=True, chunk_size=chunk_size)
    data = gzip.compress(TEXT)
    body: Any = [data[i : i + 3] for i in range(0, len(data), 3)] if chunked else data
    response = stage.client.post("/", body=body, headers={"Content-Encoding": coding})
    assert response.body == TEXT
    assert response.headers["X-Coding"] == "none"
    assert response.headers["X-Was"] == coding


@pytest.mark.parametrize(
    ("settings", "coding", "was"),
    [
        ({}, "gzip", "none"),
        ({"decompress_request": False}, "gzip", "none"),
        ({"decompress_request": True}, "br", "none"),
        ({"decompress_request": True}, "gzip, gzip", "none"),
        ({"decompress_request": True}, "identity", "none"),
    ],
)
def test_bodies_that_stay_as_they_are(settings: dict[str, Any], coding: str, was: str) -> None:
    stage = Stage(Decoded, **settings)
    data = gzip.compress(TEXT)
    response = stage.client.post("/", body=data, headers={"Content-Encoding": coding})
    assert response.body == data
    assert (response.headers["X-Coding"], response.headers["X-Was"]) == (coding, was)


def test_a_compressed_form() -> None:
    class Handler(RequestHandler):
        def post(self) -> None:
            self.write(self.get_argument("a"))

    client = client_of(Handler, decompress_request=True)
    form = {**GZIP, "Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/", body=gzip.compress(b"a=b"), headers=form).body == b"b"
    # Without the setting it is no form that could be read.
    assert client_of(Handler).post("/", body=gzip.compress(b"a=b"), headers=form).status == 400


EMPTY = gzip.compress(b"", mtime=0)
ONE, TWO = gzip.compress(b"a", mtime=0), gzip.compress(b"b", mtime=0)
LONG = gzip.compress(TEXT, mtime=0)
MEMBERS = {
    # data, what comes of it; None: 400
    "empty member": (EMPTY, b""),
    "two members": (ONE + TWO, b"ab"),
    "empty members between": (ONE + EMPTY + TWO + EMPTY, b"ab"),
    "stored": (gzip.compress(b"x" * 100, compresslevel=0, mtime=0), b"x" * 100),
    "not gzip": (b"not gzip", None),
    "text": (TEXT, None),
    "zlib": (zlib.compress(b"a"), None),
    "last byte missing": (LONG[:-1], None),
    "header alone": (LONG[:10], None),
    "one byte": (LONG[:1], None),
    "garbage behind": (ONE + b"garbage", None),
    "the beginning of a member behind": (ONE + b"\x1f", None),
    "second member cut": (ONE + TWO[:-3], None),
    "wrong checksum": (ONE[:-8] + bytes(8), None),
    "wrong size": (ONE[:-4] + b"\xff" * 4, None),
}


@pytest.mark.parametrize(("data", "text"), MEMBERS.values(), ids=MEMBERS.keys())
@pytest.mark.parametrize("step", [1, 5, 1000])
@pytest.mark.parametrize("chunk_size", [1, 65536])
def test_members_and_ruins(data: bytes, text: bytes | None, step: int, chunk_size: int) -> None:
    stage = Stage(Decoded, decompress_request=True, chunk_size=chunk_size)
    body = [data[i : i + step] for i in range(0, len(data), step)]
    with recorded_log() as lines:
        response = stage.client.post("/", body=body, headers=GZIP)
    assert problems(lines) == []
    if text is None:
        assert (response.status, response.closed) == (400, True)
        assert stage.notes == []
    else:
        assert response.body == text


def test_no_bytes_are_no_gzip_data() -> None:
    stage = Stage(Decoded, decompress_request=True)
    assert stage.client.post("/", body=b"", headers=GZIP).status == 200  # there is no body
    assert stage.client.post("/", body=[], headers=GZIP).status == 400  # there is one, of nothing


@given(
    st.lists(st.binary(max_size=200), min_size=1, max_size=4),
    st.integers(1, 100),
    st.integers(1, 100),
)
def test_decompressing_gives_what_was_compressed(
    parts: list[bytes], step: int, chunk_size: int
) -> None:
    data = b"".join(gzip.compress(part) for part in parts)
    stage = Stage(Decoded, decompress_request=True, chunk_size=chunk_size)
    body = [data[i : i + step] for i in range(0, len(data), step)]
    assert stage.client.post("/", body=body, headers=GZIP).body == b"".join(parts)


@given(st.binary(min_size=1, max_size=300), st.integers(0, 400), st.integers(1, 255))
def test_a_damaged_body_is_refused_or_whole(text: bytes, position: int, change: int) -> None:
    data = bytearray(gzip.compress(text))
    data[position % len(data)] ^= change
    stage = Stage(Decoded, decompress_request=True)
    response = stage.client.post("/", body=bytes(data), headers=GZIP)
    if response.status == 200:  # the damage was in the time, or in the name of the system
        assert response.body == gzip.decompress(data) == text
    else:
        assert response.status == 400


@pytest.mark.parametrize(("size", "status"), [(5000, 200), (5001, 413), (50 << 20, 413)])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_bomb_is_refused(size: int, status: int, chunked: bool) -> None:
    stage = Stage(Body, decompress_request=True, max_body_size=5000)
    data = gzip.compress(bytes(size))[: 40 << 10]
    data = data if size < 1 << 20 else data[:5000]
    body: Any = [data[:1000], data[1000:]] if chunked else data
    response = stage.client.post("/", body=body, headers=GZIP)
    assert response.status == status
    assert stage.notes == (["initialize", "prepare", size, "on_finish"] if status == 200 else [])


def test_a_bomb_of_many_members_is_refused() -> None:
    stage = Stage(Body, decompress_request=True, max_body_size=100_000)
    data = gzip.compress(bytes(10_000)) * 11
    assert stage.client.post("/", body=data, headers=GZIP).status == 413


@pytest.mark.parametrize(("count", "status"), [(500, 200), (5000, 400)])
def test_members_are_counted(count: int, status: int) -> None:
    """Each costs time, also when nothing comes of it."""
    stage = Stage(Body, decompress_request=True)
    assert stage.client.post("/", body=EMPTY * count, headers=GZIP).status == status


def test_the_limit_of_a_handler_holds_for_what_comes_out() -> None:
    stage = Stage(Small, decompress_request=True, max_body_size=5000)
    assert stage.client.post("/", body=gzip.compress(b""), headers=GZIP).status == 413
    stage = Stage(Large, decompress_request=True, max_body_size=10)
    assert stage.client.post("/", body=gzip.compress(bytes(1000)), headers=GZIP).text == "1000"
    assert stage.client.post("/", body=gzip.compress(bytes(1001)), headers=GZIP).status == 413


def test_a_decompressed_body_is_kept_on_disk() -> None:
    before = open_files()
    stage = Stage(Spooled, decompress_request=True, max_memory_file_size=1000)
    response = stage.client.post("/", body=gzip.compress(bytes(100_000)), headers=GZIP)
    assert response.text == "100000"
    assert stage.notes[2] is True
    assert stage.client.post("/", body=gzip.compress(bytes(5000))[:-1], headers=GZIP).status == 400
    assert open_files() == before
