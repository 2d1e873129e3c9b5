"""demos/fakeservices, in memory: they are as strict as what they stand for."""

from __future__ import annotations

import hashlib
import hmac
import importlib
import json
import sys
from base64 import b64encode
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from cyclone.testing import Client
from tests.demos.loading import DEMOS

HERE = "http://127.0.0.1:8888/login"
VERIFIER = "v" * 43
CHALLENGE = b64encode(hashlib.sha256(VERIFIER.encode()).digest(), b"-_").rstrip(b"=").decode()
SECRET = "not really a secret"


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", [*sys.path, str(DEMOS / "fakeservices")])
    return importlib.import_module("fakeservices")


class Visitor:
    """An application at a service, whose users say yes."""

    def __init__(self, service: Any) -> None:
        self.service = service
        self.client = Client(service)

    def ask(self, **changes: str | None) -> str:
        asked: dict[str, Any] = {
            "response_type": "code",
            "client_id": "demo",
            "redirect_uri": HERE,
            "state": "s",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        asked.update(changes)
        given = {name: value for name, value in asked.items() if value is not None}
        return f"{self.service.authorize_path}?{urlencode(given)}"

    def decide(self, decision: str = "allow", person: str = "ada", **changes: Any) -> Any:
        form = {"decision": decision, "person": person}
        return self.client.post(self.ask(**changes), data=form)

    def code(self, **changes: Any) -> str:
        return answer_of(self.decide(**changes))["code"]

    def redeem(self, code: str, headers: Any = None, **changes: str | None) -> Any:
        fields: dict[str, Any] = {
            "grant_type": "authorization_code",
            "client_id": "demo",
            "client_secret": SECRET,
            "redirect_uri": HERE,
            "code": code,
            "code_verifier": VERIFIER,
        }
        fields.update(changes)
        given = {name: value for name, value in fields.items() if value is not None}
        return self.client.post(self.service.token_path, data=given, headers=headers)

    def token(self) -> str:
        return str(self.redeem(self.code()).json()["access_token"])


def answer_of(response: Any) -> dict[str, str]:
    assert response.status in (302, 303)
    found = parse_qs(urlsplit(response.headers["Location"]).query)
    return {name: values[0] for name, values in found.items()}


@pytest.fixture
def times() -> list[float]:
    return [1000.0]


@pytest.fixture
def github(services: Any, times: list[float]) -> Visitor:
    return Visitor(services.GitHub(now=lambda: times[0]))


def test_the_page_that_asks(github: Visitor) -> None:
    page = github.client.get(github.ask(scope="read:user"))
    assert page.status == 200 and "Ada Lovelace" in page.text and "read:user" in page.text
    # The browser lets the answer of the form lead there, and nowhere else.
    assert page.headers["Content-Security-Policy"].endswith(
        "form-action 'self' http://127.0.0.1:8888"
    )
    other = github.client.get(github.ask(redirect_uri="http://[::1]:8888/login"))
    assert other.headers["Content-Security-Policy"].endswith("form-action 'self' http:")
    assert answer_of(github.decide("deny")) == {"error": "access_denied", "state": "s"}
    assert github.decide(person="eve").status == 400
    forged = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    form = {"decision": "allow", "person": "ada"}
    assert github.client.post(github.ask(), data=form, headers=forged).status == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "other"},
        {"redirect_uri": None},
        {"redirect_uri": "https://evil.example/login"},
        {"redirect_uri": "http://127.0.0.1.evil.example/"},
        {"redirect_uri": "http://127.0.0.1@evil.example/"},
        {"redirect_uri": "http://evil.example\\@127.0.0.1/"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "http://127.0.0.1:99999/"},
        {"redirect_uri": "http://127.0.0.1:80; script-src *"},
        {"state": "x" * 501},
    ],
)
def test_what_is_wrong_with_the_application_stays_here(github: Visitor, changes: Any) -> None:
    for answer in (github.client.get(github.ask(**changes)), github.decide(**changes)):
        assert answer.status == 400 and "made a mistake" in answer.text
        assert "Location" not in answer.headers


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
    ],
)
def test_other_mistakes_are_sent_back(github: Visitor, changes: Any, error: str) -> None:
    for answer in (github.client.get(github.ask(**changes)), github.decide(**changes)):
        assert answer_of(answer) == {"error": error, "state": "s"}


