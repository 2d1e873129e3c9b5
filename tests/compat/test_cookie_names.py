"""What applications written for cyclone 1.x do with secure cookies, tokens and compression."""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import hmac
import time
import uuid
from typing import Any

import pytest
from twisted.internet import defer

import cyclone.web
from cyclone.escape import json_decode, json_encode
from cyclone.testing import Client
from tests.web.support import client_of, recorded_log

SECRET = "61oETzKXQAGaYdkL5gEmGeJJFuYh7EQnp2XdTP1o"

NAMES = [
    "ChunkedTransferEncoding",
    "GZipContentEncoding",
    "OutputTransform",
    "create_signed_value",
    "decode_signed_value",
]

HANDLER_NAMES = [
    "check_xsrf_cookie",
    "create_signed_value",
    "get_secure_cookie",
    "set_secure_cookie",
    "xsrf_cookie_name",
    "xsrf_form_html",
    "xsrf_token",
]


def test_names() -> None:
    assert [name for name in NAMES if not hasattr(cyclone.web, name)] == []
    assert [name for name in HANDLER_NAMES if not hasattr(cyclone.web.RequestHandler, name)] == []


def as_cyclone_1_signs(name: str, value: str, timestamp: int) -> str:
    """The algorithm of cyclone 1.3."""
    encoded = base64.b64encode(value.encode()).decode()
    signature = hmac.new(SECRET.encode(), digestmod=hashlib.sha1)
    for part in (name, encoded, str(timestamp)):
        signature.update(part.encode())
    return f"{encoded}|{timestamp}|{signature.hexdigest()}"


# --- logging in ----------------------------------------------------------------------------------


class BaseHandler(cyclone.web.RequestHandler):
    """As in the applications made from cyclone's skeletons."""

    def get_current_user(self) -> Any:
        user = self.get_secure_cookie("user")
        return json_decode(user) if user else None


class IndexHandler(BaseHandler):
    @cyclone.web.authenticated
    def get(self) -> None:
        self.write(f"user {self.current_user['id']}")


class SignInHandler(BaseHandler):
    def get(self) -> None:
        self.write(f'<form method="post">{self.xsrf_form_html()}</form>')

    def post(self) -> None:
        self.set_secure_cookie("user", json_encode({"id": 7}))
        self.redirect(self.get_argument("next", "/"))


class SignOutHandler(BaseHandler):
    def get(self) -> None:
        self.clear_cookie("user")
        self.redirect("/")


def site(**settings: Any) -> Client:
    routes = [("/", IndexHandler), ("/signin", SignInHandler), ("/signout", SignOutHandler)]
    return Client(
        cyclone.web.Application(
            routes, login_url="/signin", cookie_secret=SECRET, xsrf_cookies=True, **settings
        )
    )


def test_a_visit() -> None:
    client = site()
    assert client.get("/").headers["Location"] == "/signin?next=%2F"
    form = client.get("/signin?next=/").text
    token = form.partition('value="')[2].partition('"')[0]
    assert client.post("/signin?next=/").status == 403
    assert client.post("/signin?next=/", form={"_xsrf": token}).headers["Location"] == "/"
    assert client.get("/").text == "user 7"
    client.get("/signout")
    assert client.get("/").status == 302


def test_class_14_cookies_of_cyclone_1_are_read() -> None:
    fresh = as_cyclone_1_signs("user", '{"id": 7}', int(time.time()) - 86400)
    assert site().get("/", headers={"Cookie": f'user="{fresh}"'}).text == "user 7"
    assert site().get("/", headers={"Cookie": f"user={fresh}"}).text == "user 7"
    old = as_cyclone_1_signs("user", '{"id": 7}', int(time.time()) - 32 * 86400)
    with recorded_log() as lines:
        assert site().get("/", headers={"Cookie": f'user="{old}"'}).status == 302
    assert any("Expired cookie" in line.text for line in lines)


def test_a_value_that_cyclone_1_has_written() -> None:
    written = "eyJpZCI6IDd9|1400000000|1692a9ae599b6b6c5b91f2bf9bc93dfdf29edebf"
    assert as_cyclone_1_signs("user", '{"id": 7}', 1400000000) == written
    # This is how applications call it: without a handler, with three arguments.
    decode = cyclone.web.decode_signed_value
    assert decode(SECRET, "user", written, max_age_days=36500) == b'{"id": 7}'
    assert decode(SECRET, "user", written) is None
    signed = cyclone.web.create_signed_value(SECRET, "user", "x")
    assert decode(SECRET, "user", signed.decode()) == b"x"


