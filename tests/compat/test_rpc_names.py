"""cyclone 1.x's handlers for XML-RPC and JSON-RPC, in the style of its demo."""

from __future__ import annotations

import datetime
import json
import xmlrpc.client
from collections.abc import Generator
from typing import Any

import pytest
from twisted.internet import defer

import cyclone.escape
import cyclone.httpclient
import cyclone.jsonrpc
import cyclone.web
import cyclone.xmlrpc
from tests.httpclient.support import application
from tests.web.support import problems, recorded_log


class XmlrpcHandler(cyclone.xmlrpc.XmlrpcRequestHandler):
    allowNone = True

    def xmlrpc_echo(self, text: Any) -> Any:
        return text

    def xmlrpc_sort(self, items: Any) -> Any:
        return sorted(items)

    @defer.inlineCallbacks
    def xmlrpc_lookup(self, path: str) -> Generator[Any, Any, Any]:
        response = yield cyclone.httpclient.fetch(
            f"http://{self.request.host}{path}", client=self.settings.client
        )
        return response.body


class JsonrpcHandler(cyclone.jsonrpc.JsonrpcRequestHandler):
    def jsonrpc_echo(self, *args: Any) -> Any:
        return args[0] if len(args) == 1 else args

    def jsonrpc_fail(self) -> None:
        raise Exception("it <is> broken")

    @defer.inlineCallbacks
    def jsonrpc_lookup(self, path: str) -> Generator[Any, Any, Any]:
        response = yield cyclone.httpclient.fetch(
            f"http://{self.request.host}{path}", client=self.settings.client
        )
        return response.body


class Hello(cyclone.web.RequestHandler):
    def get(self) -> None:
        self.write("hello")


def names() -> tuple[Any, ...]:
    handler = cyclone.xmlrpc.XmlrpcRequestHandler
    return handler.FAILURE, handler.NOT_FOUND, handler.separator, handler.allowNone


async def post(served: Any, path: str, body: Any, kind: str) -> Any:
    return await served.fetch(
        path, method="POST", body=body, headers={"Content-Type": kind}, raise_error=False
    )


async def test_xmlrpc() -> None:
    assert names() == (8002, 8001, ".", False)
    async with application(("/xmlrpc", XmlrpcHandler), ("/hello", Hello)) as served:
        served.factory.settings["client"] = served.client

        async def call(method: str, *args: Any) -> Any:
            body = xmlrpc.client.dumps(args, method, allow_none=True).encode()
            response = await post(served, "/xmlrpc", body, "text/xml")
            assert response.headers["Content-Type"] == "text/xml"
            return xmlrpc.client.loads(response.body)[0][0]

        assert await call("echo", None) is None
        assert await call("sort", ["b", "a"]) == ["a", "b"]
        assert (await call("lookup", "/hello")).data == b"hello"
        with pytest.raises(xmlrpc.client.Fault, match="function nothing not found"):
            await call("nothing")


async def test_jsonrpc() -> None:
    handlers = (
        ("/jsonrpc", JsonrpcHandler),
        (r"/rpc/(\w+)/(\w+)", JsonrpcHandler),
        ("/hello", Hello),
    )
    async with application(*handlers) as served:
        served.factory.settings["client"] = served.client

        async def call(request: Any, path: str = "/jsonrpc") -> Any:
            body = json.dumps(request).encode()
            return await post(served, path, body, "application/json-rpc")

        response = await call({"method": "echo", "params": ["x"], "id": 7})
        assert response.body == b'{"result": "x", "error": null, "id": 7}'
        assert response.headers["Content-Type"] == "application/json; charset=UTF-8"
        response = await call({"method": "lookup", "params": ["/hello"], "id": "a"})
        assert json.loads(response.body)["result"] == "hello"
        response = await call({"method": "echo", "params": [1], "id": None}, "/rpc/a/b")
        assert json.loads(response.body) == {"result": ["a", "b", 1], "error": None, "id": None}
        response = await call({"method": "echo", "id": 1}, "/rpc/a/b")
        assert json.loads(response.body)["result"] == ["a", "b"]
        assert (await call({"method": "echo"})).code == 400
        assert (await post(served, "/jsonrpc", b"{", "application/json")).code == 400


async def test_client() -> None:
    async with application(("/jsonrpc", JsonrpcHandler)) as served:
        server = cyclone.httpclient.JsonRPC(served.url + "/jsonrpc", client=served.client)
        assert await server.echo("foobar") == "foobar"
        server.echo(5).addCallback(lambda result: results.append(result))
        results: list[Any] = []
        assert await server.echo() == []
        with recorded_log() as lines, pytest.raises(Exception, match="Internal error"):
            await server.fail()
        assert "it <is> broken" in problems(lines)[0]
    assert results == [5]


async def test_encoder() -> None:
    class DateTimeAware:
        json_decode = staticmethod(cyclone.escape.json_decode)

        def json_encode(self, value: Any) -> str:
            return json.dumps(value, default=datetime.date.isoformat)

    class Handler(cyclone.jsonrpc.JsonrpcRequestHandler):
        encoder = DateTimeAware()

        def jsonrpc_day(self) -> Any:
            return datetime.date(2020, 1, 2)

    async with application(("/jsonrpc", Handler)) as served:
        server = cyclone.httpclient.JsonRPC(served.url + "/jsonrpc", client=served.client)
        assert await server.day() == "2020-01-02"


async def test_messages_of_exceptions() -> None:
    handler = type("Telling", (JsonrpcHandler,), {"expose_errors": True})
    async with application(("/jsonrpc", handler)) as served:
        server = cyclone.httpclient.JsonRPC(served.url + "/jsonrpc", client=served.client)
        with recorded_log(), pytest.raises(Exception, match="it <is> broken"):
            await server.fail()


async def test_content_types() -> None:
    async with application(("/jsonrpc", JsonrpcHandler), ("/xmlrpc", XmlrpcHandler)) as served:
        for path in ("/jsonrpc", "/xmlrpc"):
            assert (await post(served, path, b"", "text/plain")).code == 415


@pytest.mark.parametrize(
    ("base", "name"),
    [
        (cyclone.jsonrpc.JsonrpcRequestHandler, "_cbResult"),
        (cyclone.xmlrpc.XmlrpcRequestHandler, "_cbRender"),
        (cyclone.xmlrpc.XmlrpcRequestHandler, "_ebRender"),
    ],
)
def test_methods_that_are_not_called(base: type, name: str) -> None:
    with pytest.warns(RuntimeWarning, match=rf"Own\.{name} is not called any more: \w+"):
        type("Own", (base,), {name: lambda self, *args: None})
