"""The mixins and services that are made up."""

from __future__ import annotations

import hashlib
import json
import warnings
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from twisted.internet.defer import inlineCallbacks
from twisted.logger import globalLogPublisher

from cyclone import auth
from cyclone.auth.openid import parse_key_values
from cyclone.web import Application, RequestHandler
from tests.httpclient.support import serving


class Service(RequestHandler):
    """Answers what the test says, and keeps what it was asked."""

    def any(self, path: str) -> Any:
        self.application.asked.append(self.request)
        answer = self.application.answers[path]
        if callable(answer):
            answer = answer(self)
        self.finish(answer)

    get = post = any  # type: ignore[assignment]


class Page(RequestHandler):
    """What the test makes of it; errors of the mixins are its answer."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs["exc_info"][1]
        self.finish(f"{type(error).__name__}: {error}")

    def log_exception(self, *_: Any) -> None:
        pass

    def get_auth_http_client(self) -> Any:
        return self.application.client  # type: ignore[attr-defined]

    @property
    def service(self) -> str:
        return self.application.url + "/service/"  # type: ignore[attr-defined, no-any-return]


@asynccontextmanager
async def site(handler: type[RequestHandler], **settings: Any) -> AsyncIterator[Any]:
    app: Any = Application([(r"/service/(.*)", Service), (r"/login", handler)], **settings)
    app.asked, app.answers = [], {}
    async with serving(app) as served:
        app.client, app.url = served.client, served.url
        app.login = lambda query="", cookie="", **kw: served.fetch(
            f"/login?{query}",
            headers={"Cookie": cookie} if cookie else None,
            follow_redirects=False,
            raise_error=False,
            **kw,
        )
        yield app


def location(response: Any) -> tuple[str, dict[str, str]]:
    url, _, query = response.headers["Location"].partition("?")
    return url, {name: values[0] for name, values in parse_qs(query).items()}


def cookie_of(response: Any) -> str:
    return response.headers.get_list("Set-Cookie")[0].partition(";")[0]  # type: ignore[no-any-return]


# -- OAuth 1


class Mixed1(Page, auth.OAuthMixin):
    def initialize(self) -> None:
        self._OAUTH_REQUEST_TOKEN_URL = self.service + "request"
        self._OAUTH_ACCESS_TOKEN_URL = self.service + "access"
        self._OAUTH_AUTHORIZE_URL = self.service + "authorize"

    def _oauth_consumer_token(self) -> dict[str, Any]:
        return {"key": "k", "secret": "s"}

    async def _oauth_get_user_future(self, access_token: dict[str, Any]) -> Any:
        return {"name": "me"} if access_token["key"] == "access" else None

    async def get(self) -> None:
        if self.get_argument("oauth_token", None):
            self.finish(await self.get_authenticated_user())
        else:
            callback = self.get_argument("callback", None)
            await self.authorize_redirect(callback, extra_params={"x": "y"})


TOKEN = b64encode(b"tok").decode() + "|" + b64encode(b"sec").decode()
COOKIE1 = f"_oauth_request_token={TOKEN}"


async def test_oauth_1() -> None:
    async with site(Mixed1) as app:
        app.answers["request"] = "oauth_token=tok&oauth_token_secret=sec"
        app.answers["access"] = "oauth_token=access&oauth_token_secret=sec2&more=1"
        sent = await app.login("callback=/back")
        url, query = location(sent)
        assert url.endswith("/authorize")
        assert query == {"oauth_token": "tok", "oauth_callback": app.url + "/back"}
        asked = app.asked[0]
        for name in ("nonce", "timestamp", "signature", "version", "callback"):
            assert f"oauth_{name}" in asked.arguments
        assert asked.arguments["x"] == [b"y"]
        set_cookie = sent.headers["Set-Cookie"]
        assert "HttpOnly" in set_cookie and "SameSite=Lax" in set_cookie
        back = await app.login("oauth_token=tok&oauth_verifier=v", cookie_of(sent))
        assert json.loads(back.body) == {
            "name": "me",
            "access_token": {"key": "access", "secret": "sec2", "more": "1"},
        }
        assert app.asked[1].arguments["oauth_verifier"] == [b"v"]
        oob = await app.login("callback=oob")
        assert oob.body.endswith(b"/authorize?oauth_token=tok")


@pytest.mark.parametrize(
    ("cookie", "message"),
    [
        ("", "Missing"),
        ("_oauth_request_token=x", "Malformed"),
        ("_oauth_request_token=###|###", "Malformed"),
        ("_oauth_request_token=b3RoZXI=|c2Vj", "does not match"),
    ],
)
async def test_class_14_oauth_1_cookies(cookie: str, message: str) -> None:
    async with site(Mixed1) as app:
        response = await app.login("oauth_token=tok", cookie)
        assert response.code == 500 and b"AuthError" in response.body
        assert message.encode() in response.body
        assert app.asked == []


async def test_oauth_1_services_that_fail() -> None:
    async with site(Mixed1) as app:
        app.answers["request"] = "nonsense"
        assert b"no token" in (await app.login()).body
        app.answers["access"] = "oauth_token=other&oauth_token_secret=x"
        assert b"Error getting user" in (await app.login("oauth_token=tok", COOKIE1)).body


async def test_oauth_1_0_and_callbacks_of_cyclone_1() -> None:
    class Old(Mixed1):
        _OAUTH_VERSION = "1.0"
        _OAUTH_NO_CALLBACKS = True

        def _oauth_get_user(self, access_token: Any, callback: Any) -> None:
            callback({"name": "old"})

        @inlineCallbacks
        def get(self) -> Any:  # type: ignore[override]
            if self.get_argument("oauth_token", None):
                yield self.get_authenticated_user(self._on_auth)
            else:
                yield self.authorize_redirect(self.get_argument("callback", None))

        def _on_auth(self, user: Any) -> None:
            self.finish(user or "nobody")

    async with site(Old) as app:
        app.answers["request"] = "oauth_token=tok&oauth_token_secret=sec"
        app.answers["access"] = "oauth_token=access&oauth_token_secret=sec2"
        assert "oauth_callback" not in location(await app.login())[1]
        assert json.loads((await app.login("oauth_token=tok", COOKIE1)).body)["name"] == "old"
        assert b"oauth_callback" in (await app.login("callback=/x")).body
        logged: list[Any] = []
        globalLogPublisher.addObserver(logged.append)
        try:
            assert (await app.login("oauth_token=tok")).body == b"nobody"
            app.answers["access"] = lambda handler: handler.set_status(401) or ""
            assert (await app.login("oauth_token=tok", COOKIE1)).body == b"nobody"
        finally:
            globalLogPublisher.removeObserver(logged.append)
        assert sum("Authentication failed" in str(e.get("log_format")) for e in logged) == 2


async def test_twitter() -> None:
    class Twitter(Page, auth.TwitterMixin):
        def initialize(self) -> None:
            self._OAUTH_REQUEST_TOKEN_URL = self.service + "request"
            self._OAUTH_ACCESS_TOKEN_URL = self.service + "access"
            self._OAUTH_AUTHENTICATE_URL = self.service + "authenticate"
            self._TWITTER_BASE_URL = self.service + "api"

        async def get(self) -> None:
            if self.get_argument("oauth_token", None):
                self.finish(await self.get_authenticated_user())
            elif self.get_argument("post", None):
                token = {"key": "a", "secret": "b"}
                self.finish(
                    await self.twitter_request(
                        "/update", access_token=token, post_args={"status": "x"}
                    )
                )
            else:
                await self.authenticate_redirect()

    settings = {"twitter_consumer_key": "k", "twitter_consumer_secret": "s"}
    async with site(Twitter, **settings) as app:
        app.answers = {
            "request": "oauth_token=tok&oauth_token_secret=sec",
            "access": "oauth_token=a&oauth_token_secret=b",
            "api/account/verify_credentials.json": '{"screen_name": "foo"}',
            "api/update.json": '{"id": 1}',
        }
        assert location(await app.login())[0].endswith("/authenticate")
        user = json.loads((await app.login("oauth_token=tok", COOKIE1)).body)
        assert user["username"] == "foo"
        assert (await app.login("post=1")).body == b'{"id": 1}'
        assert app.asked[-1].body == b"status=x"


# -- OAuth 2


class Github(Page, auth.GithubMixin):
    def initialize(self) -> None:
        self._OAUTH_AUTHORIZE_URL = "https://github.example/authorize?"
        self._OAUTH_ACCESS_TOKEN_URL = self.service + "access"
        self._GITHUB_BASE_URL = self.service + "api"

    async def get(self) -> None:
        if self.get_argument("code", None):
            user = await self.get_authenticated_user(
                redirect_uri="http://here/", client_id="i", client_secret="s", code="c"
            )
            assert await self.github_request("/empty", b=1) is None
            self.finish(user)
        else:
            self.authorize_redirect("http://here/", "i", scope=["a", "b"], extra_params={"x": "y"})


async def test_github_and_its_state() -> None:
    async with site(Github) as app:
        app.answers["access"] = '{"access_token": "t"}'
        app.answers["api/user"] = '{"login": "me", "secret": "x"}'
        app.answers["api/empty"] = ""
        sent = await app.login()
        _, query = location(sent)
        state = query.pop("state")
        assert query == {
            "response_type": "code",
            "client_id": "i",
            "redirect_uri": "http://here/",
            "scope": "a b",
            "x": "y",
        }
        user = json.loads((await app.login(f"code=c&state={state}", cookie_of(sent))).body)
        assert user["login"] == "me" and user["access_token"] == "t" and "secret" not in user
        assert app.asked[1].headers["Authorization"] == "Bearer t"
        app.asked.clear()
        for query_string, cookie in (
            ("code=c&state=x", cookie_of(sent)),
            ("code=c", cookie_of(sent)),
            (f"code=c&state={state}", ""),
        ):
            assert b"AuthError" in (await app.login(query_string, cookie)).body
        assert app.asked == []
        app.answers["access"] = '{"error": "bad_verification_code"}'
        refused = await app.login(f"code=c&state={state}", cookie_of(sent))
        assert b"no access token" in refused.body


class Careful(Page, auth.OAuth2Mixin):
    """A service of one's own, with everything switched on."""

    _OAUTH_AUTHORIZE_URL = "https://service.example/authorize"
    _OAUTH_USE_STATE = _OAUTH_USE_PKCE = True

    def initialize(self) -> None:
        self._OAUTH_ACCESS_TOKEN_URL = self.service + "access"

    async def get(self) -> None:
        code = self.get_argument("code", None)
        if code is None:
            self.authorize_redirect("http://here/", "i")
        else:
            secret = self.get_argument("secret", None)
            more = {"a": "b"} if secret else None
            self.finish(await self.exchange_code("http://here/", "i", secret, code, more))