def test_a_secure_cookie_of_its_own_kind() -> None:
    """GlobaLeaks and others have methods of their own over ours."""

    class Handler(cyclone.web.RequestHandler):
        def get_secure_cookie(self, name: str, *args: Any, **kwargs: Any) -> Any:
            value = super().get_secure_cookie(name, *args, **kwargs)
            return value.decode("utf-8") if value is not None else None

        def get(self) -> None:
            self.write(repr(self.get_secure_cookie("user", None, 1)))
            self.set_secure_cookie("user", "ann", expires_days=None)

    client = client_of(Handler, cookie_secret=SECRET)
    assert [client.get("/").text, client.get("/").text] == ["None", "'ann'"]


# --- tokens --------------------------------------------------------------------------------------


def test_class_17_tokens_of_cyclone_1_are_read() -> None:
    """A page that was loaded before the server was exchanged."""
    token = binascii.b2a_hex(uuid.uuid4().bytes).decode()
    cookie = {"Cookie": f"_xsrf={token}"}
    assert site().post("/signin", form={"_xsrf": token}, headers=cookie).status == 302
    other = binascii.b2a_hex(uuid.uuid4().bytes).decode()
    assert site().post("/signin", form={"_xsrf": other}, headers=cookie).status == 403


def test_a_name_of_its_own() -> None:
    class Handler(cyclone.web.RequestHandler):
        xsrf_cookie_name = "tok"

        def get(self) -> None:
            self.write(self.xsrf_form_html())

        def post(self) -> None:
            self.write("done")

    client = client_of(Handler, xsrf_cookies=True, xsrf_cookie_name="unused")
    response = client.get("/")
    token = response.text.partition('value="')[2].partition('"')[0]
    assert response.text == f'<input type="hidden" name="tok" value="{token}"/>'
    assert response.headers["Set-Cookie"].startswith("tok=")
    assert client.post("/", form={"tok": token}).body == b"done"
    with recorded_log() as lines:
        assert client.post("/", form={"_xsrf": token}).status == 403
    assert any("'tok' argument missing" in line.text for line in lines)


def test_tokens_that_an_application_makes() -> None:
    """Several applications have copied the property, to give the cookie other attributes."""

    class Handler(cyclone.web.RequestHandler):
        @property
        def xsrf_token(self) -> Any:
            if not hasattr(self, "_xsrf_token"):
                token: Any = self.get_cookie("_xsrf")
                if not token:
                    token = binascii.b2a_hex(uuid.uuid4().bytes)
                    self.set_cookie("_xsrf", token, secure=True)
                self._xsrf_token = token
            return self._xsrf_token

        def get(self) -> None:
            self.write(self.xsrf_token)
            self.write(b"." * 5000)

        def post(self) -> None:
            self.write("done")

    client = client_of(Handler, xsrf_cookies=True, gzip=True)
    token = client.get("/").text.rstrip(".")
    cookie = {"Cookie": f"_xsrf={token}", "Accept-Encoding": "gzip"}
    # It is not masked, so the page is not compressed.
    assert client.get("/", headers=cookie).text == token + "." * 5000
    assert client.post("/", form={"_xsrf": token}, headers=cookie).body == b"done"
    assert client.post("/", headers=cookie).status == 403


def test_users_that_an_application_remembers() -> None:
    class Handler(cyclone.web.RequestHandler):
        @property
        def current_user(self) -> Any:
            if not hasattr(self, "_current_user"):
                self._current_user = "ann"
            return self._current_user

        @cyclone.web.authenticated
        def get(self) -> None:
            self.write(self.current_user)

    assert client_of(Handler).get("/").body == b"ann"


def test_handlers_without_tokens() -> None:
    class Api(cyclone.web.RequestHandler):
        no_xsrf = True

        @defer.inlineCallbacks
        def post(self) -> Any:
            yield defer.succeed(None)
            self.finish("done")

    class Hook(cyclone.web.RequestHandler):
        def check_xsrf_cookie(self) -> None:
            pass

        def post(self) -> None:
            self.finish("done")

    for handler in (Api, Hook):
        assert client_of(handler, xsrf_cookies=True).post("/").body == b"done"


# --- compression ---------------------------------------------------------------------------------


def test_gzip() -> None:
    class Handler(cyclone.web.RequestHandler):
        def get(self) -> None:
            self.write({"numbers": list(range(1000))})

    client = client_of(Handler, gzip=True)
    response = client.get("/", headers={"Accept-Encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert json_decode(gzip.decompress(response.body))["numbers"][-1] == 999


@pytest.mark.parametrize("kind", ["ChunkedTransferEncoding", "GZipContentEncoding"])
def test_transforms_by_name(kind: str) -> None:
    class Handler(cyclone.web.RequestHandler):
        def get(self) -> None:
            self.write("a" * 5000)
            self.flush()
            self.write("b")

    transform = getattr(cyclone.web, kind)
    app = cyclone.web.Application([("/", Handler)], transforms=[transform])
    assert Client(app).get("/").body == b"a" * 5000 + b"b"
