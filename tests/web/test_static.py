"""Static files: what is served, which part of it, and what is not."""

from __future__ import annotations

import datetime
import email
import hashlib
import ntpath
import os
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.httputil import format_timestamp
from cyclone.testing import Client, Response
from cyclone.web import Application, HTTPError
from cyclone.web.static import StaticFileHandler
from cyclone.web.staticfiles import below, inside, slices

ROBOTS = b"User-agent: *\nDisallow: /\n"
BIG = bytes(range(256)) * 1024  # 256 KiB, four pieces
MTIME = 1_000_000_000
DATE = format_timestamp(MTIME)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory to serve, with something to hide beside it."""
    top = tmp_path / "static"
    (top / "dir").mkdir(parents=True)
    (top / "robots.txt").write_bytes(ROBOTS)
    (top / "big.bin").write_bytes(BIG)
    (top / "empty.txt").write_bytes(b"")
    (top / "dir" / "index.html").write_bytes(b"index")
    (top / "sp ace.txt").write_bytes(b"space")
    (top / "é.txt").write_bytes(b"accent")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (tmp_path / "static2").mkdir()
    (tmp_path / "static2" / "secret.txt").write_bytes(b"secret")
    os.utime(top / "robots.txt", (MTIME, MTIME))
    return top


@pytest.fixture(autouse=True)
def no_versions() -> Iterator[None]:
    StaticFileHandler.reset()
    yield
    StaticFileHandler.reset()


def client(
    root: Path | str, handler: type[StaticFileHandler] = StaticFileHandler, **arguments: Any
) -> Client:
    arguments["path"] = str(root)
    return Client(Application([(r"/static/(.*)", handler, arguments)]))


def both(files: Client, path: str, headers: dict[str, str] | None = None) -> Response:
    """The response to GET; the one to HEAD must have the same header."""
    get = files.get(path, headers=headers)
    head = files.head(path, headers=headers)
    assert head.status == get.status
    assert head.body == b""
    for name in ("Content-Length", "Content-Range", "Etag", "Last-Modified", "Accept-Ranges"):
        if "boundary=" not in get.headers.get("Content-Type", ""):
            assert head.headers.get(name) == get.headers.get(name)
    return get


def raw(files: Client, target: str) -> tuple[int, bytes]:
    """Status and whole answer for a target that no polite client would send."""
    connection = files.connect()
    connection.send(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode("latin-1"))
    return int(connection.received[9:12]), connection.received


# --- whole files ---------------------------------------------------------------------------------

FILES = [
    ("robots.txt", ROBOTS, "text/plain"),
    ("big.bin", BIG, "application/octet-stream"),
    ("empty.txt", b"", "text/plain"),
    ("dir/index.html", b"index", "text/html"),
    ("sp%20ace.txt", b"space", "text/plain"),
    ("%C3%A9.txt", b"accent", "text/plain"),
    ("dir/../robots.txt", ROBOTS, "text/plain"),
    ("./robots.txt", ROBOTS, "text/plain"),
]


@pytest.mark.parametrize(("path", "content", "media_type"), FILES)
def test_files(root: Path, path: str, content: bytes, media_type: str) -> None:
    response = both(client(root), f"/static/{path}")
    assert (response.status, response.body) == (200, content)
    assert response.headers["Content-Type"] == media_type
    assert response.headers["Content-Length"] == str(len(content))
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Etag"] == f'"{hashlib.sha512(content).hexdigest()}"'
    assert "Expires" not in response.headers
    assert "Transfer-Encoding" not in response.headers


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.gz", "application/gzip"),
        ("a.tar.gz", "application/gzip"),
        ("a.txt.bz2", "application/octet-stream"),
        ("a.css", "text/css"),
        ("a.unknownthing", "application/octet-stream"),
        ("noextension", "application/octet-stream"),
    ],
)
def test_media_types(root: Path, name: str, media_type: str) -> None:
    (root / name).write_bytes(b"x")
    assert client(root).get(f"/static/{name}").headers["Content-Type"] == media_type


def test_modification_time(root: Path) -> None:
    assert client(root).get("/static/robots.txt").headers["Last-Modified"] == DATE


def test_versioned_urls_are_kept_for_years(root: Path) -> None:
    response = client(root).get("/static/robots.txt?v=1")
    assert response.headers["Cache-Control"] == f"max-age={86400 * 365 * 10}"
    expires = datetime.datetime.strptime(response.headers["Expires"], "%a, %d %b %Y %H:%M:%S GMT")
    assert expires.year >= 2034


def test_keep_alive_after_files(root: Path) -> None:
    connection = client(root).connect()
    request = b"GET /static/big.bin HTTP/1.1\r\nHost: x\r\n\r\n"
    connection.send(request * 3)
    assert [bytes(one.body) for one in connection.responses("GET", "GET", "GET")] == [BIG] * 3
    assert not connection.closed


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods(root: Path, method: str) -> None:
    response = client(root).request(method, "/static/robots.txt")
    assert response.status == 405
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD"}


# --- what is not served --------------------------------------------------------------------------

OUTSIDE = [
    "../secret.txt",
    "%2e%2e/secret.txt",
    "..%2fsecret.txt",
    "dir/../../secret.txt",
    "../static2/secret.txt",  # the root is a prefix of this path
    "..",
    "../",
    "//etc/passwd",
    "/etc/passwd",
    "%2Fetc%2Fpasswd",
    "a%00b",
    "robots.txt%00",
    "robots.txt%00.html",
    "%00",
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_class_8_outside_is_forbidden(root: Path, path: str) -> None:
    for files in (client(root), client(root, default_filename="index.html")):
        status, answer = raw(files, f"/static/{path}")
        assert status == 403
        assert b"secret" not in answer.partition(b"\r\n\r\n")[2]


def test_class_8_the_absolute_path_of_a_file_inside_is_forbidden_too(root: Path) -> None:
    # Its answer would tell where the root is.
    assert raw(client(root), f"/static/{root}/robots.txt")[0] == 403
    assert raw(client(root), f"/static/{quote(str(root), safe='')}%2Frobots.txt")[0] == 403


def test_the_whole_file_system_may_be_served(root: Path) -> None:
    files = Client(Application([(r"/root(.*)", StaticFileHandler, {"path": "/"})]))
    assert files.get(f"/root{root}/robots.txt").body == ROBOTS


MISSING = ["blarg", "dir/blarg", "robots.txt/x", "a" * 300, "é/" * 2, "robots.txt:stream"]


@pytest.mark.parametrize("path", MISSING)
def test_what_is_not_there(root: Path, path: str) -> None:
    assert both(client(root), f"/static/{quote(path)}").status == 404


def test_class_8_paths_that_are_no_text(root: Path) -> None:
    assert client(root).get("/static/%ff").status == 400


def test_directories_without_default_filename(root: Path) -> None:
    assert both(client(root), "/static/dir").status == 403
    assert both(client(root), "/static/dir/").status == 403
    assert both(client(root), "/static/").status == 403


def test_unreadable_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any) -> int:
        raise PermissionError

    files = client(root)
    monkeypatch.setattr("cyclone.web.staticfiles.os.open", forbidden)
    assert files.get("/static/robots.txt").status == 403


def test_files_that_vanish(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any) -> int:
        raise FileNotFoundError

    files = client(root)
    monkeypatch.setattr("cyclone.web.staticfiles.os.open", gone)
    assert files.get("/static/robots.txt").status == 404


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_class_8_what_is_no_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(root / "fifo")
    assert both(client(root), "/static/fifo").status == 403
    # It takes the place of a file after the check: opening it must not wait.
    found = os.stat(root / "robots.txt")
    monkeypatch.setattr("cyclone.web.staticfiles.os.stat", lambda *_: found)
    with pytest.raises(HTTPError, match="is not a file"):
        list(slices(str(root / "fifo"), None, None, 10))


def test_slices(root: Path) -> None:
    path = str(root / "robots.txt")
    assert list(slices(path, None, None, 20)) == [ROBOTS[:20], ROBOTS[20:]]
    assert list(slices(path, 2, 7, 2)) == [ROBOTS[2:4], ROBOTS[4:6], ROBOTS[6:7]]
    assert list(slices(path, 20, 100, 10)) == [ROBOTS[20:]]
    assert list(slices(path, 30, None, 10)) == []


# --- links ---------------------------------------------------------------------------------------


@pytest.fixture
def linked(root: Path, tmp_path: Path) -> Path:
    """The directory with links inside, outside and to nowhere."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "other.txt").write_bytes(b"other")
    (root / "in.txt").symlink_to(root / "robots.txt")
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "outdir").symlink_to(outside)
    (root / "outdir2").symlink_to(tmp_path / "static2")
    (root / "nowhere").symlink_to(tmp_path / "nowhere")
    (root / "loop").symlink_to(root / "loop")
    (root / "dir2").mkdir()
    (root / "dir2" / "index.html").symlink_to(tmp_path / "secret.txt")
    return root


