"""`httpclient` and `auth` as applications for cyclone 1.x use them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet import defer

import cyclone.auth
import cyclone.web
from cyclone import httpclient
from tests.httpclient.support import application, serving


class Api(cyclone.web.RequestHandler):
    def get(self) -> None:
        self.set_header("X-Seen", self.request.headers.get("X-Key", ""))
        self.write({"ok": True})

    def post(self) -> None:
        call = json.loads(self.request.body)
        self.write({"result": call["params"][0], "error": None, "id": call["id"]})


class Relay(cyclone.web.RequestHandler):
    """The usual shape: inlineCallbacks, header lists, attributes of the response."""

    @defer.inlineCallbacks
    def get(self) -> Any:
        url = self.get_argument("url")
        headers = {"X-Key": ["k1"], "Content-Type": ["application/json"]}
        response = yield httpclient.fetch(url, headers=headers, followRedirect=True, timeout=5)
        if response.error:
            raise cyclone.web.HTTPError(502, response.phrase)
        self.write(
            {
                "code": response.code,
                "seen": response.headers["X-Seen"][0],
                "length": response.length,
                "body": response.body.decode(),
                "from": response.request.url,
            }
        )
        yield httpclient.AsyncHTTPClient().close()


async def test_a_handler_that_fetches() -> None:
    async with application(("/api", Api), ("/", Relay)) as served:
        answer = json.loads((await served.fetch(f"/?url={served.url}/api")).body)
        assert answer["code"] == 200 and answer["seen"] == "k1"
        assert answer["body"] == '{"ok": true}' and answer["length"] == 12
        failed = await served.fetch(f"/?url={served.url}/nope", raise_error=False)
        assert failed.code == 502
        await httpclient.AsyncHTTPClient().close()


async def test_callbacks_on_the_deferred() -> None:
    codes: list[int] = []
    async with application(("/api", Api)) as served:
        fetched = httpclient.fetch(served.url + "/api", client=served.client)
        fetched.addCallback(lambda response: codes.append(response.code))
        await fetched
    assert codes == [200]


async def test_json_rpc() -> None:
    async with application(("/api", Api)) as served:
        client = httpclient.JsonRPC(served.url + "/api", client=served.client)
        assert await client.echo("foobar") == "foobar"


class GithubLogin(cyclone.web.RequestHandler, cyclone.auth.GithubMixin):
    """Callback style: `asynchronous`, `async_callback`'s successor, `_on_auth`."""

    _OAUTH_USE_STATE = False

    def initialize(self) -> None:
        base = f"{self.request.protocol}://{self.request.host}"
        self._OAUTH_ACCESS_TOKEN_URL = f"{base}/token"
        self._GITHUB_BASE_URL = base

    def get_auth_http_client(self) -> Any:
        return self.settings["client"]

    @cyclone.web.asynchronous
    def get(self) -> None:
        self.get_authenticated_user(
            redirect_uri="http://here/",
            client_id="i",
            client_secret="s",
            code=self.get_argument("code"),
            callback=self._on_auth,
        )

    def _on_auth(self, user: Any) -> None:
        self.finish(f"hello {user['login']}" if user else "who?")


class Token(cyclone.web.RequestHandler):
    def post(self) -> None:
        good = self.get_argument("code") == "good"
        self.write({"access_token": "t"} if good else {"error": "bad"})


class User(cyclone.web.RequestHandler):
    def get(self) -> None:
        self.write({"login": "me"})


async def test_github_with_a_callback() -> None:
    app = cyclone.web.Application([("/", GithubLogin), ("/token", Token), ("/user", User)])
    async with serving(app) as served:
        app.settings["client"] = served.client
        assert (await served.fetch("/?code=good")).body == b"hello me"
        assert (await served.fetch("/?code=bad")).body == b"who?"


@pytest.mark.parametrize(
    "name",
    [
        "OpenIdMixin",
        "OAuthMixin",
        "OAuth2Mixin",
        "TwitterMixin",
        "FriendFeedMixin",
        "GoogleMixin",
        "FacebookMixin",
        "FacebookGraphMixin",
        "GithubMixin",
    ],
)
def test_names_of_auth(name: str) -> None:
    mixin = getattr(cyclone.auth, name)
    assert isinstance(mixin, type) and callable(mixin.get_auth_http_client)


@pytest.mark.parametrize("name", ["fetch", "HTTPClient", "JsonRPC", "HTTPError"])
def test_names_of_httpclient(name: str) -> None:
    assert callable(getattr(httpclient, name))