def cookies_of(response: Any) -> dict[str, str]:
    found = (line.partition(";")[0] for line in response.headers.get_list("Set-Cookie"))
    return dict(pair.split("=", 1) for pair in found)


@pytest.mark.parametrize("secret", ["", "s"])
async def test_pkce_and_services_of_ones_own(secret: str) -> None:
    async with site(Careful) as app:
        app.answers["access"] = '{"access_token": "t", "scope": "all"}'
        sent = await app.login()
        _, query = location(sent)
        assert query.pop("code_challenge_method") == "S256"
        cookies = cookies_of(sent)
        verifier = cookies["_oauth_verifier"]
        digest = b64encode(hashlib.sha256(verifier.encode()).digest(), b"-_").rstrip(b"=")
        assert query.pop("code_challenge") == digest.decode()
        assert 43 <= len(verifier) <= 128 and verifier not in sent.headers["Location"]
        back = f"code=c&state={query['state']}" + (f"&secret={secret}" if secret else "")
        header = "; ".join("=".join(pair) for pair in cookies.items())
        answer = await app.login(back, header)
        assert json.loads(answer.body) == {"access_token": "t", "scope": "all"}
        assert cookies_of(answer) == {"_oauth_state": '""', "_oauth_verifier": '""'}  # spent
        expected = {
            "grant_type": "authorization_code",
            "client_id": "i",
            "code": "c",
            "code_verifier": verifier,
            "redirect_uri": "http://here/",
        }
        expected |= {"client_secret": secret, "a": "b"} if secret else {}
        form = parse_qs(app.asked.pop().body.decode())
        assert {name: values for name, (values,) in form.items()} == expected
        refused = await app.login(back, f"_oauth_state={query['state']}")
        assert refused.body == b"AuthError: Missing OAuth verifier cookie" and not app.asked