LINKS = [
    ("in.txt", 200),
    ("out.txt", 403),
    ("outdir/other.txt", 403),
    ("outdir2/secret.txt", 403),
    ("dir2/", 403),
    # The same for what exists and what does not: else links would tell what there is.
    ("outdir", 403),
    ("nowhere", 403),
]


@pytest.mark.parametrize(("path", "status"), LINKS)
def test_class_8_links_out_of_the_directory_are_forbidden(
    linked: Path, path: str, status: int
) -> None:
    assert both(client(linked, default_filename="index.html"), f"/static/{path}").status == status


def test_class_8_links_in_a_circle(linked: Path) -> None:
    assert both(client(linked), "/static/loop").status in (403, 404)


def test_class_8_links_to_an_allowed_directory(linked: Path, tmp_path: Path) -> None:
    files = client(linked, allowed_symlink_directory=str(tmp_path))
    assert files.get("/static/out.txt").body == b"secret"
    assert files.get("/static/outdir/other.txt").body == b"other"
    assert raw(files, "/static/../secret.txt")[0] == 403  # as written, it is outside


def test_class_8_links_to_a_list_of_directories(linked: Path, tmp_path: Path) -> None:
    allowed = [str(linked), str(tmp_path / "outside")]
    files = client(linked, allowed_symlink_directory=allowed)
    assert files.get("/static/robots.txt").body == ROBOTS
    assert files.get("/static/outdir/other.txt").body == b"other"
    assert files.get("/static/out.txt").status == 403
    assert files.get("/static/outdir2/secret.txt").status == 403


