"""The client and real servers, good ones and others."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, inlineCallbacks

from cyclone.httpclient import (
    AsyncHTTPClient,
    HTTPClientError,
    HTTPConnectError,
    HTTPError,
    HTTPRequest,
    HTTPResponse,
    HTTPResponseError,
    HTTPStreamClosedError,
    HTTPTimeoutError,
)
from cyclone.web import RequestHandler

from .support import OK, application, ending, failing, script, silent

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Echo(RequestHandler):
    SUPPORTED_METHODS = (*RequestHandler.SUPPORTED_METHODS, "BREW")

    def any(self) -> None:
        self.write(
            {
                "method": self.request.method,
                "headers": dict(self.request.headers),
                "body": self.request.body.decode("latin-1"),
            }
        )

    get = post = put = delete = patch = options = brew = any  # type: ignore[assignment]

    def head(self) -> None:
        self.set_header("Content-Length", "1000")


class Hop(RequestHandler):
    def get(self, left: str) -> None:
        self.redirect(f"/hop/{int(left) - 1}" if int(left) else "/echo")

    post = get


def echo() -> Any:
    return application(("/echo", Echo), (r"/hop/(\d+)", Hop))


async def test_a_response() -> None:
    async with echo() as served:
        response = await served.fetch("/echo")
        assert (response.code, response.reason, response.error) == (200, "OK", None)
        assert response.headers["Content-Type"].startswith("application/json")
        assert b'"GET"' in response.body and response.buffer.getvalue() == response.body
        assert response.effective_url == served.url + "/echo"
        assert response.request.url == served.url + "/echo"
        assert response.request_time >= 0 and response.start_time > 1e9
        assert set(response.time_info) == {"queue", "connect", "total"}
        response.rethrow()
        assert "code=200" in repr(response)


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"]
)
async def test_methods(method: str) -> None:
    async with echo() as served:
        body = b"b" if method in ("POST", "PUT", "PATCH") else None
        response = await served.fetch(
            "/echo", method=method, body=body, allow_nonstandard_methods=method == "BREW"
        )
        assert response.body == b"" if method == "HEAD" else f'"{method}"'.encode() in response.body


async def test_connections_are_used_again() -> None:
    async with script(OK) as served:
        for _ in range(3):
            assert (await served.fetch()).body == b"ok"
        assert len(served.factory.connections) == 1


async def test_status_codes_are_errors_unless_asked() -> None:
    async with script(b"HTTP/1.1 404 Nope\r\nContent-Length: 1\r\n\r\nx") as served:
        error = await failing(served.fetch(), HTTPError, "HTTP 404: Nope")
        assert error.code == 404 and error.response.body == b"x" and repr(error) == str(error)
        response = await served.fetch(raise_error=False)
        assert response.code == 404
        with pytest.raises(HTTPClientError):
            response.rethrow()


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        CHUNKED + b"1\r\no\r\n1;x=y\r\nk\r\n0\r\nA: b\r\n\r\n",
        ending(b"HTTP/1.1 200 OK\r\n\r\nok"),
        ending(b"HTTP/1.0 200 OK\r\n\r\nok"),
        b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + OK,
    ],
)
async def test_framings(answer: Any) -> None:
    async with script(answer) as served:
        assert (await served.fetch()).body == b"ok"
        assert (await served.fetch()).body == b"ok"


async def test_heads_in_any_pieces() -> None:
    def drip(protocol: Any, _: bytes) -> None:
        from twisted.internet import reactor

        protocol.transport.setTcpNoDelay(True)
        data = iter(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)

        def more() -> None:
            for byte in data:
                protocol.transport.write(bytes([byte]))
                reactor.callLater(0, more)  # type: ignore[attr-defined]
                return

        more()

    async with script(drip) as served:
        assert (await served.fetch()).body == b"ok"


@pytest.mark.parametrize(
    "answer",
    [
        *(b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", b"HTTP/1.1 200 OK\r\nConte"),
        CHUNKED + b"5\r\nab",
        CHUNKED + b"xyz\r\n",
        CHUNKED + b"2\r\nabX\r\n",
        *(b"nonsense\r\n\r\n", b"HTTP/1.1 101 Switching\r\n\r\n"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ],
)
async def test_broken_responses(answer: bytes) -> None:
    async with script(ending(answer)) as served:
        error = await failing(served.fetch(), HTTPStreamClosedError)
        assert error.code == 599 and error.response is None and repr(error)


async def test_class_4_heads_are_limited() -> None:
    def flood(protocol: Any, _: bytes) -> None:
        protocol.transport.write(b"HTTP/1.1 200 OK\r\n" + b"X: yyyyyyyy\r\n" * 200)

    for answer in (flood, b"HTTP/1.1 200 OK\r\nX: " + b"y" * 2000 + b"\r\n\r\n"):
        async with script(answer, max_header_size=1000) as served:
            await failing(served.fetch(), HTTPResponseError, "header section")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + b"x" * 11,
        CHUNKED + b"b\r\n" + b"x" * 11 + b"\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 11,
    ],
)
async def test_class_4_bodies_are_limited(answer: bytes) -> None:
    async with script(answer, max_body_size=10) as served:
        await failing(served.fetch(), HTTPResponseError, "max_body_size")
        await failing(served.fetch(streaming_callback=len), HTTPResponseError, "max_body_size")


def gzipped(data: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


async def test_gzip() -> None:
    data = gzip.compress(b"hello ") + gzip.compress(b"world")
    async with script(gzipped(data)) as served:
        response = await served.fetch()
        assert response.body == b"hello world"
        assert "Content-Encoding" not in response.headers
        assert response.headers["X-Consumed-Content-Encoding"] == "gzip"
        assert b"Accept-Encoding: gzip" in served.factory.requests[0]
        raw = await served.fetch(decompress_response=False)
        assert raw.body == data and raw.headers["Content-Encoding"] == "gzip"
        assert b"Accept-Encoding" not in served.factory.requests[1]


async def test_gzip_of_nothing() -> None:
    async with script(b"HTTP/1.1 304 X\r\nContent-Encoding: gzip\r\n\r\n") as served:
        assert (await served.fetch(raise_error=False)).code == 304


async def test_class_5_bombs() -> None:
    bomb = gzip.compress(bytes(10_000_000))
    async with script(gzipped(bomb), max_body_size=100_000) as served:
        assert len(bomb) < 100_000
        await failing(served.fetch(), HTTPResponseError, "max_body_size")
        seen: list[int] = []
        fetched = served.fetch(streaming_callback=lambda data: seen.append(len(data)))
        await failing(fetched, HTTPResponseError, "max_body_size")
        assert sum(seen) <= 100_000 and max(seen) <= 65536


GZIP_X = gzip.compress(b"x", mtime=0)


@pytest.mark.parametrize("bad", [b"garbage", GZIP_X + b"\0", GZIP_X[:-1]], ids=len)
async def test_class_5_bad_gzip(bad: bytes) -> None:
    async with script(gzipped(bad)) as served:
        await failing(served.fetch(), HTTPResponseError, "gzip")


async def test_class_6_interim_responses_are_limited() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    async with script(interim * 10 + OK, interim * 11 + OK) as served:
        assert (await served.fetch()).body == b"ok"
        await failing(served.fetch(), HTTPResponseError, "interim")


async def test_unasked_bytes_end_the_connection() -> None:
    late: list[Any] = []

    def answer(protocol: Any, _: bytes) -> None:
        protocol.transport.write(OK)
        late.append(protocol)

    async with script(answer, OK) as served:
        assert (await served.fetch()).body == b"ok"
        late[0].transport.write(OK)
        await late[0].done
        assert (await served.fetch()).body == b"ok"
        assert len(served.factory.connections) == 2


async def test_a_kept_connection_that_has_ended() -> None:
    dead: list[bytes] = []

    def drop(protocol: Any, head: bytes) -> None:
        dead.append(head)
        protocol.transport.abortConnection()

    async with script(OK, drop, OK) as served:
        await served.fetch()
        assert (await served.fetch()).body == b"ok"
        assert len(dead) == 1 and len(served.factory.connections) == 2
    async with script(OK, drop, OK) as served:
        await served.fetch()
        await failing(served.fetch(method="POST", body=b""), HTTPStreamClosedError)
    async with script(drop) as served:
        await failing(served.fetch(), HTTPStreamClosedError)
        assert len(served.factory.requests) == 1


# -- redirects


async def test_redirects() -> None:
    async with echo() as served:
        response = await served.fetch("/hop/2", method="POST", body=b"x")
        assert response.effective_url == served.url + "/echo"
        assert b'"GET"' in response.body
        assert response.request.url == served.url + "/hop/2"
        assert (
            await failing(served.fetch("/hop/2", follow_redirects=False), HTTPError)
        ).code == 302
        assert (await failing(served.fetch("/hop/9"), HTTPError)).code == 302
        seen: list[str] = []
        pieces: list[bytes] = []
        await served.fetch("/hop/1", header_callback=seen.append, streaming_callback=pieces.append)
        assert seen[0] == "HTTP/1.1 200 OK\r\n" and seen[-1] == "\r\n"
        assert all(line.endswith("\r\n") for line in seen)
        assert b"GET" in b"".join(pieces)


async def test_class_13_a_loop_ends() -> None:
    async with script(b"HTTP/1.1 302 X\r\nLocation: /\r\nContent-Length: 0\r\n\r\n") as served:
        assert (await failing(served.fetch(), HTTPError)).code == 302
        assert len(served.factory.requests) == 6


async def test_class_13_credentials_to_another_port() -> None:
    async with script(OK) as other:
        answer = f"HTTP/1.1 307 X\r\nLocation: {other.url}/\r\nContent-Length: 0\r\n\r\n".encode()
        async with script(answer) as served:
            url = served.url.replace("http://", "http://u:p@")
            await served.client.fetch(url, headers={"Cookie": "a=b", "X": "y"})
            assert b"Authorization: Basic" in served.factory.requests[0]
        assert b"X: y" in other.factory.requests[0]
        assert b"Authorization" not in other.factory.requests[0]
        assert b"Cookie" not in other.factory.requests[0]


@pytest.mark.parametrize("location", ["ftp://a/", "file:///etc/passwd"])
async def test_class_13_redirects_to_other_schemes(location: str) -> None:
    answer = f"HTTP/1.1 302 X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    async with script(answer) as served:
        await failing(served.fetch(raise_error=False), ValueError, "Unsupported url scheme")


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 9999999", b"X: y", b"Transfer-Encoding: chunked"]
)
async def test_bodies_of_redirects_are_not_waited_for(framing: bytes) -> None:
    def answer(protocol: Any, _: bytes) -> None:
        body = b"x" * 70000
        if b"chunked" in framing:
            body = b"%x\r\n%b\r\n" % (len(body), body)
        protocol.transport.write(
            b"HTTP/1.1 302 X\r\nLocation: /\r\n" + framing + b"\r\n\r\n" + body
        )

    async with script(answer, OK) as served:
        assert (await served.fetch()).body == b"ok"


# -- time


async def test_timeouts() -> None:
    async with script(silent) as served:
        error = await failing(served.fetch(request_timeout=0.05), HTTPTimeoutError, "Timeout")
        assert error.code == 599 and repr(error)
    async with script(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx") as served:
        await failing(served.fetch(request_timeout=0.05), HTTPTimeoutError, "Timeout")


async def test_the_queue() -> None:
    async with script(silent, max_clients=1) as served:
        first = served.fetch(request_timeout=0)
        await failing(served.fetch(connect_timeout=0.05), HTTPTimeoutError, "queue")
        third = served.fetch(request_timeout=0)
        third.cancel()
        await failing(third, CancelledError)
        fourth = served.fetch(request_timeout=0, connect_timeout=0)
        first.cancel()
        await failing(first, CancelledError)
        fourth.cancel()
        await failing(fourth, CancelledError)


async def test_closing_ends_fetches() -> None:
    async with script(silent, max_clients=1) as served:
        fetched, queued = served.fetch(), served.fetch()
        await served.client.close()
        await failing(fetched, CancelledError)
        await failing(queued, CancelledError)
        with pytest.raises(RuntimeError, match="closed"):
            served.fetch()


async def test_nobody_listens() -> None:
    async with script(OK) as served:
        pass
    client = AsyncHTTPClient(force_instance=True)
    error = await failing(client.fetch(served.url), HTTPConnectError, "refused")
    assert isinstance(error, OSError) and error.errno and error.code == 599
    await failing(client.fetch("http://nowhere.invalid/", connect_timeout=5), OSError)
    await client.close()


# -- bodies of requests


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "6"}])
async def test_body_producers(headers: dict[str, str]) -> None:
    async def produce(write: Any) -> None:
        await write(b"abc")
        await write(b"")
        await write(b"def")

    async with echo() as served:
        for expect in (False, True):
            response = await served.fetch(
                "/echo",
                method="PUT",
                body_producer=produce,
                headers=headers,
                expect_100_continue=expect,
            )
            assert b'"abcdef"' in response.body


def too_long(write: Any) -> None:
    write(b"x" * 6)


def too_short(write: Any) -> None:
    write(b"x" * 4)


async def later(write: Any) -> None:
    await write(b"x")
    raise LookupError("failed")


def at_once(write: Any) -> None:
    raise LookupError("failed")


@pytest.mark.parametrize(
    ("producer", "error"),
    [(too_long, ValueError), (too_short, ValueError), (later, LookupError), (at_once, LookupError)],
)
async def test_body_producers_that_fail(producer: Any, error: type[Exception]) -> None:
    async with script(silent) as served:
        fetched = served.fetch(
            method="PUT", body_producer=producer, headers={"Content-Length": "5"}
        )
        await failing(fetched, error)


async def test_large_bodies_keep_pace() -> None:
    class Count(RequestHandler):
        def put(self) -> None:
            self.write(str(len(self.request.body)))

    async def produce(write: Any) -> None:
        for _ in range(100):
            await write(b"x" * 65536)

    async with application(("/", Count)) as served:
        response = await served.fetch(method="PUT", body_producer=produce)
        assert response.body == str(100 * 65536).encode()


async def test_expect_100_continue() -> None:
    def go_on(protocol: Any, _: bytes) -> None:
        protocol.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        protocol.dataReceived = lambda data: protocol.transport.write(OK)

    async with script(go_on) as served:
        response = await served.fetch(method="POST", body=b"body", expect_100_continue=True)
        assert response.body == b"ok"
        assert b"Expect: 100-continue" in served.factory.requests[0]


async def test_a_body_that_the_server_does_not_want() -> None:
    refusal = b"HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno"
    async with script(refusal) as served:
        fetched = served.fetch(method="POST", body=b"body", expect_100_continue=True)
        error = await failing(fetched, HTTPError)
        assert error.code == 417 and error.response.body == b"no"
        assert b"body" not in served.factory.received


async def test_an_answer_before_the_body_is_sent() -> None:
    gate: Deferred[None] = Deferred()
    errors: list[Any] = []

    async def produce(write: Any) -> None:
        await write(b"x")
        await gate
        try:
            await write(b"y")
        except HTTPStreamClosedError as exc:
            errors.append(exc)

    async with script(b"HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\nno", OK) as served:
        error = await failing(served.fetch(method="PUT", body_producer=produce), HTTPError)
        assert error.code == 413 and error.response.body == b"no"
        gate.callback(None)
        assert errors
        assert (await served.fetch()).body == b"ok"
        assert len(served.factory.connections) == 2


# -- callbacks


async def test_streaming_slows_the_peer_down() -> None:
    gates = [Deferred() for _ in range(3)]
    seen: list[bytes] = []

    def take(data: bytes) -> Any:
        seen.append(data)
        return gates[len(seen) - 1] if len(seen) <= 3 else None

    def answer(protocol: Any, _: bytes) -> None:
        protocol.transport.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        protocol.transport.write(b"1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n")

    async with script(answer) as served:
        fetched = served.fetch(streaming_callback=take)
        from twisted.internet import reactor, task

        for index, gate in enumerate(gates):
            while len(seen) < index + 1:
                await task.deferLater(reactor, 0)  # type: ignore[arg-type]
            assert not fetched.called
            gate.callback(None)
        response = await fetched
        assert b"".join(seen) == b"abc" and response.body == b""


def boom(_: Any) -> None:
    raise LookupError("boom")


async def boom_later(_: Any) -> None:
    raise LookupError("boom")


async def cancelled(_: Any) -> None:
    raise asyncio.CancelledError


async def test_callbacks_that_fail() -> None:
    async with script(OK) as served:
        await failing(served.fetch(header_callback=boom), LookupError)
        await failing(served.fetch(streaming_callback=boom), LookupError)
        await failing(served.fetch(streaming_callback=boom_later), LookupError)
        await failing(served.fetch(streaming_callback=cancelled), HTTPStreamClosedError)


# -- styles of calling


async def test_a_request_object_and_defaults() -> None:
    async with script(OK, defaults={"user_agent": "mine"}) as served:
        request = HTTPRequest(served.url)
        response = await served.client.fetch(request)
        assert response.request is request and request.user_agent is None
        assert b"User-Agent: mine" in served.factory.requests[0]
        with pytest.raises(ValueError, match="HTTPRequest"):
            served.client.fetch(request, method="GET")
        await failing(served.fetch(method="BREW"), KeyError)
        await failing(served.client.fetch("ftp://a/"), ValueError)


async def test_inline_callbacks() -> None:
    @inlineCallbacks
    def get(served: Any) -> Any:
        response = yield served.fetch()
        return response.body

    async with script(OK) as served:
        assert await get(served) == b"ok"


def test_asyncio_awaits_and_cancels(reactor_run: Any) -> None:
    class Fake(AsyncHTTPClient):
        def fetch_impl(self, request: HTTPRequest, callback: Any) -> None:
            self.callback = callback

    async def run() -> None:
        client: Any = Fake(force_instance=True)
        fetched = client.fetch("http://a/")
        task = asyncio.ensure_future(fetched)
        await asyncio.sleep(0)
        client.callback(HTTPResponse(HTTPRequest("http://a/"), 200))
        client.callback(HTTPResponse(HTTPRequest("http://a/"), 200))
        assert (await task).code == 200
        fetched = client.fetch("http://a/")
        task = asyncio.ensure_future(fetched)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert fetched.called

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(run())
    finally:
        loop.close()


async def test_the_shared_client() -> None:
    shared: Any = AsyncHTTPClient()
    assert AsyncHTTPClient() is shared
    assert AsyncHTTPClient(force_instance=True) is not shared
    with pytest.raises(TypeError, match="force_instance"):
        AsyncHTTPClient(max_clients=3)
    await shared.close()
    assert AsyncHTTPClient() is not shared
    await AsyncHTTPClient().close()


class Mine(AsyncHTTPClient):
    pass


async def test_configure() -> None:
    try:
        AsyncHTTPClient.configure(Mine, max_clients=3)
        client: Any = AsyncHTTPClient()
        assert type(client) is Mine and client.max_clients == 3
        assert AsyncHTTPClient.configured_class() is Mine
        await client.close()
        AsyncHTTPClient.configure("cyclone.httpclient.AsyncHTTPClient")
        for wrong in ("cyclone.httpclient.HTTPError", int):
            with pytest.raises(TypeError):
                AsyncHTTPClient.configure(wrong)  # type: ignore[arg-type]
    finally:
        AsyncHTTPClient.configure(None)


async def test_ways_to_connect() -> None:
    async with script(OK) as served:
        await served.fetch(network_interface="127.0.0.1", allow_ipv6=False)
        port = served.port
        mapped: Any = AsyncHTTPClient(
            force_instance=True,
            hostname_mapping={"a.invalid": "127.0.0.1", ("b.invalid", 80): ("127.0.0.1", port)},
        )
        await mapped.fetch(f"http://a.invalid:{port}/", allow_ipv6=False)
        await mapped.fetch("http://b.invalid/")
        assert b"Host: b.invalid" in served.factory.requests[-1]
        await failing(mapped.fetch("http://[::1]:1/", allow_ipv6=False), OSError)
        await mapped.close()


async def test_a_request_that_timed_out_is_not_sent_again() -> None:
    async with script(OK, silent) as served:
        await served.fetch()
        await failing(served.fetch(request_timeout=0.05), HTTPTimeoutError, "Timeout")
        assert len(served.factory.requests) == 2 and len(served.factory.connections) == 1


async def test_cancelling_a_fetch_on_a_kept_connection() -> None:
    async with script(OK, silent) as served:
        await served.fetch()
        fetched = served.fetch()
        fetched.cancel()
        await failing(fetched, CancelledError)
        assert len(served.factory.connections) == 1


async def test_class_2_nothing_is_sent_of_a_request_that_is_refused() -> None:
    async with script(OK) as served:
        await failing(served.fetch("/a b\r\nX: y"), ValueError)
        await failing(served.fetch(method="GET\r\nX:"), ValueError)
        with pytest.raises(ValueError):
            served.fetch(headers={"X": "a\r\nY: b"})
        await failing(served.fetch(user_agent="a\r\nY: b"), ValueError, "user_agent")
        assert served.factory.connections == []


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("GET", OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
        ("HEAD", OK),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\nbody"),
    ],
)
async def test_class_1_a_connection_with_more_than_the_answer_is_not_kept(
    method: str, answer: bytes
) -> None:
    async with script(answer, OK) as served:
        await served.fetch(method=method)
        assert (await served.fetch()).body == b"ok"
        assert len(served.factory.connections) == 2


@pytest.mark.parametrize("size", [b"zz", b"-5", b"0x5"])
async def test_chunks_that_make_no_sense_are_a_malformed_response(size: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with script(head + size + b"\r\nhello\r\n0\r\n\r\n") as served:
        await failing(served.fetch(), HTTPResponseError, "framed")
    async with script(ending(head + b"5\r\nhel")) as served:
        await failing(served.fetch(), HTTPStreamClosedError)