async def test_google() -> None:
    class Google(Page, auth.GoogleOAuth2Mixin):
        def initialize(self) -> None:
            self._OAUTH_ACCESS_TOKEN_URL = self.service + "access"

        async def get(self) -> None:
            access = await self.get_authenticated_user("http://here/", "c")
            url = self.service + "me"
            me = await self.oauth2_request(url, access_token=access["access_token"], alt="json")
            posted = await self.oauth2_request(url, post_args={"a": "b"})
            self.finish({"me": me, "posted": posted})

    async with site(Google, google_oauth={"key": "k", "secret": "s"}) as app:
        app.answers = {"access": '{"access_token": "t"}', "me": '{"name": "me"}'}
        assert json.loads((await app.login()).body)["me"] == {"name": "me"}
        assert parse_qs(app.asked[0].body.decode())["client_secret"] == ["s"]
        assert app.asked[1].arguments == {"access_token": [b"t"], "alt": [b"json"]}
        assert app.asked[2].body == b"a=b"


async def test_facebook() -> None:
    class Facebook(Page, auth.FacebookGraphMixin):
        def initialize(self) -> None:
            self._OAUTH_ACCESS_TOKEN_URL = self.service + "access?"
            self._OAUTH_AUTHORIZE_URL = self.service + "authorize?"
            self._FACEBOOK_BASE_URL = self.service + "graph"
            self._OAUTH_USE_STATE = bool(self.get_argument("strict", None))

        async def get(self) -> None:
            user = await self.get_authenticated_user(
                redirect_uri="http://here/",
                client_id="i",
                client_secret="s",
                code="c",
                extra_fields=["email"],
            )
            self.finish(user or "nobody")

    async with site(Facebook) as app:
        app.answers = {
            "access": '{"access_token": "t", "expires_in": 5}',
            "graph/me": '{"email": "a@b"}',
        }
        user = json.loads((await app.login()).body)
        assert (user["email"], user["session_expires"], user["id"]) == ("a@b", "5", None)
        assert len(app.asked[1].arguments["appsecret_proof"][0]) == 64
        app.answers["graph/me"] = "null"
        assert (await app.login()).body == b"nobody"
        assert b"state" in (await app.login("strict=1")).body
        app.answers["access"] = "{}"
        assert b"no access token" in (await app.login()).body


