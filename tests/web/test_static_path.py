"""The setting ``static_path``, and the URLs of its files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from cyclone.testing import Client
from cyclone.web import Application, HTTPError, RequestHandler, StaticFileHandler


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "dir").mkdir()
    for name in ("a.css", "favicon.ico", "robots.txt", "dir/index.html"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


class Everything(RequestHandler):
    def get(self, *_: Any) -> None:
        self.write("mine")


def client(root: Path | None, **settings: Any) -> Client:
    if root is not None:
        settings["static_path"] = str(root)
    return Client(Application([(r"/.*", Everything)], **settings))


def test_routes_come_first(root: Path) -> None:
    files = client(root)
    assert files.get("/static/a.css").body == b"a.css"
    assert files.get("/favicon.ico").body == b"favicon.ico"
    assert files.get("/robots.txt").body == b"robots.txt"
    assert files.get("/static/missing").status == 404
    assert files.get("/faviconXico").body == b"mine"


def test_without_the_setting_there_are_none() -> None:
    files = client(None)
    for path in ("/static/a.css", "/favicon.ico", "/robots.txt"):
        assert files.get(path).body == b"mine"


def test_without_other_routes(root: Path) -> None:
    assert Client(Application(static_path=str(root))).get("/robots.txt").body == b"robots.txt"


def test_the_prefix_is_no_pattern(root: Path) -> None:
    files = client(root, static_url_prefix="/a.b/")
    assert files.get("/a.b/a.css").body == b"a.css"
    assert files.get("/aXb/a.css").body == b"mine"
    assert files.get("/static/a.css").body == b"mine"


class Marked(StaticFileHandler):
    def set_extra_headers(self, path: str) -> None:
        self.set_header("X-Marked", path)

    @classmethod
    def make_static_url(
        cls, settings: dict[str, Any], path: str, include_version: bool = True
    ) -> str:
        return f"/marked/{path}"


@pytest.mark.parametrize("handler", [Marked, f"{__name__}.Marked"])
def test_a_class_and_its_arguments(root: Path, handler: Any) -> None:
    arguments = {"default_filename": "index.html"}
    files = client(root, static_handler_class=handler, static_handler_args=arguments)
    assert files.get("/static/dir/").body == b"dir/index.html"
    assert files.get("/robots.txt").headers["X-Marked"] == "robots.txt"
    assert arguments == {"default_filename": "index.html"}  # the application's own
    assert files.app.static_url("a.css") == "/marked/a.css"


@pytest.mark.parametrize("path", ["../secret", "%2e%2e/secret", "/etc/passwd", "a%00"])
def test_class_8_outside_is_forbidden(root: Path, path: str) -> None:
    (root.parent / "secret").write_bytes(b"secret")
    connection = client(root).connect()
    connection.send(f"GET /static/{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert connection.received.startswith(b"HTTP/1.1 403 ")


# --- static_url ----------------------------------------------------------------------------------


class Linking(RequestHandler):
    def get(self) -> None:
        options: dict[str, Any] = {}
        if "host" in self.request.arguments:
            options["include_host"] = self.get_argument("host") == "yes"
        if "plain" in self.request.arguments:
            options["include_version"] = False
        self.write(self.static_url(self.get_argument("path", "a.css"), **options))


class Hosting(Linking):
    include_host = True


def link(root: Path | None, query: str = "", handler: type[RequestHandler] = Linking) -> Any:
    settings = {} if root is None else {"static_path": str(root)}
    return Client(Application([("/", handler)], **settings)).get(f"/?{query}")


def test_urls(root: Path) -> None:
    version = hashlib.sha512(b"a.css").hexdigest()
    assert link(root).text == f"/static/a.css?v={version}"
    assert link(root, "plain").text == "/static/a.css"
    assert link(root, "path=missing").text == "/static/missing"


def test_urls_with_host(root: Path) -> None:
    whole = link(root, "plain&host=yes").text
    assert whole.startswith("http://")
    assert whole.endswith("/static/a.css")
    assert link(root, "plain", Hosting).text == whole
    assert link(root, "plain&host=no", Hosting).text == "/static/a.css"


def test_class_8_no_urls_for_what_is_outside(root: Path) -> None:
    (root.parent / "secret").write_bytes(b"secret")
    assert link(root, "path=../secret").status == 403
    with pytest.raises(HTTPError):
        Application(static_path=str(root)).static_url("../secret")


def test_the_setting_is_required() -> None:
    assert link(None).status == 500


def test_the_version_makes_it_cacheable(root: Path) -> None:
    files = client(root)
    answer = files.get(files.app.static_url("a.css"))
    assert answer.headers["Cache-Control"].startswith("max-age=")