def test_the_directory_may_be_a_link_itself(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    assert client(tmp_path / "link").get("/static/robots.txt").body == ROBOTS


# --- paths, of either system ---------------------------------------------------------------------

WINDOWS = [
    # path, allowed
    ("a.txt", True),
    ("dir\\a.txt", True),
    ("dir/a.txt", True),
    ("..\\secret.txt", False),
    ("dir\\..\\..\\secret.txt", False),
    ("C:\\windows\\win.ini", False),
    ("C:win.ini", False),
    ("D:\\a", False),
    ("\\windows\\win.ini", False),
    ("\\\\server\\share\\a", False),
    ("//server/share/a", False),
    ("a.txt:stream", False),
    ("a.txt::$DATA", False),
    ("dir:x\\a.txt", False),
    ("a\0.txt", False),
    ("C:\\www\\a.txt", False),
]


@pytest.mark.parametrize(("path", "allowed"), WINDOWS)
def test_class_8_windows_paths(path: str, allowed: bool) -> None:
    if allowed:
        assert below("C:\\www", path, ntpath).startswith("C:\\www\\")
    else:
        with pytest.raises(HTTPError) as raised:
            below("C:\\www", path, ntpath)
        assert raised.value.status_code == 403


def test_class_8_the_root_of_a_drive(root: Path) -> None:
    assert below("C:\\", "a\\b", ntpath) == "C:\\a\\b"
    assert inside("C:\\", "C:\\a", "a", ntpath) == "C:\\"


@given(st.lists(st.sampled_from(["..", ".", "", "a", "/", "\0", "a:b", "\\", "www2"]), max_size=8))
def test_class_8_paths_stay_below(parts: list[str]) -> None:
    for flavour, root in ((posixpath, "/srv/www"), (ntpath, "C:\\srv\\www")):
        try:
            path = below(root, flavour.sep.join(parts), flavour)
        except HTTPError:
            continue
        assert path == root or path.startswith(root + flavour.sep)
        assert ".." not in path.split(flavour.sep)
        assert "\0" not in path


# --- directories ---------------------------------------------------------------------------------


def test_default_filename(root: Path) -> None:
    files = client(root, default_filename="index.html")
    response = both(files, "/static/dir/")
    assert (response.status, response.body) == (200, b"index")
    assert response.headers["Content-Type"] == "text/html"
    assert both(files, "/static/").status == 404  # no index.html there


def test_directories_get_their_slash(root: Path) -> None:
    files = client(root, default_filename="index.html")
    assert both(files, "/static/dir").headers["Location"] == "/static/dir/"
    assert both(files, "/static/dir").status == 301
    assert files.get("/static/dir?a=b").headers["Location"] == "/static/dir/?a=b"


@pytest.mark.parametrize(
    "target", ["//evil.example/../dir", "///evil.example/..//dir", "/\\evil.example/../dir"]
)
def test_class_10_the_slash_does_not_lead_to_another_host(root: Path, target: str) -> None:
    arguments = {"path": str(root), "default_filename": "index.html"}
    files = Client(Application([(r"/(.*)", StaticFileHandler, arguments)]))
    status, answer = raw(files, target)
    assert status == 403
    assert b"Location" not in answer


# --- conditional requests ------------------------------------------------------------------------

ETAG = f'"{hashlib.sha512(ROBOTS).hexdigest()}"'
BEFORE, AFTER = format_timestamp(MTIME - 1), format_timestamp(MTIME + 1)

CONDITIONS = [
    ({"If-None-Match": ETAG}, 304),
    ({"If-None-Match": f"W/{ETAG}"}, 304),
    ({"If-None-Match": "*"}, 304),
    ({"If-None-Match": '"x"'}, 200),
    ({"If-Modified-Since": DATE}, 304),
    ({"If-Modified-Since": AFTER}, 304),
    ({"If-Modified-Since": BEFORE}, 200),
    ({"If-Modified-Since": "!nv@l!d"}, 200),
    ({"If-Modified-Since": "Fri, 01 Jan 1960 00:00:00 GMT"}, 200),
    ({"If-Modified-Since": DATE, "If-None-Match": '"x"'}, 200),
    ({"If-Modified-Since": BEFORE, "If-None-Match": ETAG}, 304),
    ({"If-Match": ETAG}, 200),
    ({"If-Match": "*"}, 200),
    ({"If-Match": '"x"'}, 412),
    ({"If-Match": f"W/{ETAG}"}, 412),
    ({"If-Unmodified-Since": BEFORE}, 412),
    ({"If-Unmodified-Since": DATE}, 200),
    ({"If-Match": '"x"', "If-None-Match": ETAG}, 412),
    ({"Range": "bytes=1-4", "If-None-Match": ETAG}, 304),
]


@pytest.mark.parametrize(("headers", "status"), CONDITIONS)
def test_conditions(root: Path, headers: dict[str, str], status: int) -> None:
    response = both(client(root), "/static/robots.txt", headers)
    assert response.status == status
    if status == 304:
        assert response.body == b""
        assert response.headers["Etag"] == ETAG
        assert "Content-Length" not in response.headers
        assert "Content-Type" not in response.headers


# --- ranges --------------------------------------------------------------------------------------

RANGES = [
    ("bytes=0-9", 206, 0, 10),
    ("bytes=22-", 206, 22, 26),
    ("bytes=-4", 206, 22, 26),
    ("bytes=1-10000000", 206, 1, 26),
    ("bytes=0-", 200, 0, 26),
    ("bytes=0-10000000", 200, 0, 26),
    ("bytes=-1000000", 200, 0, 26),
    ("asdf", 200, 0, 26),
    ("lines=1-2", 200, 0, 26),
]


@pytest.mark.parametrize(("value", "status", "start", "stop"), RANGES)
def test_class_20_one_range(root: Path, value: str, status: int, start: int, stop: int) -> None:
    response = both(client(root), "/static/robots.txt", {"Range": value})
    assert (response.status, response.body) == (status, ROBOTS[start:stop])
    assert response.headers["Content-Length"] == str(stop - start)
    assert response.headers["Etag"] == ETAG
    expected = f"bytes {start}-{stop - 1}/26" if status == 206 else None
    assert response.headers.get("Content-Range") == expected


@pytest.mark.parametrize("value", ["bytes=-0", "bytes=26-", "bytes=26", "bytes=10-3"])
def test_class_20_refused_ranges(root: Path, value: str) -> None:
    response = both(client(root), "/static/robots.txt?v=1", {"Range": value})
    assert (response.status, response.body) == (416, b"")
    assert response.headers["Content-Range"] == "bytes */26"
    for name in ("Cache-Control", "Expires", "Etag", "Last-Modified"):
        assert name not in response.headers


def test_ranges_of_an_empty_file(root: Path) -> None:
    files = client(root)
    assert both(files, "/static/empty.txt", {"Range": "bytes=0-"}).status == 416
    assert both(files, "/static/empty.txt", {"Range": "bytes=-1"}).status == 200


def test_a_range_over_several_pieces(root: Path) -> None:
    response = both(client(root), "/static/big.bin", {"Range": "bytes=65000-200000"})
    assert response.body == BIG[65000:200001]


@pytest.mark.parametrize("wanted", [[(0, 2), (100, 200)], [(200000, 250000), (0, 100000), (5, 5)]])
def test_class_20_several_ranges(root: Path, wanted: list[tuple[int, int]]) -> None:
    value = "bytes=" + ", ".join(f"{first}-{last}" for first, last in wanted)
    files = client(root)
    response = both(files, "/static/big.bin", {"Range": value})
    assert response.status == 206
    assert response.headers["Content-Length"] == str(len(response.body))
    head = files.head("/static/big.bin", headers={"Range": value})
    assert head.headers["Content-Length"] == response.headers["Content-Length"]
    assert "Content-Range" not in response.headers
    message = email.message_from_bytes(
        f"Content-Type: {response.headers['Content-Type']}\r\n\r\n".encode() + response.body
    )
    parts: Any = message.get_payload()
    assert [part.get_payload(decode=True) for part in parts] == [
        BIG[first : last + 1] for first, last in wanted
    ]
    for part, (first, last) in zip(parts, wanted, strict=True):
        assert part["Content-Range"] == f"bytes {first}-{last}/{len(BIG)}"
        assert part["Content-Type"] == "application/octet-stream"


def test_class_20_too_many_ranges_are_answered_with_everything(root: Path) -> None:
    value = "bytes=" + ",".join(f"{2 * i}-{2 * i}" for i in range(17))
    assert both(client(root), "/static/big.bin", {"Range": value}).status == 200
    value = "bytes=" + ",".join(f"{2 * i}-{2 * i}" for i in range(16))
    assert client(root).get("/static/big.bin", headers={"Range": value}).status == 206


IF_RANGES = [
    (ETAG, 206),
    (f"W/{ETAG}", 200),
    ('"x"', 200),
    (DATE, 206),
    (AFTER, 200),
    (BEFORE, 200),
    ("rubbish", 200),
]


@pytest.mark.parametrize(("value", "status"), IF_RANGES)
def test_class_20_if_range(root: Path, value: str, status: int) -> None:
    headers = {"Range": "bytes=0-4", "If-Range": value}
    response = both(client(root), "/static/robots.txt", headers)
    assert response.status == status
    assert response.body == (ROBOTS[:5] if status == 206 else ROBOTS)


def test_ranges_for_get_only(root: Path) -> None:
    class Strict(StaticFileHandler):
        RANGE_METHODS = ("GET",)

    files = client(root, Strict)
    headers = {"Range": "bytes=0-4"}
    assert files.get("/static/robots.txt", headers=headers).status == 206
    head = files.head("/static/robots.txt", headers=headers)
    assert (head.status, head.headers["Content-Length"]) == (200, "26")


# --- slow and vanishing clients, changing files --------------------------------------------------


class Watched(StaticFileHandler):
    """Counts the pieces that were read, and tells when reading has ended."""

    read = 0
    closed = False

    @classmethod
    def get_content(
        cls, abspath: str, start: int | None = None, end: int | None = None
    ) -> Iterator[bytes]:
        cls.closed = False
        try:
            for piece in super().get_content(abspath, start, end):
                cls.read += 1
                yield piece if isinstance(piece, bytes) else bytes([piece])
        finally:
            cls.closed = True


@pytest.fixture
def huge(root: Path) -> Path:
    """A file of 64 pieces, too long to be hashed for its tag."""
    (root / "huge.bin").write_bytes(BIG * 16)
    Watched.read = 0
    return root


REQUEST = b"GET /static/huge.bin HTTP/1.1\r\nHost: x\r\n\r\n"


def test_slow_clients_are_waited_for(huge: Path) -> None:
    connection = client(huge, Watched).connect()
    connection.hold()
    connection.send(REQUEST)
    held = Watched.read
    assert held < 10  # of 64: the rest is read when it can go out
    connection.release(65536)
    assert held <= Watched.read <= held + 3
    connection.release()
    assert Watched.read == 64
    (response,) = connection.responses("GET")
    assert bytes(response.body) == BIG * 16


def test_reading_ends_with_the_client(huge: Path) -> None:
    connection = client(huge, Watched).connect()
    connection.hold()
    connection.send(REQUEST)
    read = Watched.read
    connection.disconnect()
    assert Watched.read <= read + 1
    assert Watched.closed


def test_class_20_a_file_that_shrinks_ends_the_connection(huge: Path) -> None:
    connection = client(huge, Watched).connect()
    connection.hold()
    connection.send(REQUEST + REQUEST)
    os.truncate(huge / "huge.bin", 1_000_000)
    connection.release()
    assert connection.closed
    assert connection.received.count(b"HTTP/1.1") == 1
    assert len(connection.received) < len(BIG) * 16


def test_class_20_a_small_file_that_shrinks_is_not_taken_for_the_whole(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StaticFileHandler, "get_content_size", lambda self: 30)
    connection = client(root).connect()
    connection.send(b"GET /static/robots.txt HTTP/1.1\r\nHost: x\r\n\r\n")
    assert connection.closed
    assert b"Content-Length: 30\r\n" in connection.received


def test_class_20_a_file_that_grows_is_cut(huge: Path) -> None:
    connection = client(huge, Watched).connect()
    connection.hold()
    connection.send(REQUEST + b"GET /static/robots.txt HTTP/1.1\r\nHost: x\r\n\r\n")
    with (huge / "huge.bin").open("ab") as file:
        file.write(b"more" * 100_000)
    connection.release()
    first, second = connection.responses("GET", "GET")
    assert bytes(first.body) == BIG * 16
    assert bytes(second.body) == ROBOTS


# --- versions ------------------------------------------------------------------------------------


def version_of(content: bytes) -> str:
    return hashlib.sha512(content).hexdigest()


def test_static_urls(root: Path) -> None:
    settings = {"static_path": str(root)}
    url = StaticFileHandler.make_static_url
    assert url(settings, "robots.txt") == f"/static/robots.txt?v={version_of(ROBOTS)}"
    assert url(settings, "robots.txt", include_version=False) == "/static/robots.txt"
    assert url(settings, "missing.txt") == "/static/missing.txt"
    settings["static_url_prefix"] = "/s/"
    assert url(settings, "robots.txt", include_version=False) == "/s/robots.txt"


def test_class_8_versions_of_files_only(root: Path) -> None:
    def version(path: str) -> str | None:
        return StaticFileHandler.get_version({"static_path": str(root)}, path)

    (root / "zero").symlink_to("/dev/zero")
    assert version("robots.txt") == version_of(ROBOTS)
    assert version("dir") is version("missing") is version("zero") is None
    for path in ("../secret.txt", "/etc/passwd", "a\0"):
        with pytest.raises(HTTPError) as raised:
            version(path)
        assert raised.value.status_code == 403


def test_versions_follow_the_file(root: Path) -> None:
    files = client(root)
    assert files.get("/static/robots.txt").headers["Etag"] == ETAG
    (root / "robots.txt").write_bytes(b"other")
    assert files.get("/static/robots.txt").headers["Etag"] == f'"{version_of(b"other")}"'


def test_what_was_missing_gets_a_version_later(root: Path) -> None:
    settings = {"static_path": str(root)}
    assert StaticFileHandler.get_version(settings, "late.txt") is None
    (root / "late.txt").write_bytes(b"late")
    assert StaticFileHandler.get_version(settings, "late.txt") == version_of(b"late")


def test_long_files_are_tagged_without_reading(huge: Path) -> None:
    files = client(huge, Watched)
    response = files.head("/static/huge.bin")
    assert Watched.read == 0
    etag = response.headers["Etag"]
    assert etag.startswith('"')
    assert files.head("/static/huge.bin", headers={"If-None-Match": etag}).status == 304
    os.utime(huge / "huge.bin", ns=(1, 1))
    assert files.head("/static/huge.bin", headers={"If-None-Match": etag}).status == 200


def test_the_size_of_what_is_hashed_is_limited(root: Path) -> None:
    class Small(StaticFileHandler):
        MAX_VERSION_CONTENT_SIZE = len(ROBOTS)

    settings = {"static_path": str(root)}
    assert Small.get_version(settings, "robots.txt") == version_of(ROBOTS)
    assert Small.get_version(settings, "big.bin") is None
    Small.reset()
    Small.MAX_VERSION_CONTENT_SIZE -= 1
    assert Small.get_version(settings, "robots.txt") is None


def test_the_number_of_versions_is_limited(root: Path) -> None:
    read: list[str] = []

    class Limited(StaticFileHandler):
        MAX_CACHED_VERSIONS = 2

        @classmethod
        def get_content_version(cls, abspath: str) -> str:
            read.append(os.path.basename(abspath))
            return super().get_content_version(abspath)

    settings = {"static_path": str(root)}
    for name in "abc":
        (root / name).write_bytes(name.encode())
    for name in "abacab":
        assert Limited.get_version(settings, name) == version_of(name.encode())
    assert "".join(read) == "abcb"  # "a" was used after "b", so "b" had to go
    assert len(Limited._static_hashes) == 2


def test_classes_do_not_share_versions(root: Path) -> None:
    class Fixed(StaticFileHandler):
        @classmethod
        def get_content_version(cls, abspath: str) -> str:
            return "42"

    settings = {"static_path": str(root)}
    assert StaticFileHandler.get_version(settings, "robots.txt") == version_of(ROBOTS)
    assert Fixed.get_version(settings, "robots.txt") == "42"


# --- subclasses ----------------------------------------------------------------------------------


class Stored(StaticFileHandler):
    """Content that is in no file, as in Tornado's documents."""

    @classmethod
    def make_static_url(
        cls, settings: dict[str, Any], path: str, include_version: bool = True
    ) -> str:
        name, _, extension = path.rpartition(".")
        return f"/static/{name}.{cls.get_version(settings, path)}.{extension}"

    def parse_url_path(self, url_path: str) -> str:
        name, _, extension = url_path.rpartition(".")
        return f"{name.rpartition('.')[0]}.{extension}"

    @classmethod
    def get_absolute_path(cls, root: str, path: str) -> str:
        return f"stored:{path}"

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        return absolute_path

    @classmethod
    def get_content(cls, abspath: str, start: int | None = None, end: int | None = None) -> bytes:
        if abspath != "stored:foo.txt":
            raise HTTPError(404)
        return b"stored"[start:end]

    def get_content_size(self) -> int:
        return 6

    def get_modified_time(self) -> datetime.datetime | None:
        return None

    @classmethod
    def get_version(cls, settings: dict[str, Any], path: str) -> str | None:
        return "42"


def test_content_from_elsewhere() -> None:
    files = client("nowhere", Stored)
    assert Stored.make_static_url({}, "foo.txt") == "/static/foo.42.txt"
    response = both(files, "/static/foo.42.txt")
    assert (response.status, response.body) == (200, b"stored")
    assert response.headers["Etag"] == f'"{version_of(b"stored")}"'
    assert "Last-Modified" not in response.headers
    assert files.get("/static/foo.42.txt", headers={"Range": "bytes=1-3"}).body == b"tor"
    several = files.get("/static/foo.42.txt", headers={"Range": "bytes=0-0,2-2"})
    assert b"\r\n\r\ns\r\n" in several.body
    assert b"\r\n\r\no\r\n" in several.body
    assert files.get("/static/bar.42.txt").status == 404


def test_stat_without_validation(root: Path) -> None:
    class Trusting(StaticFileHandler):
        def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
            return absolute_path

    assert both(client(root, Trusting), "/static/robots.txt").body == ROBOTS


def test_several_roots(root: Path, tmp_path: Path) -> None:
    class Finder(StaticFileHandler):
        """Replaces initialize without calling it, and keeps several roots."""

        def initialize(self, path: list[str]) -> None:
            self.root = path  # type: ignore[assignment]

        @classmethod
        def get_absolute_path(cls, roots: Any, path: str) -> str:
            found = [os.path.join(root, path) for root in roots]
            return next(filter(os.path.exists, found), found[0])

        def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
            roots: Any = self.root
            own = next((one for one in roots if absolute_path.startswith(f"{one}/")), roots[0])
            return super().validate_absolute_path(own, absolute_path)

    second = tmp_path / "second"
    second.mkdir()
    (second / "two.txt").write_bytes(b"two")
    (second / "link.txt").symlink_to(root / "robots.txt")
    paths = {"path": [str(root), str(second)]}
    files = Client(Application([(r"/static/(.*)", Finder, paths)]))
    assert files.get("/static/robots.txt").body == ROBOTS
    assert files.get("/static/two.txt").body == b"two"
    assert files.get("/static/link.txt").status == 403


def test_hooks(root: Path) -> None:
    class Hooked(StaticFileHandler):
        def set_extra_headers(self, path: str) -> None:
            self.set_header("X-Path", path)

        def get_cache_time(
            self, path: str, modified: datetime.datetime | None, mime_type: str | None
        ) -> int:
            return 60 if mime_type == "text/plain" else 0

        def get_content_type(self) -> str:
            return "text/plain" if self.path == "robots.txt" else ""

        def compute_etag(self) -> str | None:
            return None

        def should_return_304(self) -> bool:
            return self.request.headers.get("X-Known") == "yes"

    files = client(root, Hooked)
    response = both(files, "/static/robots.txt")
    assert response.headers["X-Path"] == "robots.txt"
    assert response.headers["Cache-Control"] == "max-age=60"
    assert "Etag" not in response.headers
    assert both(files, "/static/robots.txt", {"X-Known": "yes"}).status == 304
    assert "Cache-Control" not in both(files, "/static/big.bin").headers


def test_validation_may_answer(root: Path) -> None:
    class Answering(StaticFileHandler):
        def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
            self.redirect("/elsewhere")
            return None

    assert both(client(root, Answering), "/static/robots.txt").headers["Location"] == "/elsewhere"


def test_without_a_path_there_is_nothing() -> None:
    handler = object.__new__(StaticFileHandler)
    handler.absolute_path = None
    with pytest.raises(RuntimeError, match="no path"):
        handler.get_content_type()