def test_the_client_secret_of_authorize_redirect_is_deprecated() -> None:
    class Mixin(auth.OAuth2Mixin):
        _OAUTH_AUTHORIZE_URL = "http://a/"

    mixin = Mixin()
    seen: list[str] = []
    mixin.redirect = seen.append
    with pytest.warns(DeprecationWarning, match="client_secret"):
        mixin.authorize_redirect(client_secret="x", response_type="token")
    assert seen == ["http://a/?response_type=token"]


# -- OpenID


class OpenId(Page, auth.OpenIdMixin):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            super().__init__(*args, **kwargs)

    def initialize(self) -> None:
        self._OPENID_ENDPOINT = self.service + "openid"

    async def get(self) -> None:
        if self.get_argument("openid.mode", None):
            self.finish(await self.get_authenticated_user())
        else:
            self.authenticate_redirect()


def openid_answer(app: Any, **changes: str | None) -> str:
    fields = {
        "mode": "id_res",
        "op_endpoint": app.url + "/service/openid",
        "return_to": app.url + "/login?x",
        "response_nonce": "n",
        "assoc_handle": "h",
        "claimed_id": "http://me/",
        "identity": "http://me/",
        "ns.e": "http://openid.net/srv/ax/1.0",
        "e.type.mail": "http://axschema.org/contact/email",
        "e.value.mail": "a@b",
    }
    fields["signed"] = ",".join(name for name in fields if name != "mode")
    fields.update({name.replace("__", "."): value for name, value in changes.items()})  # type: ignore[misc]
    given = {f"openid.{name}": value for name, value in fields.items() if value is not None}
    return urlencode(given)


