"""demos/digest_auth, in memory."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cyclone.testing import Client
from tests.demos.loading import load
from tests.httpauth.support import Digester, challenges_of, get


@pytest.fixture(scope="module")
def module() -> Any:
    return load("digest_auth")


@pytest.fixture
def client(module: Any) -> Client:
    return Client(module.Application())


def ada_of(client: Client, index: int = 0) -> Digester:
    return Digester(challenges_of(client.get("/vault"))[index], "ada", "lovelace")


@pytest.mark.parametrize(("index", "algorithm"), [(0, "SHA-256"), (1, "MD5")])
def test_the_vault_shows_what_was_sent(client: Client, index: int, algorithm: str) -> None:
    ada = ada_of(client, index)
    field = ada.field("/vault")
    page = get(client, field, "/vault")
    assert page.status == 200 and "It opens, ada" in page.text
    shown = dict(re.findall(r'<code id="(\w+)">([^<]*)</code>', page.text))
    assert shown["algorithm"] == algorithm and shown["nc"] == "00000001"
    assert shown["response"] in field and "lovelace" not in page.text
    assert page.headers["Cache-Control"] == "private, no-store"
    again = get(client, ada.field("/vault"), "/vault")
    assert 'id="nc">00000002<' in again.text


def test_wrong_keys(client: Client) -> None:
    challenge = ada_of(client).challenge
    for name, password in [("ada", "wrong"), ("eve", "lovelace")]:
        field = Digester(challenge, name, password).field("/vault")
        refused = get(client, field, "/vault")
        assert refused.status == 401 and "The vault is for people with a key." in refused.text


def test_logging_out(client: Client) -> None:
    ada = ada_of(client)
    assert get(client, ada.field("/vault"), "/vault").status == 200
    out = client.post("/logout", headers={"Authorization": ada.field("/logout", "POST")})
    assert (out.status, out.headers["Location"]) == (303, "/?left=yes")
    assert "You have logged out" in client.get("/?left=yes").text
    asked = challenges_of(get(client, ada.field("/vault"), "/vault"))
    assert not any("stale" in each for each in asked)  # the browser has to ask
    ada.challenge = asked[0]
    assert get(client, ada.field("/vault"), "/vault").status == 200


def test_class_17_other_sites_log_nobody_out(client: Client) -> None:
    ada = ada_of(client)
    headers = {"Authorization": ada.field("/logout", "POST"), "Sec-Fetch-Site": "cross-site"}
    assert client.post("/logout", headers=headers).status == 403


def test_workers_with_one_secret(module: Any) -> None:
    one, other = (Client(module.Application("a secret for all workers")) for _ in range(2))
    assert get(one, ada_of(other).field("/vault"), "/vault").status == 200
    with pytest.raises(ValueError, match="at least 16 bytes"):
        module.Application("short")


def test_the_first_page_is_for_everybody(client: Client) -> None:
    page = client.get("/")
    assert page.status == 200 and "You have logged out" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert client.get("/static/style.css").status == client.get("/static/icon.svg").status == 200
