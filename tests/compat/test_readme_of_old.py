"""The snippets of the old readme's last two parts, as they stand there."""

from __future__ import annotations

import base64
import uuid
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

import cyclone.escape
import cyclone.locale
import cyclone.web
from cyclone.testing import Client
from tests.locale.catalogs import write_mo


def client_of(handler: type[cyclone.web.RequestHandler], **settings: Any) -> Client:
    return Client(cyclone.web.Application([("/", handler)], **settings))


def test_where_the_headers_are() -> None:
    class MyHandler(cyclone.web.RequestHandler):
        def get(self) -> None:
            # self.request.headers is a dict
            user_agent = self.request.headers.get("User-Agent")
            self.write({"agent": user_agent, "missing": self.request.headers.get("X-Other")})
            assert "user-agent" in self.request.headers
            assert dict(self.request.headers)["User-Agent"] == user_agent

    response = client_of(MyHandler).get("/", headers={"User-Agent": "curl/8"})
    assert response.json() == {"agent": "curl/8", "missing": None}


def test_raw_data() -> None:
    class MyHandler(cyclone.web.RequestHandler):
        def get(self) -> None:
            raw = self.request.query
            self.write(raw)

        def delete(self) -> None:
            self.write(self.request.query)

        def post(self) -> None:
            raw = self.request.body
            self.write(raw)

    client = client_of(MyHandler)
    assert client.get("/?a=%20b&a=+c&=").text == "a=%20b&a=+c&="
    assert client.delete("/?x=%zz").text == "x=%zz"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/", body=b"a=%20&\xff", headers=form).body == b"a=%20&\xff"


def test_what_a_request_knows() -> None:
    class MyHandler(cyclone.web.RequestHandler):
        def get(self) -> None:
            proto = self.request.protocol
            remote_ip = self.request.remote_ip
            method = self.request.method
            uri = self.request.uri
            version = self.request.version
            self.write(f"{proto} {remote_ip} {method} {uri} {version}")

    client = client_of(MyHandler)
    assert client.get("/?a=b", remote_ip="192.0.2.7").text == "http 192.0.2.7 GET /?a=b HTTP/1.1"
    assert client.get("/", remote_ip="192.0.2.7", protocol="https").text.startswith("https ")


def test_headers_of_the_reply() -> None:
    class MyHandler(cyclone.web.RequestHandler):
        def get(self) -> None:
            self.set_header("Content-Type", "application/json")
            self.finish(cyclone.escape.json_encode({"success": True}))

    response = client_of(MyHandler).get("/")
    assert response.headers["Content-Type"] == "application/json"
    assert response.json() == {"success": True}


def test_methods_that_nobody_has_written() -> None:
    class MyHandler(cyclone.web.RequestHandler):
        def get(self) -> None:
            pass

        def head(self) -> None:
            pass

        def post(self) -> None:
            pass

        def delete(self) -> None:
            pass

    client = client_of(MyHandler)
    for method in ("GET", "HEAD", "POST", "DELETE"):
        assert client.request(method, "/").status == 200
    for method in ("PATCH", "PUT", "OPTIONS", "TRACE"):
        assert client.request(method, "/").status == 405
    assert "TRACE" not in cyclone.web.RequestHandler.SUPPORTED_METHODS
    assert "CONNECT" not in cyclone.web.RequestHandler.SUPPORTED_METHODS


def test_uploads() -> None:
    class MyHandler(cyclone.web.RequestHandler):
        def post(self) -> None:
            photos = self.request.files.get("photos")
            assert photos is not None
            first_photo = photos[0]
            self.write(f"{len(photos)} {first_photo.filename} {first_photo.content_type} ")
            self.write(first_photo.body)

    files = [("photos", ("a.png", b"one", "image/png")), ("photos", ("b.gif", b"two", "image/gif"))]
    assert client_of(MyHandler).post("/", files=files).text == "2 a.png image/png one"


def test_no_keep_alive_for_all_methods() -> None:
    class IndexHandler(cyclone.web.RequestHandler):
        no_keep_alive = True

        def get(self) -> None:
            self.finish()

        head = post = put = patch = delete = options = get

    class Other(cyclone.web.RequestHandler):
        def get(self) -> None:
            self.finish()

        head = post = put = patch = delete = options = get

    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert client_of(IndexHandler).request(method, "/").closed
        assert not client_of(Other).request(method, "/").closed


def test_xsrf_of_the_server_and_of_a_class() -> None:
    class WebLoginHandler(cyclone.web.RequestHandler):
        def post(self) -> None:
            self.write(self.get_argument("username"))

    class APILoginHandler(cyclone.web.RequestHandler):
        no_xsrf = True

        def post(self) -> None:
            self.write(self.get_argument("username"))

    form = {"username": "ann"}
    handlers: list[Any] = [("/web", WebLoginHandler), ("/api", APILoginHandler)]
    guarded = Client(cyclone.web.Application(handlers, xsrf_cookies=True))
    assert guarded.post("/web", form=form).status == 403
    assert guarded.post("/api", form=form).text == "ann"
    assert Client(cyclone.web.Application(handlers)).post("/web", form=form).text == "ann"


def test_sockets_that_close() -> None:
    """By finish(), by a browser that is closed while data comes, and by one that only waits."""
    left: list[str] = []

    class IndexHandler(cyclone.web.RequestHandler):
        @cyclone.web.asynchronous
        def get(self) -> None:
            how = self.get_argument("how")
            d: Deferred[None] = self.notifyFinish()
            d.addCallback(lambda _: left.append(how))
            if how == "finish":
                self.finish()
            elif how == "data":
                self.write("x" * 1000)
                self.flush()

        def on_finish(self) -> None:
            left.append("on_finish")

    client = client_of(IndexHandler)
    client.get("/?how=finish")
    assert sorted(left) == ["finish", "on_finish"]
    for how in ("data", "comet"):
        left.clear()
        pending = client.open("GET", f"/?how={how}")
        assert left == []
        pending.disconnect()
        assert sorted(left) == sorted([how, "on_finish"])


def test_secrets_made_by_the_snippet() -> None:
    class MyHandler(cyclone.web.RequestHandler):
        def get(self) -> None:
            self.set_secure_cookie("a", "b")
            self.write(self.get_secure_cookie("a") or "none")

    def secret() -> bytes:
        return base64.b64encode(uuid.uuid4().bytes + uuid.uuid4().bytes)

    client = client_of(MyHandler, cookie_secret=secret())
    assert [client.get("/").text for _ in range(2)] == ["none", "b"]
    other = client_of(MyHandler, cookie_secret=secret())
    other.cookies.set("a", client.cookies["a"].value)
    assert other.get("/").text == "none"


@pytest.mark.parametrize("name", ["page.html", "mail.txt"])
def test_text_and_pages_are_translated(tmp_path: Path, name: str) -> None:
    write_mo(tmp_path, "es_ES", {"Apples & pears": "Manzanas & peras"}, domain="fruit")
    (tmp_path / name).write_text('{{ _("Apples & pears") }}\n')

    class MyHandler(cyclone.web.RequestHandler):
        def get(self) -> None:
            self.write(self.render_string(name))

    cyclone.locale.load_gettext_translations(str(tmp_path), "fruit")
    try:
        response = client_of(MyHandler, template_path=str(tmp_path)).get(
            "/", headers={"Accept-Language": "es-ES"}
        )
    finally:
        cyclone.locale.load_gettext_translations(str(tmp_path / "es_ES"))
    assert response.text.replace("&amp;", "&") == "Manzanas & peras\n"