VALID = "ns:http://specs.openid.net/auth/2.0\nis_valid:true\n"


async def test_openid() -> None:
    async with site(OpenId) as app:
        url, query = location(await app.login())
        assert url.endswith("/openid") and query["openid.mode"] == "checkid_setup"
        assert query["openid.return_to"].startswith(app.url + "/login")
        assert "email" in query["openid.ax.required"].split(",")
        app.answers["openid"] = VALID
        user = json.loads((await app.login(openid_answer(app))).body)
        assert user == {"name": "a", "email": "a@b", "claimed_id": "http://me/"}
        assert app.asked[0].arguments["openid.mode"] == [b"check_authentication"]


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "cancel"},
        {"mode": "blah"},
        {"signed": None},
        {"signed": "op_endpoint,return_to,response_nonce,assoc_handle"},
        {"op_endpoint": "http://evil/"},
        {"return_to": "http://evil/login"},
        {"return_to": None},
    ],
)
async def test_class_14_openid_answers_that_are_not_ours(changes: dict[str, Any]) -> None:
    async with site(OpenId) as app:
        app.answers["openid"] = VALID
        assert b"AuthError" in (await app.login(openid_answer(app, **changes))).body
        assert app.asked == []


async def test_class_14_openid_attributes_have_to_be_signed() -> None:
    async with site(OpenId) as app:
        app.answers["openid"] = VALID
        signed = "op_endpoint,return_to,response_nonce,assoc_handle,claimed_id,identity"
        user = json.loads((await app.login(openid_answer(app, signed=signed))).body)
        assert user == {"claimed_id": "http://me/"}


@pytest.mark.parametrize(
    "answer",
    [
        *("", "is_valid:false\n", "x:is_valid:true\n", "is_valid:true \n", "is_valid: true"),
        *("is_valid:false\nis_valid:true\n", "is_valid:true\nis_valid:false\n", "nonsense"),
        "x:y\r\nis_valid:true\r\n",
    ],
)
async def test_class_14_openid_confirmations(answer: str) -> None:
    async with site(OpenId) as app:
        app.answers["openid"] = answer
        assert b"AuthError" in (await app.login(openid_answer(app))).body


def test_openid_is_deprecated() -> None:
    with pytest.warns(DeprecationWarning, match="OIDCMixin"):
        auth.OpenIdMixin()
    with pytest.raises(auth.AuthError):
        parse_key_values(b"\xff:x")


def test_openid_arguments() -> None:
    mixin: Any = auth.OpenIdMixin.__new__(auth.OpenIdMixin)
    mixin.request = type("R", (), {"full_url": lambda self: "http://a:1/x", "host": "a:1"})()
    args = mixin._openid_args("/back", ["name"], oauth_scope="s")
    assert args["openid.oauth.consumer"] == "a" and args["openid.return_to"] == "http://a:1/back"
    assert args["openid.ax.required"] == "firstname,fullname,lastname"
    called: list[int] = []
    mixin.redirect = lambda url: called.append(1)
    mixin._OPENID_ENDPOINT = "http://op/"
    mixin.authenticate_redirect("/back", (), lambda: called.append(2))
    assert called == [1, 2]


