"""The demos that talk while one looks, in memory: demos/sse, demos/chat, demos/websocket/echo."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from cyclone.testing import Client
from cyclone.websocket.deflate import Parameters
from tests.sse.support import EventParser, Got
from tests.websocket.support import Peer, closed

DEMOS = Path(__file__).parents[2] / "demos"


def load(path: str) -> Any:
    """The module of a demo, which is not imported by any name."""
    spec = importlib.util.spec_from_file_location(path.replace("/", "_"), DEMOS / path / "app.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", ["sse", "chat", "websocket/echo"])
def test_pages(path: str) -> None:
    client = Client(load(path).Application())
    page = client.get("/")
    assert page.status == 200 and page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert "onclick" not in page.text and "style=" not in page.text
    for each in ("page.js", "page.css", "icon.svg"):
        assert each in page.text and client.get(f"/{each}").status == 200
    assert client.get("/../app.py").status in (403, 404)


# --- the market ----------------------------------------------------------------------------------


@pytest.fixture
def market(clock: Clock) -> tuple[Any, Client]:
    demo = load("sse")
    market = demo.Market(clock)
    return market, Client(demo.Application(market), clock=clock)


def got(pending: Any) -> list[Got]:
    return EventParser().feed(pending.received)


def test_prices_and_what_was_missed(market: Any) -> None:
    place, client = market
    first = client.open("GET", "/prices?client=me")
    hello = json.loads(got(first)[0].data)
    assert (got(first)[0].type, hello["missed"], hello["since"]) == ("hello", 0, None)
    assert set(hello["prices"]) == set(place.prices)
    client.advance(1, steps=2)
    prices = got(first)[1:]
    assert len(prices) == 4 and {each.type for each in prices} == {"price"}
    assert client.post("/cut", data={"client": "me"}).status == 204
    assert first.complete
    client.advance(1, steps=2)
    second = client.open("GET", "/prices?client=me", headers={"Last-Event-ID": prices[1].id})
    hello = json.loads(got(second)[0].data)
    assert (hello["missed"], hello["since"]) == (6, prices[1].id)
    assert got(second)[1:3] == prices[2:]
    assert len(got(second)) == 7
    second.disconnect()


def test_the_market_closes_when_nobody_is_there(market: Any) -> None:
    _, client = market
    client.open("GET", "/prices?client=me").disconnect()
    client.advance(61, steps=122)
    assert not client.clock.getDelayedCalls()
    assert got(client.open("GET", "/prices?client=me"))[0].type == "hello"
    assert client.clock.getDelayedCalls()


def test_what_the_market_refuses(market: Any) -> None:
    place, client = market
    assert client.get("/prices").status == 400
    assert client.post("/cut", data={"client": "nobody"}).status == 404
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    client.open("GET", "/prices?client=me")
    assert client.post("/cut", data={"client": "me"}, headers=foreign).status == 403
    assert place.clients


def test_two_pages_of_one_name(market: Any) -> None:
    place, client = market
    old = client.open("GET", "/prices?client=me")
    client.open("GET", "/prices?client=me")
    old.disconnect()
    assert len(place.clients) == len(place.news) == 1


# --- the chat ------------------------------------------------------------------------------------


@pytest.fixture
def chat() -> Client:
    return Client(load("chat").Application(), keep_alive=False)


def say(client: Client, text: str, name: str = "Ada") -> int:
    return client.post("/messages", data={"name": name, "text": text}).status


def test_who_waits_hears_what_is_said(chat: Client) -> None:
    start = chat.get("/messages").json()
    assert start["messages"] == []
    waiting = [chat.open("GET", f"/messages?cursor={start['cursor']}") for _ in range(2)]
    assert not any(each.complete for each in waiting)
    assert say(chat, "Hello") == 201
    for each in waiting:
        answer = each.response.json()
        assert [message["text"] for message in answer["messages"]] == ["Hello"]
        assert each.response.headers["Cache-Control"] == "no-store"
    say(chat, "again", "Bob  B.")
    missed = chat.get(f"/messages?cursor={answer['cursor']}").json()["messages"]
    assert [(each["name"], each["text"]) for each in missed] == [("Bob B.", "again")]


def test_nobody_waits_for_ever_or_after_leaving(chat: Client) -> None:
    cursor = chat.get("/messages").json()["cursor"]
    patient, leaving = (chat.open("GET", f"/messages?cursor={cursor}") for _ in range(2))
    leaving.disconnect()
    chat.advance(26)
    assert patient.response.json() == {"messages": [], "cursor": cursor}
    assert not [call for call in chat.clock.getDelayedCalls() if "timeout" in repr(call).lower()]
    assert say(chat, "Is anybody there?") == 201


@pytest.mark.parametrize("cursor", ["", "0", "other-1", "other-99", "-", "%00", "x" * 500])
def test_cursors_of_other_servers_give_everything(chat: Client, cursor: str) -> None:
    say(chat, "one")
    say(chat, "two")
    messages = chat.get(f"/messages?cursor={cursor}").json()["messages"]
    assert [each["text"] for each in messages] == ["one", "two"]
    ours = chat.get("/messages").json()["cursor"].partition("-")[0]
    messages = chat.get(f"/messages?cursor={ours}-{'9' * 5000}").json()["messages"]
    assert [each["text"] for each in messages] == ["one", "two"]


@pytest.mark.parametrize(
    ("name", "text", "status"),
    [
        ("Ada", "x", 201),
        ("Ada", " ", 400),
        (" ", "x", 400),
        ("A" * 41, "x", 400),
        ("Ada", "x" * 1001, 400),
        ("Ada", "x" * 20000, 413),
    ],
)
def test_what_may_be_said(chat: Client, name: str, text: str, status: int) -> None:
    assert say(chat, text, name) == status


def test_old_messages_are_forgotten(chat: Client) -> None:
    for number in range(103):
        say(chat, str(number))
    assert len(chat.get("/messages").json()["messages"]) == 100


# --- the echo ------------------------------------------------------------------------------------


def test_echo() -> None:
    app = load("websocket/echo").Application()
    peer = Peer(app, "/echo", {"Sec-WebSocket-Protocol": "chat, echo"})
    assert peer.fields["sec-websocket-protocol"] == "echo"
    assert peer.say("hello", b"\0\xff", "") == ["hello", b"\0\xff", ""]
    for wrong in ("/close 1006", "/close soon"):
        (answer,) = peer.say(wrong)
        assert answer.startswith("Cannot close like that: ")
    assert peer.say("/close 4001 good bye") == [closed(4001, "good bye")]


def test_echo_compressed_or_not() -> None:
    app = load("websocket/echo").Application()
    offer = {"Sec-WebSocket-Extensions": "permessage-deflate"}
    assert "sec-websocket-extensions" not in Peer(app, "/echo", offer).fields
    peer = Peer(app, "/echo?compress=1", offer, parameters=Parameters())
    assert "permessage-deflate" in peer.fields["sec-websocket-extensions"]
    assert peer.say("x" * 1000) == ["x" * 1000]
