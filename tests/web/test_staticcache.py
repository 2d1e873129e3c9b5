"""Static files in memory: the same answers without reading, and no others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cyclone.httputil import format_timestamp
from cyclone.testing import Client
from cyclone.web import Application, staticcache, staticfiles
from cyclone.web.static import StaticFileHandler
from cyclone.web.staticcache import StaticCache
from cyclone.web.statichooks import HOOKS, hooks_of

TEXT = b"body { color: red }\n" * 100
MTIME = 1_000_000_000
DATE = format_timestamp(MTIME)


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Files count as unchanged for long, which the tests have just written."""
    monkeypatch.setattr(staticcache, "_SETTLED", -3600 * 10**9)
    StaticFileHandler.reset()
    yield
    StaticFileHandler.reset()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    top = tmp_path / "static"
    (top / "dir").mkdir(parents=True)
    (top / "a.css").write_bytes(TEXT)
    (top / "empty.txt").write_bytes(b"")
    (top / "dir" / "index.html").write_bytes(b"index")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    os.utime(top / "a.css", (MTIME, MTIME))
    return top


def client(
    root: Path, handler: type[StaticFileHandler] = StaticFileHandler, **settings: Any
) -> Client:
    arguments = {"path": str(root), **settings.pop("arguments", {})}
    return Client(Application([(r"/static/(.*)", handler, arguments)], **settings))


def cache_of(files: Client) -> StaticCache:
    cache: StaticCache = files.app.static_cache
    return cache


