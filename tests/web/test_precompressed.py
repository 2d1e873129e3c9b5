"""Precompressed siblings of static files: who gets them, and which may be served."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.testing import Client, Response
from cyclone.web import Application, staticcache
from cyclone.web.precompressed import SUFFIXES, acceptable
from cyclone.web.static import StaticFileHandler
from tests.web.counting import steps

ACCEPTED = [
    (None, ()),
    ("", ()),
    ("gzip", ("gzip",)),
    ("x-gzip", ("gzip",)),
    ("GZIP", ("gzip",)),
    ("gzip, br", ("br", "gzip")),
    ("gzip, deflate, br, zstd", ("br", "zstd", "gzip")),
    ("gzip;q=1.0, br;q=0.5", ("gzip", "br")),
    ("gzip;q=0", ()),
    ("gzip;q=0.000, br ; q=0.001", ("br",)),
    ("*", ("br", "zstd", "gzip")),
    ("*;q=0.5, gzip", ("gzip", "br", "zstd")),
    ("*;q=0", ()),
    ("br;q=0, *", ("zstd", "gzip")),
    ("identity", ()),
    ("identity;q=1, *;q=0", ()),  # what browsers send for media
    ("identity;q=0.5, br;q=0.4, gzip;q=0.6", ("gzip",)),
    ("identity;q=0, br", ("br",)),
    (",br,,", ("br",)),
    ("br\t;\tQ=1.000", ("br",)),
    # malformed: the original is always understood
    ("br;q=2", ()),
    ("br;q=0.1234", ()),
    ("br;level=1", ()),
    ("br gzip", ()),
    ("br;q=-1", ()),
    ("br;q=\u0661", ()),
    ("b r, gzip", ()),
    ("br," * 400, ()),
]


@pytest.mark.parametrize(("value", "codings"), ACCEPTED)
def test_codings(value: str | None, codings: tuple[str, ...]) -> None:
    assert acceptable(value) == codings


@given(st.text(st.sampled_from("brgzip,; q=01.*\t")))
def test_anything(value: str) -> None:
    assert set(acceptable(value)) <= set(SUFFIXES)


def test_class_3_long_fields_are_not_looked_at() -> None:
    assert steps(lambda: acceptable("br;q=1," * 100_000)) < 100


TEXT = b"body { color: red }\n" * 100
TIME = 1_000_000_000


@pytest.fixture(params=[True, False], ids=["cached", "plain"])
def root(tmp_path: Path, request: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """All tests with and without the cache."""
    if request.param:
        monkeypatch.setattr(staticcache, "_SETTLED", -3600 * 10**9)
    StaticFileHandler.reset()
    top = tmp_path / "static"
    (top / "sub").mkdir(parents=True)
    for name in ("a.css", "b.css"):
        (top / name).write_bytes(TEXT)
        os.utime(top / name, (TIME, TIME))
    (top / "a.css.br").write_bytes(b"brotli")
    (top / "a.css.gz").write_bytes(b"gzipped")
    (tmp_path / "secret").write_bytes(b"secret")
    yield top
    StaticFileHandler.reset()


def client(
    root: Path, handler: type[StaticFileHandler] = StaticFileHandler, **arguments: Any
) -> Client:
    arguments = {"path": str(root), "precompressed": True, **arguments}
    return Client(Application([(r"/static/(.*)", handler, arguments)]))


def ask(files: Client, path: str, coding: str = "gzip, br", **headers: str) -> Response:
    """The answer to GET, the third time; HEAD must say the same."""
    fields = {"Accept-Encoding": coding}
    fields.update({name.replace("_", "-"): value for name, value in headers.items()})
    for _ in range(2):
        files.get(f"/static/{path}", headers=fields)
    answer = files.get(f"/static/{path}", headers=fields)
    head = files.head(f"/static/{path}", headers=fields)
    assert head.status == answer.status
    for name in ("Etag", "Content-Encoding", "Content-Length", "Vary", "Content-Type"):
        assert head.headers.get(name) == answer.headers.get(name)
    return answer


def test_the_best_sibling_is_served(root: Path) -> None:
    files = client(root)
    for coding, body in (("gzip, br", b"brotli"), ("gzip", b"gzipped"), ("zstd, gzip", b"gzipped")):
        answer = ask(files, "a.css", coding)
        assert (answer.status, answer.body) == (200, body)
        assert answer.headers["Content-Encoding"] == ("br" if body == b"brotli" else "gzip")
        assert answer.headers["Content-Type"] == "text/css"
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["Content-Length"] == str(len(body))


@pytest.mark.parametrize(
    ("path", "coding"), [("a.css", "identity"), ("a.css", "zstd"), ("b.css", "br")]
)
def test_the_original_varies_as_well(root: Path, path: str, coding: str) -> None:
    answer = ask(client(root), path, coding)
    assert (answer.status, answer.body) == (200, TEXT)
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Vary"] == "Accept-Encoding"


def test_it_is_off_unless_it_is_asked_for(root: Path) -> None:
    for files in (
        Client(Application([(r"/static/(.*)", StaticFileHandler, {"path": str(root)})])),
        client(root, precompressed=False),
    ):
        answer = ask(files, "a.css")
        assert answer.body == TEXT
        assert "Vary" not in answer.headers
    # Beside a route that has it.
    both = Client(
        Application(
            [
                (r"/static/(.*)", StaticFileHandler, {"path": str(root), "precompressed": True}),
                (r"/plain/(.*)", StaticFileHandler, {"path": str(root)}),
            ]
        )
    )
    for _ in range(3):
        assert both.get("/static/a.css").headers["Vary"] == "Accept-Encoding"
        assert "Vary" not in both.get("/plain/a.css").headers


def test_the_siblings_are_files_of_their_own_too(root: Path) -> None:
    answer = ask(client(root), "a.css.gz", "gzip")
    assert answer.body == b"gzipped"
    assert answer.headers["Content-Type"] == "application/gzip"
    assert "Content-Encoding" not in answer.headers


def test_vary_is_added_to(root: Path) -> None:
    class Varying(StaticFileHandler):
        def set_extra_headers(self, path: str) -> None:
            self.set_header("Vary", self.get_argument("vary"))

    files = client(root, Varying)
    assert ask(files, "a.css?vary=Cookie").headers["Vary"] == "Cookie,Accept-Encoding"
    assert ask(files, "a.css?vary=accept-encoding").headers["Vary"] == "accept-encoding"
    assert ask(files, "a.css?vary=*").headers["Vary"] == "*"
    assert ask(files, "a.css?vary=Cookie").headers["Content-Encoding"] == "br"


def test_versioned_urls(root: Path) -> None:
    answer = ask(client(root), "a.css?v=1")
    assert answer.body == b"brotli"
    assert "max-age" in answer.headers["Cache-Control"]
    assert answer.headers["Vary"] == "Accept-Encoding"


# --- which may be served -------------------------------------------------------------------------


def test_a_sibling_that_is_older_than_the_original_is_left_alone(root: Path) -> None:
    files = client(root)
    assert ask(files, "a.css").body == b"brotli"
    os.utime(root / "a.css.br", (TIME - 1, TIME - 1))
    assert ask(files, "a.css").body == b"gzipped"
    os.utime(root / "a.css.br", (TIME, TIME))  # as old: made in the same second
    assert ask(files, "a.css").body == b"brotli"
    (root / "a.css").write_bytes(b"new")
    os.utime(root / "a.css.br", (TIME, TIME))
    os.utime(root / "a.css.gz", (TIME, TIME))
    answer = ask(files, "a.css")
    assert answer.body == b"new"
    assert "Content-Encoding" not in answer.headers


def test_siblings_come_and_go(root: Path) -> None:
    files = client(root)
    assert ask(files, "b.css").body == TEXT
    (root / "b.css.gz").write_bytes(b"late")
    assert ask(files, "b.css").body == b"late"
    (root / "b.css.br").write_bytes(b"later")
    assert ask(files, "b.css").body == b"later"
    (root / "b.css.br").unlink()
    assert ask(files, "b.css").body == b"late"
    (root / "b.css").unlink()
    assert ask(files, "b.css").status == 404


def test_class_8_siblings_are_under_the_policy_for_links(root: Path) -> None:
    files = client(root)
    (root / "b.css.br").symlink_to(root.parent / "secret")
    assert ask(files, "b.css").body == TEXT
    (root / "b.css.br").unlink()
    (root / "b.css.br").symlink_to(root / "a.css.br")
    assert ask(files, "b.css").body == b"brotli"
    allowed = client(root, allowed_symlink_directory=[str(root), str(root.parent)])
    (root / "b.css.br").unlink()
    (root / "b.css.br").symlink_to(root.parent / "secret")
    assert ask(allowed, "b.css").body == b"secret"
    assert ask(files, "b.css").body == TEXT


def test_class_8_siblings_are_regular_files(root: Path) -> None:
    (root / "b.css.br").mkdir()
    os.mkfifo(root / "b.css.gz")
    assert ask(client(root), "b.css").body == TEXT


def test_class_8_there_is_no_sibling_of_what_is_not_there(root: Path) -> None:
    (root / "missing.css.br").write_bytes(b"x")
    assert ask(client(root), "missing.css").status == 404
    assert ask(client(root), "sub").status == 403


def test_siblings_of_a_default_file(root: Path) -> None:
    (root / "sub" / "index.html").write_bytes(TEXT)
    (root / "sub" / "index.html.br").write_bytes(b"index")
    answer = ask(client(root, default_filename="index.html"), "sub/")
    assert answer.body == b"index"
    assert answer.headers["Content-Type"] == "text/html"


def test_classes_with_content_of_their_own_have_no_siblings(root: Path) -> None:
    class Own(StaticFileHandler):
        def compute_etag(self) -> str | None:
            return '"own"'  # of whatever representation

    answer = ask(client(root, Own), "a.css")
    assert answer.body == TEXT
    assert "Vary" not in answer.headers


# --- representations are not mixed (class 20) ----------------------------------------------------


def test_class_20_each_representation_has_its_tag(root: Path) -> None:
    (root / "b.css.br").write_bytes(TEXT)  # the same bytes, and still not the same
    (root / "b.css.gz").write_bytes(TEXT)
    files = client(root)
    tags = {coding: ask(files, "b.css", coding).headers["Etag"] for coding in ("br", "gzip", "x")}
    assert len(set(tags.values())) == 3
    for coding, tag in tags.items():
        for other in tags:
            status = ask(files, "b.css", other, If_None_Match=tag).status
            assert status == (304 if other == coding else 200)


def test_class_20_not_modified_says_that_it_varies(root: Path) -> None:
    files = client(root)
    answer = ask(files, "a.css", If_None_Match=ask(files, "a.css").headers["Etag"])
    assert answer.status == 304
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Etag"].endswith('-br"')
    assert "Content-Encoding" not in answer.headers


def test_class_20_ranges_are_of_the_representation_that_is_named(root: Path) -> None:
    files = client(root)
    original = ask(files, "a.css", "x").headers["Etag"]
    brotli = ask(files, "a.css", "br").headers["Etag"]
    part = ask(files, "a.css", "br", Range="bytes=1-2", If_Range=brotli)
    assert (part.status, part.body) == (206, b"ro")
    assert part.headers["Content-Encoding"] == "br"
    assert part.headers["Etag"] == brotli
    # A client that has the other one gets all of this one, not a part that does not fit.
    assert ask(files, "a.css", "br", Range="bytes=1-2", If_Range=original).body == b"brotli"
    assert ask(files, "a.css", "x", Range="bytes=1-2", If_Range=brotli).body == TEXT
    assert ask(files, "a.css", "x", Range="bytes=1-2", If_Range=original).body == TEXT[1:3]


def test_class_20_several_ranges_of_a_coding_are_everything(root: Path) -> None:
    answer = ask(client(root), "a.css", "br", Range="bytes=0-0,2-2")
    assert (answer.status, answer.body) == (200, b"brotli")
    plain = client(root).get("/static/a.css", headers={"Range": "bytes=0-0,2-2"})
    assert plain.status == 206


def test_class_20_a_refusal_is_in_no_coding(root: Path) -> None:
    answer = ask(client(root), "a.css", "br", Range="bytes=100-")
    assert answer.status == 416
    assert answer.headers["Content-Range"] == "bytes */6"
    assert "Content-Encoding" not in answer.headers
    assert ask(client(root), "a.css", "br", If_Match='"x"').status == 412


def test_long_files_are_tagged_apart(root: Path) -> None:
    class Small(StaticFileHandler):
        MAX_ETAG_CONTENT_SIZE = 3

    files = client(root, Small)
    assert ask(files, "a.css", "br").headers["Etag"].endswith('-br"')
    assert not ask(files, "a.css", "x").headers["Etag"].endswith('-br"')