def test_a_code_holds_once(github: Visitor) -> None:
    code = github.code()
    assert github.redeem(code).json()["token_type"] == "bearer"
    assert github.redeem(code).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code": "other"}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:8888/"}, "invalid_grant"),
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_grant"),
        ({"client_secret": "other"}, "invalid_client"),
        ({"client_id": "other"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_a_code_is_of_no_use_to_others(github: Visitor, changes: Any, error: str) -> None:
    answer = github.redeem(**{"code": github.code(), **changes})
    assert answer.json()["error"] == error and "access_token" not in answer.json()


def test_codes_and_tokens_end(github: Visitor, times: list[float]) -> None:
    code = github.code()
    times[0] += 61
    assert github.redeem(code).json()["error"] == "invalid_grant"
    token = github.token()

    def status() -> int:
        field = {"Authorization": f"Bearer {token}"}
        return github.client.get("/user", headers=field).status

    times[0] += 3600
    assert status() == 200
    times[0] += 1
    assert status() == 401
    for _ in range(1001):
        github.service.grants.grant(None, None)
    assert len(github.service.grants._codes) == 1000


def test_github(github: Visitor) -> None:
    client, token = github.client, {"Authorization": f"Bearer {github.token()}"}
    assert client.get("/user", headers=token).json()["login"] == "ada"
    names = [
        each["full_name"] for each in client.get("/user/repos?per_page=2", headers=token).json()
    ]
    assert names == ["ada/bernoulli", "ada/engine"]
    for bad in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic x"}):
        answer = client.get("/user", headers=bad)
        assert (answer.status, answer.json()) == (401, {"message": "Bad credentials"})
    assert client.get("/portrait/ada").headers["Content-Type"] == "image/svg+xml"
    assert client.get("/portrait/eve").status == 404


def test_dropbox(services: Any) -> None:
    dropbox = Visitor(services.Dropbox())
    answer = dropbox.redeem(dropbox.code(), client_secret=None).json()
    assert answer["account_id"] == "dbid:1815"
    field = {"Authorization": f"Bearer {answer['access_token']}"}

    def call(path: str, argument: Any) -> Any:
        body = json.dumps(argument).encode()
        return dropbox.client.post(f"/2/{path}", body=body, headers=field)

    assert call("users/get_current_account", None).json()["name"]["given_name"] == "Ada"
    entries = call("files/list_folder", {"path": "/Notes/Drafts"}).json()["entries"]
    assert [(each[".tag"], each["path_display"]) for each in entries] == [
        ("file", "/Notes/Drafts/F.txt")
    ]
    assert call("files/list_folder", {"path": "/pattern.svg"}).status == 409
    for wrong in ({"path": "/"}, {"path": 1}, [], {"path": "Notes"}):
        assert call("files/list_folder", wrong).status == 400
    assert call("users/get_current_account", {}).status == 400
    broken = dropbox.client.post("/2/files/list_folder", body=b"{", headers=field)
    assert broken.status == 400


def test_facebook(services: Any) -> None:
    facebook = Visitor(services.Facebook())
    code = facebook.code(code_challenge=None, code_challenge_method=None)
    query = {"client_id": "demo", "redirect_uri": HERE, "code": code}
    secretless = facebook.client.get(f"/oauth/access_token?{urlencode(query)}")
    assert secretless.status == 401
    query["client_secret"] = SECRET
    token = facebook.client.get(f"/oauth/access_token?{urlencode(query)}").json()["access_token"]
    proof = hmac.new(SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()
    arguments = {"access_token": token, "appsecret_proof": proof, "fields": "name,email,shoes"}
    me = facebook.client.get(f"/me?{urlencode(arguments)}").json()
    assert me == {"id": "1815", "name": "Ada Lovelace", "email": "ada@example.org"}
    assert facebook.client.get(f"/me?access_token={token}").status == 400
    wrong = hmac.new(SECRET.encode(), b"x", hashlib.sha256).hexdigest()
    assert facebook.client.get(f"/me?access_token=x&appsecret_proof={wrong}").status == 401


def test_openid(services: Any) -> None:
    provider = Visitor(services.OpenIDProvider())
    provider.service.base = "http://127.0.0.1:1"
    answer = answer_of(provider.decide(scope="openid email", nonce="n"))
    assert answer["iss"] == "http://127.0.0.1:1"  # RFC 9207
    pair = b64encode(b"demo:not+really+a+secret").decode()
    basic = {"Authorization": f"Basic {pair}"}
    nobody = {"client_id": None, "client_secret": None}
    got = provider.redeem(answer["code"], basic, **nobody).json()
    assert got["id_token"].count(".") == 2 and got["scope"] == "openid email"
    key = provider.client.get("/keys").json()["keys"][0]
    assert key["kty"] == "EC" and "d" not in key  # the private half stays here
    field = {"Authorization": f"Bearer {got['access_token']}"}
    assert provider.client.get("/userinfo", headers=field).json()["sub"] == "u-1815"
    for bad in ("Basic !", "Basic " + b64encode(b"demo:x").decode()):
        refused = provider.redeem(provider.code(), {"Authorization": bad}, **nobody)
        assert refused.status == 401