class Opened:
    """Counts the files that are opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self._open = os.open
        monkeypatch.setattr("cyclone.web.staticfiles.os.open", self)

    def __call__(self, *args: Any) -> int:
        self.count += 1
        return self._open(*args)


# --- the same answers ----------------------------------------------------------------------------


def test_what_was_asked_for_is_not_opened_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = client(root)
    assert files.get("/static/a.css").body == TEXT
    opened = Opened(monkeypatch)
    assert files.get("/static/a.css").body == TEXT
    assert files.get("/static/a.css", headers={"Range": "bytes=5-9"}).body == TEXT[5:10]
    assert files.head("/static/a.css").headers["Content-Length"] == str(len(TEXT))
    assert opened.count == 0


REQUESTS: list[dict[str, str]] = [
    {},
    {"Range": "bytes=0-3"},
    {"Range": "bytes=-4"},
    {"Range": "bytes=0-3,10-11"},
    {"Range": "bytes=100000-"},
    {"Range": "bytes=0-3", "If-Range": "ETAG"},
    {"Range": "bytes=0-3", "If-Range": "W/ETAG"},
    {"Range": "bytes=0-3", "If-Range": DATE},
    {"Range": "bytes=0-3", "If-Range": '"x"'},
    {"If-None-Match": "ETAG"},
    {"If-None-Match": "W/ETAG"},
    {"If-None-Match": "*"},
    {"If-None-Match": '"x"'},
    {"If-Modified-Since": DATE},
    {"If-Modified-Since": format_timestamp(MTIME - 1)},
    {"If-Match": "ETAG"},
    {"If-Match": '"x"'},
    {"If-Unmodified-Since": format_timestamp(MTIME - 1)},
    {"Connection": "close"},
    {"Accept-Encoding": "br, gzip"},
]


class Labelled(StaticFileHandler):
    def set_default_headers(self) -> None:
        self.set_header("Server", "other")
        self.set_header("X-Frame-Options", "DENY")

    def set_extra_headers(self, path: str) -> None:
        self.set_header("X-Path", path)
        self.set_header("X-Absolute", os.path.basename(str(self.absolute_path)))
        self.set_header("X-Modified", str(self.modified))
        self.set_cookie("seen", "1")

    def get_cache_time(self, path: str, modified: Any, mime_type: str | None) -> int:
        return 60 if mime_type == "text/css" and modified is not None else 0


class Extra(StaticFileHandler):
    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", "no-cache")


class OwnTag(StaticFileHandler):
    def set_extra_headers(self, path: str) -> None:
        self.set_header("Etag", '"own"')


class Precompressed(StaticFileHandler):
    precompressed = True


class Shouting:
    """A transform."""

    def __init__(self, request: Any) -> None:
        pass

    def transform_first_chunk(self, status: int, headers: Any, chunk: bytes, end: bool) -> Any:
        return status, headers, chunk.upper()

    def transform_chunk(self, chunk: bytes, end: bool) -> bytes:
        return chunk.upper()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("handler", [StaticFileHandler, Labelled, Extra, OwnTag, Precompressed])
@pytest.mark.parametrize("path", ["a.css", "a.css?v=1", "empty.txt"])
@pytest.mark.parametrize("transforms", [[], [Shouting]])
def test_class_20_the_answers_are_those_without_a_cache(
    root: Path, handler: type[StaticFileHandler], path: str, method: str, transforms: Any
) -> None:
    arguments = {"path": str(root)}
    routes = [(r"/static/(.*)", handler, arguments)]
    plain = Client(Application(routes, transforms=transforms, static_cache_size=0))
    cached = Client(Application(routes, transforms=transforms))
    etag = plain.get(f"/static/{path}").headers["Etag"]
    for request in REQUESTS:
        headers = {name: value.replace("ETAG", etag) for name, value in request.items()}
        answers = []
        for files in (plain, cached, cached, cached):
            answer = files.request(method, f"/static/{path}", headers=headers)
            fields = sorted(answer.headers.get_all())
            body = answer.body
            boundary = answer.headers.get("Content-Type", "").partition("boundary=")[2]
            if boundary:
                for spelling in (boundary, boundary.upper()):
                    body = body.replace(spelling.encode(), b"-")
                fields = [(name, value.replace(boundary, "-")) for name, value in fields]
            fields = [field for field in fields if field[0] not in ("Date", "Expires")]
            answers.append((answer.status, fields, body))
        assert answers[0] == answers[1] == answers[2] == answers[3], request
    assert len(cache_of(cached)) > 0
    assert len(cache_of(plain)) == 0


def test_http_1_0_and_pipelines(root: Path) -> None:
    files = client(root)
    files.get("/static/a.css")
    connection = files.connect()
    connection.send(b"GET /static/a.css HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
    assert [bytes(one.body) for one in connection.responses("GET", "GET", "GET")] == [TEXT] * 3
    old = files.connect()
    old.send(b"GET /static/a.css HTTP/1.0\r\n\r\n")
    assert old.closed
    assert old.received.endswith(b"\r\n\r\n" + TEXT)


def test_directories(root: Path) -> None:
    files = client(root, arguments={"default_filename": "index.html"})
    for _ in range(3):
        assert files.get("/static/dir/").body == b"index"
        assert files.get("/static/dir").headers["Location"] == "/static/dir/"
    assert len(cache_of(files)) == 1
    (root / "dir" / "index.html").unlink()
    assert files.get("/static/dir/").status == 404


def test_a_body_for_head_of_another_name(root: Path) -> None:
    """`get` may be called by a method of the application."""

    class Posting(StaticFileHandler):
        def post(self, path: str) -> Any:
            return self.get(path)

        async def put(self, path: str) -> None:
            await self.get(path)

    files = client(root, Posting)
    for method in ("POST", "PUT") * 2:
        answer = files.request(method, "/static/a.css")
        assert (answer.status, answer.body) == (200, TEXT)


def test_a_status_that_was_set_before(root: Path) -> None:
    class Maintenance(StaticFileHandler):
        def prepare(self) -> None:
            self.set_header("Retry-After", "60")
            self.set_status(503)

    files = client(root, Maintenance)
    for _ in range(3):
        answer = files.get("/static/a.css")
        assert (answer.status, answer.body) == (503, TEXT)
        assert answer.headers["Retry-After"] == "60"


# --- changes -------------------------------------------------------------------------------------


def same_size(root: Path) -> None:
    with (root / "a.css").open("r+b") as file:
        file.write(b"BODY")
    os.utime(root / "a.css", (MTIME, MTIME))


def other_size(root: Path) -> None:
    (root / "a.css").write_bytes(b"new")


def renamed(root: Path) -> None:
    (root / "new").write_bytes(b"BODY" + TEXT[4:])
    os.utime(root / "new", (MTIME, MTIME))
    os.replace(root / "new", root / "a.css")


def gone(root: Path) -> None:
    (root / "a.css").unlink()


def directory(root: Path) -> None:
    gone(root)
    (root / "a.css").mkdir()


def link_out(root: Path) -> None:
    gone(root)
    (root / "a.css").symlink_to(root.parent / "secret.txt")


def moved_out(root: Path) -> None:
    """The same file, but where it must not be taken from."""
    os.rename(root / "a.css", root.parent / "a.css")
    (root / "a.css").symlink_to(root.parent / "a.css")


def link_in(root: Path) -> None:
    gone(root)
    (root / "a.css").symlink_to(root / "dir" / "index.html")


CHANGES: list[tuple[Callable[[Path], None], int, bytes]] = [
    (same_size, 200, b"BODY" + TEXT[4:]),
    (other_size, 200, b"new"),
    (renamed, 200, b"BODY" + TEXT[4:]),
    (gone, 404, b""),
    (directory, 403, b""),
    (link_out, 403, b""),
    (moved_out, 403, b""),
    (link_in, 200, b"index"),
]


@pytest.mark.parametrize(("change", "status", "body"), CHANGES)
def test_class_8_a_change_shows_with_the_next_request(
    root: Path, change: Callable[[Path], None], status: int, body: bytes
) -> None:
    files = client(root)
    old = files.get("/static/a.css")
    assert files.get("/static/a.css").body == TEXT
    change(root)
    answer = files.get("/static/a.css")
    assert answer.status == status
    if status == 200:
        assert answer.body == body
        assert answer.headers["Etag"] != old.headers["Etag"]
        part = {"Range": "bytes=0-1", "If-Range": old.headers["Etag"]}
        assert files.get("/static/a.css", headers=part).status == 200  # class 20
    else:
        assert len(cache_of(files)) == 0


def test_class_8_links_on_the_way_are_followed_anew_after_seconds(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = client(root)
    assert files.get("/static/dir/index.html").body == b"index"
    os.rename(root / "dir", root.parent / "dir")
    (root / "dir").symlink_to(root.parent / "dir")  # the file is the very same
    now = staticcache.time.monotonic() + 6
    monkeypatch.setattr(staticcache.time, "monotonic", lambda: now)
    assert files.get("/static/dir/index.html").status == 403


def test_what_is_the_same_after_seconds_is_not_read_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = client(root)
    files.get("/static/a.css")
    opened = Opened(monkeypatch)
    now = staticcache.time.monotonic() + 6
    monkeypatch.setattr(staticcache.time, "monotonic", lambda: now)
    for _ in range(2):
        assert files.get("/static/a.css").body == TEXT
    assert opened.count == 0


def test_what_has_changed_a_moment_ago_is_not_kept(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second change within the granularity of the times would not show."""
    monkeypatch.setattr(staticcache, "_SETTLED", 2 * 10**9)
    files = client(root)
    assert files.get("/static/a.css").body == TEXT
    assert len(cache_of(files)) == 0