# -- services that have gone


@pytest.mark.parametrize("name", ["GoogleMixin", "FriendFeedMixin", "FacebookMixin"])
def test_services_that_have_gone(name: str) -> None:
    mixin = getattr(auth, name)()
    for method in ("authorize_redirect", "authenticate_redirect", "get_authenticated_user"):
        with pytest.raises(auth.AuthError, match=r"ended|shut down"):
            getattr(mixin, method)(None)


# -- OpenID Connect


class Oidc(Page, auth.OIDCMixin):
    async def get(self) -> None:
        if self.get_argument("state", None):
            user = await self.get_authenticated_user()
            if self.get_argument("info", None):
                user = await self.get_userinfo(user)
            self.finish(user)
        else:
            await self.authorize_redirect({"prompt": "login"})


KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})


class Provider:
    """A provider whose answers a test can spoil."""

    def __init__(self, app: Any, clock: Any) -> None:
        self.app, self.clock = app, clock
        self.claims: dict[str, Any] = {}
        self.header = {"alg": "RS256", "kid": "one"}
        self.key: Any = KEY
        self.document: dict[str, Any] = {
            "issuer": app.url + "/service",
            "authorization_endpoint": app.url + "/service/authorize",
            "token_endpoint": app.url + "/service/token",
            "jwks_uri": app.url + "/service/jwks",
            "userinfo_endpoint": app.url + "/service/userinfo",
        }
        app.settings["oidc"] = {
            "issuer": app.url + "/service",
            "client_id": "me",
            "client_secret": "s",
        }
        app.answers = {
            ".well-known/openid-configuration": lambda _: json.dumps(self.document),
            "jwks": lambda _: json.dumps(KeySet([KEY]).as_dict(private=False)),
            "token": self.token,
            "userinfo": '{"sub": "u1", "name": "me"}',
        }

    def token(self, _: Any) -> str:
        claims = {
            "iss": self.document["issuer"],
            "sub": "u1",
            "aud": "me",
            "exp": 4_000_000_000,
            "iat": 1_700_000_000,
            "nonce": self.nonce,
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return json.dumps(
            {"access_token": "t", "id_token": jwt.encode(self.header, claims, self.key)}
        )

    async def visit(self, extra: str = "", state: str | None = None) -> Any:
        sent = await self.app.login()
        assert sent.code == 302, sent.body
        _, self.query = location(sent)
        self.nonce = self.query["nonce"]
        state = self.query["state"] if state is None else state
        return await self.app.login(f"code=c&state={state}{extra}", cookie_of(sent))


@asynccontextmanager
async def provider(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Provider]:
    monkeypatch.setattr("cyclone.auth.oidc._documents", {})
    async with site(Oidc) as app:
        yield Provider(app, None)


async def test_oidc(monkeypatch: pytest.MonkeyPatch) -> None:
    async with provider(monkeypatch) as p:
        user = json.loads((await p.visit()).body)
        assert user["sub"] == "u1" and user["token_response"]["access_token"] == "t"
        assert p.query["prompt"] == "login" and p.query["code_challenge_method"] == "S256"
        asked = {urlsplit(r.uri).path: r for r in p.app.asked}
        form = parse_qs(asked["/service/token"].body.decode())
        assert len(form["code_verifier"][0]) >= 43 and "client_secret" not in form
        assert asked["/service/token"].headers["Authorization"].startswith("Basic ")
        info = json.loads((await p.visit("&info=1")).body)
        assert info == {"sub": "u1", "name": "me"}
        # What the provider says of itself was asked once.
        assert sum("openid-configuration" in r.uri for r in p.app.asked) == 1
        p.document["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
        p.app.settings["oidc"].pop("client_secret")
        await p.visit()
        assert parse_qs(p.app.asked[-1].body.decode())["client_id"] == ["me"]


SPOILED: dict[str, Any] = {
    "issuer": {"iss": "http://evil/"},
    "audience": {"aud": "you"},
    "audiences": {"aud": ["me", "you"]},
    "azp": {"azp": "you"},
    "expired": {"exp": 1_700_000_001},
    "no exp": {"exp": None},
    "no sub": {"sub": None},
    "nonce": {"nonce": "x"},
    "no nonce": {"nonce": None},
    "future": {"iat": 4_000_000_000},
}


@pytest.mark.parametrize("name", SPOILED)
async def test_class_14_id_tokens(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    async with provider(monkeypatch) as p:
        p.claims = SPOILED[name]
        body = (await p.visit()).body
        assert b"AuthError" in body and b"ID token" in body


async def test_class_14_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    async with provider(monkeypatch) as p:
        p.key = OTHER  # under the name of the right one
        assert b"AuthError" in (await p.visit()).body
        p.header = {"alg": "RS256", "kid": "two"}
        assert b"unknown key" in (await p.visit()).body
        # An RSA key is no secret for HMAC.
        p.header, p.key = {"alg": "none", "kid": "one"}, KEY
        p.app.answers["token"] = lambda _: json.dumps({"id_token": "eyJhbGciOiJub25lIn0.e30."})
        assert b"AuthError" in (await p.visit()).body
        for answer in ("{}", "[]", '{"id_token": 5}', '{"id_token": "x"}'):
            p.app.answers["token"] = answer
            assert b"AuthError" in (await p.visit()).body


async def test_keys_are_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with provider(monkeypatch) as p:
        await p.visit()
        p.key, p.header = OTHER, {"alg": "RS256", "kid": "two"}
        p.app.answers["jwks"] = json.dumps(KeySet([KEY, OTHER]).as_dict(private=False))
        assert b"unknown key" in (await p.visit()).body
        monkeypatch.setattr("cyclone.auth.oidc._LOOK_AGAIN", -1)
        assert json.loads((await p.visit()).body)["sub"] == "u1"


async def test_class_14_state_and_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    async with provider(monkeypatch) as p:
        assert b"state" in (await p.visit(state="x")).body
        assert b"cookie" in (await p.app.login("code=c&state=x")).body
        assert b"error" in (await p.visit("&error=access_denied")).body
        assert b"another provider" in (await p.visit("&iss=http%3A%2F%2Fevil")).body
        p.app.answers["userinfo"] = '{"sub": "u2"}'
        assert b"somebody else" in (await p.visit("&info=1")).body


@pytest.mark.parametrize(
    ("name", "value"),
    [("issuer", "http://evil/"), ("token_endpoint", None), ("authorization_endpoint", None)],
)
async def test_class_14_discovery(monkeypatch: pytest.MonkeyPatch, name: str, value: Any) -> None:
    async with provider(monkeypatch) as p:
        p.document[name] = value
        assert b"AuthError" in (await p.app.login()).body
        p.app.answers[".well-known/openid-configuration"] = "[]"
        assert b"AuthError" in (await p.app.login()).body


async def test_a_provider_without_userinfo(monkeypatch: pytest.MonkeyPatch) -> None:
    async with provider(monkeypatch) as p:
        del p.document["userinfo_endpoint"]
        assert b"no userinfo" in (await p.visit("&info=1")).body


async def test_class_14_endpoints_are_https(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {
        "issuer": "https://op",
        "authorization_endpoint": "https://op/a",
        "token_endpoint": "http://op/t",
        "jwks_uri": "https://op/j",
    }
    url = "https://op/.well-known/openid-configuration"
    monkeypatch.setattr("cyclone.auth.oidc._documents", {url: (float("inf"), document)})
    mixin: Any = auth.OIDCMixin()
    with pytest.raises(auth.AuthError, match="not https"):
        await mixin._provider({"issuer": "https://op"})


def test_joserfc_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from cyclone.auth.idtoken import verify

    monkeypatch.setitem(sys.modules, "joserfc", None)
    with pytest.raises(RuntimeError, match=r"cyclone\[auth\]"):
        verify("x", {}, issuer="i", client_id="c", nonce="n", algorithms=["RS256"])
