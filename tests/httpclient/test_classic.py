"""`fetch`, `HTTPClient` and `JsonRPC` of cyclone 1.x."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.defer import inlineCallbacks

from cyclone import httpclient
from cyclone.httputil import HTTPHeaders

from .support import OK, failing, script


def answer(text: str, status: str = "200 OK") -> bytes:
    data = text.encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


async def test_a_response() -> None:
    reply = b"HTTP/1.1 500 Oops\r\nX-a: 1\r\nX-A: 2\r\nContent-Length: 1\r\n\r\nx"
    async with script(reply, OK) as served:
        response = await httpclient.fetch(served.url, client=served.client)
        assert (response.code, response.phrase, response.body) == (500, "Oops", b"x")
        assert response.error and response.length == 1
        assert response.headers["X-A"] == ["1", "2"] == response.headers["x-a"]
        assert response.headers.get("nope", 5) == 5 and "content-length" in response.headers
        with pytest.raises(KeyError):
            response.headers["nope"]
        assert isinstance(response.request, httpclient.HTTPClient)
        assert response.request.response is response
        assert response.effective_url == served.url
        assert not (await httpclient.fetch(served.url, client=served.client)).error


async def test_postdata_and_header_lists() -> None:
    async with script(OK) as served:
        await httpclient.fetch(
            served.url,
            postdata="a=b",
            headers={b"X": ["1", "2"], "Y": "3"},  # type: ignore[dict-item]
            client=served.client,
        )
        head = served.factory.requests[0]
        assert head.startswith(b"POST / ")
        assert b"X: 1\r\nX: 2\r\nY: 3" in head
        assert b"Content-Type: application/x-www-form-urlencoded" in head
        assert served.factory.received.endswith(b"a=b")
        await httpclient.fetch(
            served.url, method="PUT", headers={"Content-Type": ["a/b"]}, client=served.client
        )
        assert b"PUT / " in served.factory.requests[1]


async def test_redirects_are_followed_when_asked() -> None:
    async with script(b"HTTP/1.1 302 X\r\nLocation: /\r\nContent-Length: 0\r\n\r\n") as served:
        assert (await httpclient.fetch(served.url, client=served.client)).code == 302
        assert len(served.factory.requests) == 1
        followed = {"followRedirect": 1, "maxRedirects": 2}
        await httpclient.fetch(served.url, client=served.client, **followed)
        assert len(served.factory.requests) == 4


async def test_proxy_and_timeouts() -> None:
    async with script(OK) as served:
        proxy = ("127.0.0.1", str(served.port))
        await httpclient.fetch("http://a.example/", proxy=proxy, client=served.client)
        assert served.factory.requests[0].startswith(b"GET http://a.example/ ")
    async with script(lambda *_: None) as served:
        fetched = httpclient.fetch(served.url, timeout=0.05, client=served.client)
        await failing(fetched, httpclient.HTTPTimeoutError)


async def test_the_shared_client_is_the_default() -> None:
    @inlineCallbacks
    def main(url: str) -> Any:
        response = yield httpclient.fetch(url)
        return response.body

    async with script(OK) as served:
        assert await main(served.url) == b"ok"
        await httpclient.AsyncHTTPClient().close()


async def test_json_rpc() -> None:
    async with script(
        answer('{"result": 3, "error": null, "id": 0}'),
        answer('{"error": {"code": 1, "message": "bad"}}'),
        answer('{"error": "worse"}'),
        answer("no", "500 Oops"),
        answer("[]"),
        answer("nonsense"),
    ) as served:
        rpc = httpclient.JsonRPC(served.url, client=served.client)
        assert await rpc.add(1, 2) == 3
        assert served.factory.received.endswith(
            json.dumps({"method": "add", "params": [1, 2], "id": 0}).encode()
        )
        await failing(rpc.add(), Exception, "bad")
        await failing(rpc.add(), Exception, "worse")
        await failing(rpc.add(), httpclient.HTTPError, "500")
        await failing(rpc.add(), ValueError, "JSON-RPC")
        await failing(rpc.add(), ValueError)
        with pytest.raises(AttributeError):
            rpc.__nope__  # noqa: B018


def test_headers() -> None:
    headers = httpclient.FetchedHeaders(HTTPHeaders({"a": "b"}))
    assert headers == {"A": ["b"]} and 5 not in headers
    with pytest.raises(KeyError):
        headers[5]  # type: ignore[index]