def test_a_file_that_changes_while_it_is_read_is_not_kept(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(root / "a.css")
    expected = staticfiles.identity(path)
    assert expected is not None
    assert staticfiles.read_unchanged(path, expected) == TEXT
    assert staticfiles.read_unchanged(str(root / "dir" / "index.html"), expected) is None
    assert staticfiles.read_unchanged(str(root / "missing"), expected) is None
    read = os.read

    def growing(descriptor: int, size: int) -> bytes:
        with (root / "a.css").open("ab") as file:
            file.write(b"more")
        return read(descriptor, size)

    monkeypatch.setattr("cyclone.web.staticfiles.os.read", growing)
    assert staticfiles.read_unchanged(path, expected) is None

    def failing(descriptor: int, size: int) -> bytes:
        raise OSError

    expected = staticfiles.identity(path)
    assert expected is not None
    monkeypatch.setattr("cyclone.web.staticfiles.os.read", failing)
    assert staticfiles.read_unchanged(path, expected) is None


def test_reset_forgets(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = client(root)
    files.get("/static/a.css")
    StaticFileHandler.reset()
    opened = Opened(monkeypatch)
    files.get("/static/a.css")
    assert opened.count > 0


def test_classes_routes_and_roots_are_kept_apart(root: Path) -> None:
    class Other(StaticFileHandler):
        pass

    (root / "dir" / "a.css").write_bytes(b"another")
    routes: list[Any] = [
        (r"/one/(.*)", StaticFileHandler, {"path": str(root)}),
        (r"/two/(.*)", StaticFileHandler, {"path": str(root / "dir")}),
        (r"/three/(.*)", Other, {"path": str(root)}),
        (
            r"/four/(.*)",
            StaticFileHandler,
            {"path": str(root), "allowed_symlink_directory": [str(root), str(root.parent)]},
        ),
    ]
    files = Client(Application(routes))
    for _ in range(2):
        assert files.get("/one/a.css").body == TEXT
        assert files.get("/two/a.css").body == b"another"
        assert files.get("/three/a.css").body == TEXT
        assert files.get("/four/a.css").body == TEXT
    assert len(cache_of(files)) == 4


# --- limits --------------------------------------------------------------------------------------


def test_class_4_the_cache_is_bounded(root: Path) -> None:
    files = client(root, static_cache_size=10_000)
    cache = cache_of(files)
    for number in range(20):
        (root / f"{number}.txt").write_bytes(b"x" * 1000)
        files.get("/static/0.txt")  # in use, so it stays
        files.get(f"/static/{number}.txt")
        assert cache.size <= 10_000
    kept = [key[2] for key in cache._entries]  # type: ignore[index]
    assert kept == ["18.txt", "0.txt", "19.txt"]


def test_class_4_files_without_content_count_too(root: Path) -> None:
    files = client(root, static_cache_size=10_000)
    for number in range(20):
        (root / f"{number}.txt").write_bytes(b"")
        files.get(f"/static/{number}.txt")
    assert len(cache_of(files)) == 4


@pytest.mark.parametrize("path", ["./a.css", "dir/../a.css", ".//a.css", "dir/.././a.css"])
def test_class_4_other_spellings_are_not_kept(root: Path, path: str) -> None:
    files = client(root)
    connection = files.connect()
    connection.send(f"GET /static/{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert connection.received.endswith(TEXT)
    assert len(cache_of(files)) == 0


@pytest.mark.parametrize("size", [len(TEXT) - 1, len(TEXT)])
def test_class_4_large_files_are_not_kept(root: Path, size: int) -> None:
    files = client(root, static_cache_max_file_size=size)
    assert files.get("/static/a.css").body == TEXT
    assert len(cache_of(files)) == (size == len(TEXT))


def test_class_4_what_is_larger_than_everything_is_not_kept(root: Path) -> None:
    files = client(root, static_cache_size=len(TEXT))
    assert files.get("/static/a.css").body == TEXT
    assert (len(cache_of(files)), cache_of(files).size) == (0, 0)


@pytest.mark.parametrize("name", ["static_cache_size", "static_cache_max_file_size"])
def test_the_cache_can_be_turned_off(root: Path, name: str) -> None:
    for value in (0, None):
        files = client(root, **{name: value})
        for path in ("a.css", "empty.txt"):
            assert files.get(f"/static/{path}").status == 200
        assert len(cache_of(files)) == 0


@pytest.mark.parametrize("value", [-1, 1.5, "1M", True])
def test_wrong_limits_are_refused(value: Any) -> None:
    for name in ("static_cache_size", "static_cache_max_file_size"):
        with pytest.raises(ValueError, match=f"{name} must be a whole number of bytes"):
            Application([], **{name: value})


def test_files_that_are_tagged_without_reading(root: Path) -> None:
    class Small(StaticFileHandler):
        MAX_ETAG_CONTENT_SIZE = 10

    files = client(root, Small)
    tags = {files.get("/static/a.css").headers["Etag"] for _ in range(3)}
    assert len(tags) == 1
    assert "-" in tags.pop()
    assert len(cache_of(files)) == 1


# --- subclasses ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_overridden_methods_have_their_say(root: Path, name: str) -> None:
    calls: list[str] = []
    original = StaticFileHandler.__dict__.get(name) or getattr(StaticFileHandler, name)

    def hook(self: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        function: Any = getattr(original, "__func__", original)
        return function(self, *args, **kwargs)

    own: Any = classmethod(hook) if hasattr(getattr(StaticFileHandler, name), "__self__") else hook
    files = client(root, type("Own", (StaticFileHandler,), {name: own}))
    counts = []
    for _ in range(3):
        calls.clear()
        files.get("/static/a.css")
        files.head("/static/a.css")
        files.get("/static/a.css", headers={"If-None-Match": "*"})
        counts.append(len(calls))
    if name == "get_content_version":  # the version is remembered, as it always was
        assert counts == [1, 0, 0]
    else:
        assert counts[0] >= counts[1] == counts[2]
        assert counts[1] > 0 or name == "flush"
    assert len(cache_of(files)) == 0


def test_class_methods_may_become_plain_functions(root: Path) -> None:
    class Static(StaticFileHandler):
        @staticmethod
        def get_absolute_path(root: str, path: str) -> str:  # type: ignore[override]
            return os.path.join(root, "dir", path)

    assert hooks_of(Static) is None
    files = client(root, Static)
    for _ in range(2):
        assert files.get("/static/index.html").body == b"index"
    assert len(cache_of(files)) == 0


def test_methods_replaced_in_the_class_or_an_instance(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Instance(StaticFileHandler):
        def prepare(self) -> None:
            if "own" in self.request.arguments:
                self.get_content_type = lambda: "text/own"  # type: ignore[method-assign]

    files = client(root, Instance)
    for _ in range(2):
        assert files.get("/static/a.css").headers["Content-Type"] == "text/css"
        assert files.get("/static/a.css?own=1").headers["Content-Type"] == "text/own"
    monkeypatch.setattr(StaticFileHandler, "get_content_type", lambda self: "text/late")
    assert files.get("/static/a.css").headers["Content-Type"] == "text/late"


def test_other_urls_for_the_same_files(root: Path) -> None:
    class Parsed(StaticFileHandler):
        def parse_url_path(self, url_path: str) -> str:
            return url_path.rpartition("/")[2]

    files = client(root, Parsed)
    for version in range(3):
        assert files.get(f"/static/{version}/a.css").body == TEXT
    assert len(cache_of(files)) == 1
