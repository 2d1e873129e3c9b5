"""The chat of demos/websocket/chat on one process: what the browser's test leaves out."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import deferLater

from cyclone.testing import Client
from cyclone.websocket import websocket_connect

CHAT = Path(__file__).parents[2] / "demos" / "websocket" / "chat"


@pytest.fixture(scope="module")
def chat() -> Iterator[Any]:
    """The module; what it loads is put back."""
    sys.path.insert(0, str(CHAT))
    before = {name: sys.modules.pop(name) for name in ("app", "desk") if name in sys.modules}
    try:
        yield importlib.import_module("app")
    finally:
        sys.path.remove(str(CHAT))
        for name in ("app", "desk"):
            sys.modules.pop(name, None)
        sys.modules.update(before)


class Visitor:
    """Somebody in the chat, without a browser."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def next(self, kind: str) -> Any:
        while (text := await self.connection.read_message()) is not None:
            what = json.loads(text)
            if what["type"] == kind:
                return what
        return None

    async def says(self, what: Any) -> None:
        await self.connection.write_message(what if isinstance(what, str) else json.dumps(what))


@pytest.fixture
def visit(chat: Any, reactor: Any) -> Iterator[Callable[..., Any]]:
    application = chat.Application()
    port: list[Any] = []

    async def enter(path: str = "chat", **query: str) -> Visitor:
        if not port:
            port.append(reactor.listenTCP(0, application, interface="127.0.0.1"))
        number = port[0].getHost().port
        url = f"ws://127.0.0.1:{number}/socket/{path}?{urlencode(query)}"
        return Visitor(await websocket_connect(url))

    async def leave(*visitors: Visitor) -> None:
        for one in visitors:
            one.connection.close()
        while application.settings.channels.statistics().subscriptions:
            await deferLater(reactor, 0.01)
        application.settings.channels.close()
        await port[0].stopListening()

    enter.leave = leave  # type: ignore[attr-defined]
    yield enter


async def test_coming_and_going(visit: Any) -> None:
    ada = await visit(name=" Ada\u200b\n", room="lobby")
    assert (await ada.next("status"))["state"] == "open"
    assert (await ada.next("people"))["names"] == ["Ada"]
    await ada.says({"say": "  hello\n there "})
    assert (await ada.next("message"))["text"] == "hello there"
    grace = await visit(name="grace", room="lobby")
    assert (await grace.next("message"))["text"] == "hello there"  # it was said before
    assert (await ada.next("people"))["names"] == ["Ada", "grace"]
    reader = await visit("statistics")
    figures = await reader.next("figures")
    assert [(one["name"], one["room"]) for one in figures["people"]] == [
        ("Ada", "lobby"),
        ("grace", "lobby"),
    ]
    assert (figures["minute"], len(figures["processes"])) == (1, 1)
    grace.connection.close()
    assert (await ada.next("people"))["names"] == ["Ada"]
    await visit.leave(ada, reader)


@pytest.mark.parametrize(
    ("query", "code"),
    [({"room": "lobby"}, 4000), ({"name": "\u200b"}, 4000), ({"name": "a", "room": "x"}, 4004)],
)
def test_who_may_not_enter(
    query: Any, code: int, visit: Any, reactor_run: Callable[..., Any]
) -> None:
    async def run() -> None:
        visitor = await visit(**query)
        assert await visitor.next("nothing") is None
        assert visitor.connection.close_code == code
        await visit.leave(visitor)

    reactor_run(run)


async def test_what_is_no_message_and_what_is_too_much(visit: Any) -> None:
    ada = await visit(name="Ada")
    for nonsense in ("no json", "[" * 8000, "[]", '{"say": 3}', '{"say": " "}', "{}"):
        await ada.says(nonsense)
        assert (await ada.next("refused"))["text"] == "That was no message."
    for number in range(6):
        await ada.says({"say": str(number)})
    refused = await ada.next("refused")
    assert (refused["text"], refused["said"]) == ("Not so fast, please.", "5")
    await visit.leave(ada)


def test_pages(chat: Any) -> None:
    client = Client(chat.Application())
    for path, title in (("/", "Come in"), ("/statistics", "Statistics")):
        response = client.get(path)
        assert response.status == 200 and title in response.text
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]
        assert "<script>" not in response.text and " on" not in response.text.partition("<body>")[0]
    assert 'value="lobby" checked' in client.get("/").text
    client.close()


def test_tidy(chat: Any) -> None:
    @given(st.text())
    def check(text: str) -> None:
        tidied = chat.tidy(text, 10)
        assert len(tidied) <= 10 and tidied == tidied.strip()
        assert not any(ord(one) < 32 or 0x7F <= ord(one) < 0xA0 for one in tidied)
        assert chat.tidy(tidied, 10) == tidied

    check()
