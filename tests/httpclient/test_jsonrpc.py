"""`JsonRPC`: against our own server, and against servers that answer anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cyclone.httpclient import HTTPError, JsonRPC, JsonRPCBatch, RemoteError
from cyclone.httpclient.calls import batch_results, make_call, result_of
from cyclone.web import Application
from tests.jsonrpc.support import Service
from tests.web.support import recorded_log

from .support import application, failing, script, serving


def answering(value: Any, status: str = "200 OK") -> Callable[[Any, bytes], None]:
    """An answer of a script: JSON, or bytes as they are."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()

    def answer(protocol: Any, _: bytes) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
        protocol.transport.write(head.encode() + body)

    return answer


@pytest.mark.parametrize("version", ["1.0", "2.0"])
async def test_our_own_server(version: str) -> None:
    async with application((r"/.*", Service)) as served:
        server = JsonRPC(served.url, version, client=served.client)
        for value in (None, 1, 1.5, "é", [1, {"a": True}]):
            assert await server.echo(value) == value
        assert await server["coroutine"]("x") == "x"
        assert await server.subtract(5, 3) == 2
        error = await failing(server.own(17, "seventeen", {"a": 1}), RemoteError, "seventeen")
        assert (error.code, error.message, error.data) == (17, "seventeen", {"a": 1})
        with recorded_log():
            error = await failing(server.fail(), RemoteError, "Internal error")
        assert error.code == (0 if version == "1.0" else -32603)
        assert (await failing(server.nothing(), RemoteError)).code == -32601
        assert (await failing(server.echo(), RemoteError)).code == -32602


async def test_what_version_2_has() -> None:
    heard: list[Any] = []

    class Own(Service):
        def jsonrpc_hear(self, *args: Any, **kwargs: Any) -> None:
            heard.append((args, kwargs))

    setattr(Own, "jsonrpc_with.dots", lambda self, a: a * 2)
    async with application((r"/.*", Own)) as served:
        server = JsonRPC(served.url, version="2.0", client=served.client)
        assert await server.subtract(subtrahend=3, minuend=5) == 2
        assert await server["with.dots"](4) == 8
        assert await server.hear.notify(1, 2) is None
        assert await server.hear.notify(a=1) is None
        assert await server.nothing.notify() is None
        batch = JsonRPCBatch(server)
        batch.subtract(5, 3)
        batch.hear.notify("in a batch")
        batch.nothing()
        batch["with.dots"](a=1)
        first, second, third = await batch()
        assert (first, third) == (2, 2)
        assert isinstance(second, RemoteError) and second.code == -32601
        assert await batch() == []
        batch.hear.notify("alone")
        assert await batch() == []
    assert heard == [
        ((1, 2), {}),
        ((), {"a": 1}),
        (("in a batch",), {}),
        (("alone",), {}),
    ]


async def test_a_batch_that_is_refused() -> None:
    async with serving(Application([(r"/.*", Service)], rpc_max_calls=1)) as served:
        batch = JsonRPCBatch(JsonRPC(served.url, version="2.0", client=served.client))
        batch.echo(1)
        batch.echo(2)
        error = await failing(batch(), RemoteError, "Invalid Request")
        assert error.data == "a batch has at most 1 calls"


@pytest.mark.parametrize(
    "headers",
    [{"X-User": "ada"}, {b"X-User": [b"ada"]}, {"X-User": ["ada"], "content-type": "text/x"}],
)
async def test_header_fields_of_ones_own(headers: Any) -> None:
    handler = type("Lax", (Service,), {"content_types": None})
    if "content-type" not in headers:
        handler.content_types = Service.content_types  # type: ignore[attr-defined]
    async with application((r"/.*", handler)) as served:
        server = JsonRPC(served.url, client=served.client, headers=headers)
        assert await server.user() == ["ada", "POST"]


async def test_header_fields_with_several_values() -> None:
    async with script(answering({"result": 1})) as served:
        server = JsonRPC(served.url, client=served.client, headers={"X": ["1", "2"]})
        assert await server.x() == 1
        assert b"X: 1\r\nX: 2" in served.factory.requests[0]


