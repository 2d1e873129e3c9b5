"""Handlers' methods for signed cookies, and requests that another site may have made."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from twisted.internet.defer import Deferred, succeed

from cyclone.testing import Client
from cyclone.web import (
    Application,
    ErrorHandler,
    HTTPError,
    RedirectHandler,
    RequestHandler,
    create_signed_value,
    stream_request_body,
)
from cyclone.web.xsrf import SAFE_METHODS, parse_token
from tests.web.support import client_of, doing, problems, recorded_log

SECRET = "kept at home"

# --- signed cookies ------------------------------------------------------------------------------


class Signed(RequestHandler):
    """Sets a signed cookie with POST, shows it with GET."""

    def get(self) -> None:
        value = self.get_signed_cookie("user")
        version = self.get_signed_cookie_key_version("user")
        self.write({"user": None if value is None else value.decode("latin-1"), "key": version})

    def post(self) -> None:
        self.set_signed_cookie("user", self.request.body)


def shown(client: Client) -> Any:
    return client.get("/").json()


@pytest.mark.parametrize("secret", [SECRET, SECRET.encode(), {0: SECRET}, {3: SECRET, 4: "x"}])
@pytest.mark.parametrize("value", ["ann", "", "\xe9\x00;\n"])
def test_round_trip(secret: Any, value: str) -> None:
    key_version = min(secret) if isinstance(secret, dict) else None
    client = client_of(Signed, cookie_secret=secret, key_version=key_version)
    assert shown(client) == {"user": None, "key": None}
    client.post("/", body=value.encode("latin-1"))
    assert shown(client) == {"user": value, "key": key_version or 0}


def test_class_14_rotation_of_the_secret() -> None:
    client = client_of(Signed, cookie_secret={1: "old"}, key_version=1)
    client.post("/", body=b"ann")
    settings = client.app.settings
    settings["cookie_secret"], settings["key_version"] = {1: "old", 2: "new"}, 2
    assert shown(client) == {"user": "ann", "key": 1}
    client.post("/", body=b"bob")
    assert shown(client) == {"user": "bob", "key": 2}
    settings["cookie_secret"] = {3: "newer"}
    assert shown(client) == {"user": None, "key": 2}


def test_the_cookie_lasts_a_month_unless_told() -> None:
    def action(self: RequestHandler) -> None:
        self.set_signed_cookie("a", "1")
        self.set_signed_cookie("b", "1", expires_days=None, httponly=True, samesite="Lax")

    a, b = client_of(doing(action), cookie_secret=SECRET).get("/").headers.get_list("Set-Cookie")
    assert "; expires=" in a
    assert b.endswith("; HttpOnly; Path=/; SameSite=Lax")


@pytest.mark.parametrize("version", [1, 2])
def test_values_that_are_no_cookies(version: int) -> None:
    def action(self: RequestHandler) -> None:
        signed = self.create_signed_value("mail", "ann@example", version=version).decode()
        self.write(self.get_signed_cookie("mail", signed) or b"")
        self.write(str(self.get_signed_cookie_key_version("mail", signed)))
        refused = self.get_signed_cookie(
            "mail", signed, min_version=version + 1 if version < 2 else 2
        )
        self.write(b" refused" if refused is None else b"")

    expected = {1: b"ann@exampleNone refused", 2: b"ann@example0"}
    assert client_of(doing(action), cookie_secret=SECRET).get("/").body == expected[version]


def test_class_14_age_is_checked() -> None:
    def action(self: RequestHandler) -> None:
        self.write(str(self.get_signed_cookie("a", max_age_days=1)))

    old = create_signed_value(SECRET, "a", "b", clock=lambda: 1_500_000_000).decode()
    client = client_of(doing(action), cookie_secret=SECRET)
    assert client.get("/", headers={"Cookie": f'a="{old}"'}).body == b"None"


@pytest.mark.parametrize(
    "action",
    [
        lambda self: self.set_signed_cookie("a", "b"),
        lambda self: self.get_signed_cookie("a"),
        lambda self: self.get_signed_cookie_key_version("a"),
        lambda self: self.create_signed_value("a", "b"),
    ],
)
@pytest.mark.parametrize("settings", [{}, {"cookie_secret": ""}])
def test_class_14_no_secret_no_signature(action: Any, settings: Any) -> None:
    with recorded_log() as lines:
        assert client_of(doing(action), **settings).get("/").status == 500
    assert "cookie_secret" in problems(lines)[0]


def test_several_secrets_need_a_key_version() -> None:
    client = client_of(doing(lambda self: self.set_signed_cookie("a", "b")), cookie_secret={0: "x"})
    with recorded_log() as lines:
        assert client.get("/").status == 500
    assert "key_version" in problems(lines)[0]


# --- tokens --------------------------------------------------------------------------------------


class Form(RequestHandler):
    """Shows a token, and takes everything else."""

    def get(self) -> None:
        self.write(self.xsrf_token)
        # The token of a request stays the same.
        if self.xsrf_token != self.xsrf_token:
            raise AssertionError

    def post(self) -> None:
        self.write("done")

    put = patch = delete = post


def guarded(handler: type[RequestHandler] = Form, **settings: Any) -> Client:
    return client_of(handler, xsrf_cookies=True, **settings)


def token_of(client: Client) -> str:
    return client.get("/").text


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_class_17_the_token_lets_in(version: int, method: str) -> None:
    client = guarded(xsrf_cookie_version=version)
    token = token_of(client)
    assert client.request(method, "/", form={"_xsrf": token}).status == 200
    assert client.request(method, "/?" + urlencode({"_xsrf": token})).status == 200
    for name in ("X-XSRFToken", "X-CSRFToken", "x-csrftoken"):
        assert client.request(method, "/", headers={name: token}).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_class_17_without_it_nobody_is(method: str) -> None:
    client = guarded()
    token = token_of(client)
    other = token_of(guarded())
    for form in ({}, {"_xsrf": ""}, {"_xsrf": other}, {"_xsrf": "3|"}, {"_xsrf": "2|00000000||1"}):
        assert client.request(method, "/", form=form).status == 403
    # Without the cookie, or with one that is none.
    stranger = guarded()
    assert stranger.request(method, "/", form={"_xsrf": token}).status == 403
    for cookie in ("3|", "", "2|00000000||1", other):
        headers = {"Cookie": f"_xsrf={cookie}"}
        assert stranger.request(method, "/", form={"_xsrf": token}, headers=headers).status == 403
    # The method that counts is the one of the request line.
    override = {"X-HTTP-Method-Override": "GET"}
    assert client.request(method, "/", headers=override).status == 403


def test_class_17_an_empty_token_is_not_equal_to_an_empty_cookie() -> None:
    headers = {"Cookie": "_xsrf=2|00000000||1"}
    assert guarded().post("/", form={"_xsrf": "2|00000000||1"}, headers=headers).status == 403


def test_why_is_logged() -> None:
    client = guarded()
    token_of(client)
    for form, why in [
        ({}, "'_xsrf' argument missing from POST"),
        ({"_xsrf": "3|"}, "'_xsrf' argument has invalid format"),
        ({"_xsrf": "abcd"}, "XSRF cookie does not match POST argument"),
    ]:
        with recorded_log() as lines:
            client.post("/", form=form)
        assert any(why in line.text for line in lines)


def test_safe_methods_are_not_checked() -> None:
    assert {"GET", "HEAD", "OPTIONS"} == SAFE_METHODS
    client = client_of(doing(lambda self: None), xsrf_cookies=True, cross_origin_protection=True)
    for method in ("GET", "HEAD"):
        headers = {"Sec-Fetch-Site": "cross-site"}
        assert client.request(method, "/", headers=headers).status == 200


def test_the_cookie_is_set_once() -> None:
    client = guarded()
    first = client.get("/")
    assert first.headers["Set-Cookie"].startswith("_xsrf=2|")
    again = client.get("/")
    assert "Set-Cookie" not in again.headers
    one, other = parse_token(first.text), parse_token(again.text)
    assert one is not None
    assert other is not None
    assert first.text != again.text
    assert one.secret == other.secret


def test_tokens_of_both_versions_go_together() -> None:
    client = guarded(xsrf_cookie_version=1)
    old = token_of(client)
    client.app.settings["xsrf_cookie_version"] = 2
    new = token_of(client)
    assert new != old
    for token in (old, new):
        assert client.post("/", form={"_xsrf": token}).status == 200


def test_cookie_name_and_attributes() -> None:
    attributes = {"secure": True, "httponly": True, "samesite": "Strict"}
    client = guarded(xsrf_cookie_name="__Host-xsrf", xsrf_cookie_kwargs=attributes)
    response = client.get("/")
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("__Host-xsrf=")
    assert cookie.endswith("; HttpOnly; Path=/; SameSite=Strict; Secure")
    headers = {"Cookie": f"__Host-xsrf={response.text}"}
    assert client.post("/", form={"_xsrf": response.text}, headers=headers).status == 200
    headers = {"Cookie": f"_xsrf={response.text}"}
    assert client.post("/", form={"_xsrf": response.text}, headers=headers).status == 403


@pytest.mark.parametrize(
    ("user", "lasts"), [(None, False), ("ann", True), (succeed("ann"), False)], ids=["0", "1", "2"]
)
def test_the_cookie_of_a_user_lasts(user: Any, lasts: bool) -> None:
    class Handler(Form):
        def get_current_user(self) -> Any:
            return user

    attributes: dict[str, Any] = {}
    client = guarded(Handler, xsrf_cookie_kwargs=attributes)
    assert ("expires=" in client.get("/").headers["Set-Cookie"]) is lasts
    assert attributes == {}  # the setting stays as it was


def test_a_form_that_is_shown_again() -> None:
    class Again(Form):
        def post(self) -> None:
            self.write(self.xsrf_token)

    client = guarded(Again)
    again = client.post("/", form={"_xsrf": token_of(client)})
    assert "Set-Cookie" not in again.headers
    assert client.post("/", form={"_xsrf": again.text}).status == 200


def test_unknown_version() -> None:
    with recorded_log() as lines:
        assert guarded(xsrf_cookie_version=3).get("/").status == 500
    assert "unknown xsrf cookie version 3" in problems(lines)[0]


def test_class_12_the_hidden_field_is_escaped() -> None:
    client = guarded(doing(lambda self: self.write(self.xsrf_form_html())))
    html = client.get("/").text
    assert html.startswith('<input type="hidden" name="_xsrf" value="2|')
    assert html.endswith('"/>')
    cookie = {"Cookie": '_xsrf="\\042><script>"'}
    assert "script" not in client.get("/", headers=cookie).text


def test_no_xsrf() -> None:
    """cyclone 1.x: a handler that programs talk to."""

    class Open(Form):
        no_xsrf = True

    client = guarded(Open, cross_origin_protection=True)
    assert client.post("/", headers={"Sec-Fetch-Site": "cross-site"}).status == 200


def test_checks_of_an_application() -> None:
    class Own(Form):
        def check_xsrf_cookie(self) -> None:
            if self.request.headers.get("X-Key") != "sesame":
                raise HTTPError(401)

    assert guarded(Own).post("/").status == 401
    assert guarded(Own).post("/", headers={"X-Key": "sesame"}).status == 200


def test_class_17_asynchronous_checks_let_nobody_in() -> None:
    class Waiting(Form):
        async def check_xsrf_cookie(self) -> None:  # type: ignore[override]
            raise HTTPError(401)

        async def check_trusted_origin(self, origin: str) -> bool:  # type: ignore[override]
            return False

    class Deferring(Form):
        def check_trusted_origin(self, origin: str) -> Any:
            return succeed(False)

    origin = {"Origin": "https://evil.example"}
    for client in (
        client_of(Waiting, xsrf_cookies=True),
        client_of(Waiting, cross_origin_protection=True),
        client_of(Deferring, cross_origin_protection=True),
    ):
        with recorded_log() as lines:
            assert client.post("/", headers=origin).status == 500
        assert "must not be asynchronous" in problems(lines)[0]


def test_not_enabled_not_checked() -> None:
    client = client_of(Form)
    assert client.post("/", headers={"Sec-Fetch-Site": "cross-site"}).status == 200
    # The settings are looked at with each request.
    client.app.settings["xsrf_cookies"] = True
    assert client.post("/").status == 403


# --- where in the life of a request --------------------------------------------------------------


def test_class_17_the_check_comes_before_prepare() -> None:
    class Handler(Form):
        prepared = 0

        def prepare(self) -> None:
            type(self).prepared += 1
            self.finish("prepared")

    for settings in ({"xsrf_cookies": True}, {"cross_origin_protection": True}):
        client = client_of(Handler, **settings)
        assert client.post("/", headers={"Sec-Fetch-Site": "cross-site"}).status == 403
    assert Handler.prepared == 0
    assert client.get("/").body == b"prepared"


def test_class_17_the_check_comes_before_a_streamed_body() -> None:
    pieces: list[bytes] = []

    @stream_request_body
    class Upload(Form):
        def data_received(self, chunk: bytes) -> None:
            pieces.append(chunk)

    client = guarded(Upload)
    token = token_of(client)
    # A token in the body comes too late.
    assert client.post("/", form={"_xsrf": token}).status == 403
    assert pieces == []
    assert client.post("/", body=b"abc", headers={"X-XSRFToken": token}).status == 200
    assert client.post("/?" + urlencode({"_xsrf": token}), body=b"d").status == 200
    assert pieces == [b"abc", b"d"]


def test_class_17_the_check_comes_before_a_method_that_is_not_there() -> None:
    class Reader(RequestHandler):
        def get(self) -> None:
            self.write(self.xsrf_token)

    client = guarded(Reader)
    assert client.post("/").status == 403
    token = token_of(client)
    assert client.post("/", headers={"X-XSRFToken": token}).status == 405


def test_handlers_of_the_framework() -> None:
    routes = [
        ("/gone", ErrorHandler, {"status_code": 410}),
        ("/moved", RedirectHandler, {"url": "/"}),
    ]
    client = Client(Application(routes, xsrf_cookies=True, cross_origin_protection=True))
    evil = {"Origin": "https://evil.example"}
    assert client.post("/gone", headers=evil).status == 410
    assert client.post("/nowhere", headers=evil).status == 404
    assert client.post("/moved", headers=evil).status == 403


def test_a_refusal_that_waits_for_its_page() -> None:
    gate: Deferred[None] = Deferred()

    class Handler(Form):
        async def write_error(self, status_code: int, **kwargs: Any) -> None:
            await gate
            self.finish("go away")

    pending = guarded(Handler).open("POST", "/")
    assert not pending.complete
    gate.callback(None)
    assert (pending.response.status, pending.response.body) == (403, b"go away")


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_class_17_nothing_makes_another_method_of_a_request(name: str) -> None:
    client = guarded()
    assert client.get("/", headers={name: "POST"}).text != "done"
    assert client.get("/", {"_method": "POST"}).text != "done"
    token = token_of(client)
    assert client.post("/", headers={name: "GET"}).status == 403
    assert client.post("/", form={"_method": "GET", "_xsrf": token}).text == "done"


# --- cross-origin protection ---------------------------------------------------------------------

HERE = "http://localhost"

#: fields of a POST, status
ORIGINS: list[tuple[dict[str, str], int]] = [
    ({}, 200),
    ({"Sec-Fetch-Site": "same-origin"}, 200),
    ({"Sec-Fetch-Site": "none"}, 200),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site", "Origin": "https://a.localhost"}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Origin": HERE}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "https://friend.example"}, 200),
    ({"Origin": HERE}, 200),
    ({"Origin": "https://friend.example"}, 200),
    ({"Origin": "https://friend.example/"}, 403),
    ({"Origin": "http://friend.example"}, 403),
    ({"Origin": "https://friend.example.evil.example"}, 403),
    ({"Origin": "https://friend"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "https://evil.example", "Referer": HERE}, 403),
]


@pytest.mark.parametrize(("fields", "status"), ORIGINS)
@pytest.mark.parametrize(
    "trusted", ["https://friend.example", ["https://friend.example"], {"https://friend.example"}]
)
def test_class_17_origins(fields: dict[str, str], status: int, trusted: Any) -> None:
    client = client_of(Form, cross_origin_protection=True, trusted_origins=trusted)
    with recorded_log() as lines:
        assert client.post("/", headers=fields).status == status
    assert any("not allowed" in line.text for line in lines) is (status == 403)


def test_class_17_nobody_is_trusted_unless_told() -> None:
    client = client_of(Form, cross_origin_protection=True)
    assert client.post("/", headers={"Origin": "https://friend.example"}).status == 403


def test_origins_that_a_handler_trusts() -> None:
    asked: list[str] = []

    class Handler(Form):
        def check_trusted_origin(self, origin: str) -> bool:
            asked.append(origin)
            return origin.endswith(".friend.example")

    client = client_of(Handler, cross_origin_protection=True)
    assert client.post("/", headers={"Sec-Fetch-Site": "same-origin"}).status == 200
    assert client.post("/", headers={"Origin": HERE}).status == 200
    assert asked == []
    assert client.post("/", headers={"Origin": "https://a.friend.example"}).status == 200
    assert client.post("/", headers={"Origin": "https://evil.example"}).status == 403
    assert asked == ["https://a.friend.example", "https://evil.example"]


def test_class_17_both_protections_are_asked() -> None:
    client = client_of(Form, xsrf_cookies=True, cross_origin_protection=True)
    token = token_of(client)
    evil = {"X-XSRFToken": token, "Origin": "https://evil.example"}
    assert client.post("/", headers=evil).status == 403
    assert client.post("/", headers={"Sec-Fetch-Site": "same-origin"}).status == 403
    assert client.post("/", headers={"X-XSRFToken": token, "Origin": HERE}).status == 200


def test_class_19_what_an_origin_says_is_no_line_of_the_log() -> None:
    client = client_of(Form, cross_origin_protection=True)
    with recorded_log() as lines:
        client.post("/", headers={"Origin": "%s %(x)s {boom}"})
    assert any("Origin '%s %(x)s {boom}' not allowed" in line.text for line in lines)
