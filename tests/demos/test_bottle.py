"""The short links of demos/bottle, in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cyclone.deploy import load_application
from cyclone.testing import Client

APP = Path(__file__).parents[2] / "demos" / "bottle" / "app.py"
LONG = "https://example.org/a?b=<c>&d=1"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(sys, "path", sys.path[:])
    yield Client(load_application(str(APP), None))
    del sys.modules["app"]


def add(client: Client, url: str = LONG) -> str:
    response = client.post("/api/links", form={"url": url})
    assert response.status == 201
    key: str = response.json()["key"]
    assert response.headers["Location"] == f"/{key}"
    return key


def test_a_link_made_on_the_page_is_shown_and_followed(client: Client) -> None:
    assert "No links yet" in client.get("/").text
    assert client.post("/", form={"url": LONG}, follow_redirects=False).status == 303
    assert "https://example.org/a?b=&lt;c&gt;&amp;d=1" in client.get("/").text
    (key,) = client.get("/api/links").json()
    followed = client.get(f"/{key}", follow_redirects=False)
    assert followed.status == 302
    assert followed.headers["Location"] == "https://example.org/a?b=%3Cc%3E&d=1"
    assert client.get("/api/links").json() == {key: {"url": LONG, "visits": 1}}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "javascript:alert(1)",
        "https://",
        "https://a/ b",
        "http://a/" + "x" * 2000,
    ],
)
def test_what_is_no_link_is_refused(client: Client, url: str) -> None:
    page = client.post("/", form={"url": url})
    assert page.status == 422
    assert 'role="alert"' in page.text
    refused = client.post("/api/links", form={"url": url})
    assert (refused.status, list(refused.json())) == (422, ["error"])
    assert client.get("/api/links").json() == {}


def test_an_unknown_link(client: Client) -> None:
    for path in ("/unknown", "/a/b/%3Cscript%3E"):
        page = client.get(path)
        assert page.status == 404
        assert "No such link" in page.text
        assert "<script>" not in page.text


def test_removing(client: Client) -> None:
    key = add(client)
    assert client.delete(f"/api/links/{key}").status == 204
    assert client.delete(f"/api/links/{key}").status == 404


def test_the_oldest_make_room(client: Client) -> None:
    keys = [add(client) for _ in range(1001)]
    kept = client.get("/api/links").json()
    assert len(kept) == 1000
    assert keys[0] not in kept


def test_other_sites_cannot_add_links(client: Client) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert client.post("/", form={"url": LONG}, headers=headers).status == 403