@pytest.mark.parametrize(
    ("version", "answer", "status", "error", "match"),
    [
        ("1.0", b"nonsense", "200 OK", ValueError, None),
        ("1.0", b"[" * 100_000, "200 OK", ValueError, "nested too deeply"),
        ("1.0", [], "200 OK", ValueError, "no JSON-RPC response"),
        ("1.0", {"error": "words"}, "200 OK", RemoteError, "words"),
        ("1.0", {"error": {"code": "x", "message": 5}}, "200 OK", RemoteError, "5"),
        ("1.0", {"error": "words"}, "500 No", HTTPError, "500"),
        ("2.0", {"result": 1, "id": 0}, "200 OK", ValueError, "no JSON-RPC 2.0 response"),
        ("2.0", {"jsonrpc": "2.0", "id": 0}, "200 OK", ValueError, "no JSON-RPC 2.0 response"),
        (
            "2.0",
            {"jsonrpc": "2.0", "result": 1, "error": None, "id": 0},
            "200 OK",
            ValueError,
            "no JSON-RPC 2.0 response",
        ),
        ("2.0", {"jsonrpc": "2.0", "result": 1, "id": 5}, "200 OK", ValueError, "another call"),
        ("2.0", {"jsonrpc": "2.0", "result": 1, "id": False}, "200 OK", ValueError, "another call"),
        ("2.0", b"nonsense", "500 No", HTTPError, "500"),
        ("2.0", {"a": 1}, "404 No", HTTPError, "404"),
        (
            "2.0",
            {"jsonrpc": "2.0", "error": {"code": -32601, "message": "no"}, "id": 0},
            "404 No",
            RemoteError,
            "no",
        ),
    ],
)
async def test_answers_of_others(
    version: str, answer: Any, status: str, error: Any, match: str | None
) -> None:
    async with script(answering(answer, status)) as served:
        server = JsonRPC(served.url, version, client=served.client)
        await failing(server.x(), error, match)


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (b"", "200 OK", None),
        (b"", "204 OK", None),
        (b"", "202 OK", None),
        (b"", "500 No", HTTPError),
        (
            {"jsonrpc": "2.0", "error": {"code": 1, "message": "no"}, "id": None},
            "200 OK",
            RemoteError,
        ),
        (
            {"jsonrpc": "2.0", "error": {"code": 1, "message": "no"}, "id": None},
            "400 X",
            RemoteError,
        ),
    ],
)
async def test_answers_to_notifications(answer: Any, status: str, error: Any) -> None:
    async with script(answering(answer, status)) as served:
        sent = JsonRPC(served.url, "2.0", client=served.client).x.notify()
        if error is None:
            assert await sent is None
        else:
            await failing(sent, error)


def good(id: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "result": f"of {id}", "id": id}


def test_answers_to_batches() -> None:
    assert batch_results([good(7), 5, good("x"), good(True), good(3)], [3, 7]) == ["of 3", "of 7"]
    for answer in (None, 5, {}, [], [good(3)], good(3)):
        with pytest.raises(ValueError):
            batch_results(answer, [3, 7])
    refused = {"jsonrpc": "2.0", "error": {"code": True}, "id": None}
    with pytest.raises(RemoteError) as caught:
        batch_results(refused, [1])
    assert caught.value.code == 0


def test_calls() -> None:
    assert make_call("1.0", "m", (1,), {}, 5) == {"method": "m", "params": (1,), "id": 5}
    assert make_call("2.0", "m", (), {}, None) == {"jsonrpc": "2.0", "method": "m"}
    assert make_call("2.0", "m", (), {"a": 1}, 0)["params"] == {"a": 1}
    for version, args, kwargs, id in [
        ("2.0", (1,), {"a": 1}, 1),
        ("1.0", (), {"a": 1}, 1),
        ("1.0", (1,), {}, None),
    ]:
        with pytest.raises(TypeError):
            make_call(version, "m", args, kwargs, id)
    assert result_of({"result": 5}, "1.0", 3) == 5


def test_versions() -> None:
    with pytest.raises(ValueError, match=r"version must be '1\.0' or '2\.0', not '3\.0'"):
        JsonRPC("http://localhost", "3.0")
    with pytest.raises(ValueError, match="batches are of JSON-RPC 2"):
        JsonRPCBatch(JsonRPC("http://localhost"))
    with pytest.raises(AttributeError):
        JsonRPC("http://localhost").__wrapped__  # noqa: B018
