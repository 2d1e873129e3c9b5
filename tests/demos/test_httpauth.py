"""demos/httpauth, in memory; its thread is replaced by doing things on the spot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet import defer

from cyclone.testing import Client
from tests.demos.loading import load
from tests.httpauth.support import basic_of, challenges_of, get

ADA = basic_of("ada", "lovelace")


@pytest.fixture(scope="module")
def module() -> Any:
    return load("httpauth")


@pytest.fixture
def client(module: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(module, "COST", {"n": 2, "r": 1, "p": 1})
    yield Client(module.Application(in_thread=defer.execute))


def test_everybody_sees_the_first_page(client: Client) -> None:
    page = client.get("/")
    assert page.status == 200 and "curl --user ada:lovelace http://localhost/api/me" in page.text
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    for path in ("/static/style.css", "/static/icon.svg", "/static/private.js"):
        assert client.get(path).status == 200


@pytest.mark.parametrize("path", ["/private", "/api/me", "/files/note-g.txt", "/files/nothing"])
def test_the_rest_is_for_those_with_a_password(client: Client, path: str) -> None:
    for response in (client.get(path), get(client, basic_of("ada", "x"), path)):
        (challenge,) = challenges_of(response)
        assert (challenge["scheme"], challenge["realm"]) == ("Basic", "The engine room")
        assert "Note G" not in response.text
        assert "This room is for people with a name and a password." in response.text
    assert get(client, ADA, path).status == (404 if path == "/files/nothing" else 200)


def test_what_they_see(client: Client) -> None:
    page = get(client, ADA, "/private")
    assert "Welcome, Ada" in page.text and "/files/gears.csv" in page.text
    assert page.headers["Cache-Control"] == "private, no-store"
    assert get(client, basic_of("grace", "hopper"), "/api/me").json()["user"] == "Grace"
    assert get(client, ADA, "/files/note-g.txt").text.startswith("Note G.")
    assert get(client, ADA, "/files/../app.py").status in (403, 404)
    assert "private" in get(client, ADA, "/files/note-g.txt").headers["Cache-Control"]


def test_class_21_those_who_do_not_exist_cost_the_same(module: Any, client: Client) -> None:
    costs: list[Callable[..., Any]] = []

    def count(function: Callable[..., Any], *args: Any) -> Any:
        costs.append(function)
        return defer.execute(function, *args)

    client.app.passwords.in_thread = count
    for name in ("ada", "nobody"):
        assert get(client, basic_of(name, "wrong"), "/private").status == 401
    assert costs == [client.app.passwords.hash] * 2


def test_guessing_is_limited(client: Client) -> None:
    answers = [get(client, basic_of("ada", str(n)), "/private").status for n in range(12)]
    assert answers == [401] * 10 + [429] * 2
    told = get(client, ADA, "/private")
    assert told.status == 429 and "Come back in a minute." in told.text
    assert client.get("/").status == 200
