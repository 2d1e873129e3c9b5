"""The site of demos/redis against a real server, which is killed and comes back."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, gatherResults

from cyclone.testing import DeferredClient
from cyclone.websocket import websocket_connect
from tests.plugins.valkey import Valkey

DEMO = Path(__file__).parents[2] / "demos" / "redis"


@pytest.fixture(scope="module")
def demo() -> Iterator[Any]:
    sys.path.insert(0, str(DEMO))
    before = sys.modules.pop("app", None)
    try:
        yield importlib.import_module("app")
    finally:
        sys.path.remove(str(DEMO))
        sys.modules.pop("app", None)
        if before is not None:
            sys.modules["app"] = before


async def ending(application: Any) -> None:
    closing = application.settings.channels.close()
    await gatherResults([application.settings.redis.disconnect(), *filter(None, [closing])])


async def test_keys(demo: Any, valkey: Valkey) -> None:
    valkey.call("SET", "of others", "x")
    application = demo.Application(f"redis://127.0.0.1:{valkey.port}")
    client = DeferredClient(application)

    async def ask(method: str, path: str, body: bytes | None = None) -> Any:
        return await client.request(method, path, body=body)

    assert (await ask("GET", "/keys/a")).status == 404
    assert (await ask("PUT", "/keys/a%2Fb", b"\xff\x00")).status == 204
    assert (await ask("PUT", "/keys/n?seconds=50", b"12")).status == 204
    assert (await ask("GET", "/keys/a%2Fb")).body == b"\xff\x00"
    assert (await ask("GET", "/keys/n")).body == b"12"
    assert 0 < valkey.call("TTL", "demo:n") <= 50
    assert json.loads((await ask("GET", "/keys")).body) == {"keys": ["a/b", "n"], "complete": True}
    for seconds in ("0", "-1", "x", "9" * 30):
        assert (await ask("PUT", f"/keys/n?seconds={seconds}", b"")).status == 400
    assert (await ask("DELETE", "/keys/n")).status == 204
    assert (await ask("DELETE", "/keys/n")).status == 404
    assert (await ask("GET", "/keys/" + "x" * 101)).status == 414
    assert (await ask("PUT", "/keys/n", b"x" * 70_000)).status == 413
    assert (await ask("POST", "/channels/a", b"\xff")).status == 400
    elsewhere = {"Origin": "http://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    forged = await client.request("POST", "/channels/a", body=b"x", headers=elsewhere)
    assert forged.status == 403
    page = await ask("GET", "/")
    assert page.status == 200 and "default-src 'self'" in page.headers["Content-Security-Policy"]
    client.close()
    await ending(application)


@pytest.mark.reactor_timeout(30)
async def test_messages_and_a_server_that_is_away(
    demo: Any, new_valkey: Callable[..., Valkey], reactor: Any
) -> None:
    server = new_valkey()
    application = demo.Application(f"redis://127.0.0.1:{server.port}")
    client = DeferredClient(application)
    port = reactor.listenTCP(0, application, interface="127.0.0.1")
    socket = await websocket_connect(f"ws://127.0.0.1:{port.getHost().port}/listen/today")
    message: Deferred[Any] = Deferred()

    async def read() -> None:
        message.callback(await socket.read_message())

    reading = Deferred.fromCoroutine(read())
    while not message.called:  # until the page is heard of by the server
        assert (
            await client.request("POST", "/channels/today", body=b"gr\xc3\xbc\xc3\x9fe")
        ).status == 200
    await reading
    assert await message == "grüße"
    server.kill()
    for method, path in (("GET", "/keys/a"), ("POST", "/channels/today")):
        response = await client.request(method, path, body=b"x" if method == "POST" else None)
        assert (response.status, response.headers["Retry-After"]) == (503, "1")
        assert json.loads(response.body)["status"] == 503
    server.start()
    assert (await client.request("PUT", "/keys/a", body=b"back")).status == 204
    socket.close()
    client.close()
    await ending(application)
    await port.stopListening()
