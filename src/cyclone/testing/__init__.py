"""Tests of applications without sockets: ``from cyclone.testing import Client``.

::

    client = Client(Application([(r"/hello/(\\w+)", HelloHandler)]))

    def test_hello():
        response = client.get("/hello/world", headers={"Accept-Language": "pt"})
        assert response.status == 200
        assert response.text == "Olá world"

A request goes through everything that it goes through on a network, from the bytes on: only
the socket is missing. Names of the package, from the outside in:

- `AsyncTestCase`, `AsyncHTTPTestCase`, `gen_test`, `ExpectLog`: Tornado's, with sockets;
- `CycloneTestCase`: the trial test case of cyclone 1.x;
- `Client` and `DeferredClient`: make requests and keep cookies;
- `Response`, `PendingResponse`: what came back, and what is still coming;
- `MemoryConnection`: one connection for a test that writes its bytes itself;
- `MemoryTransport`, `MemoryTLSTransport`: the transport under it;
- `ResponseParser`, `parse_responses`: a strict reader of responses.
"""

from .async_case import (
    AsyncHTTPSTestCase,
    AsyncHTTPTestCase,
    AsyncTestCase,
    bind_unused_port,
    gen_test,
    get_async_test_timeout,
    main,
    setup_with_context_manager,
)
from .case import CycloneTestCase
from .client import BaseClient, Client, DeferredClient
from .connection import MemoryConnection, parse_responses, settle
from .cookies import Cookie, CookieJar
from .expectlog import ExpectLog
from .loop import ReactorLoop
from .request import RequestOptions, encode_multipart
from .response import PendingResponse, Response, ResponseNotReady
from .transport import MemoryTLSTransport, MemoryTransport
from .wire import ResponseError, ResponseParser

__all__ = [
    "AsyncHTTPSTestCase",
    "AsyncHTTPTestCase",
    "AsyncTestCase",
    "BaseClient",
    "Client",
    "Cookie",
    "CookieJar",
    "CycloneTestCase",
    "DeferredClient",
    "ExpectLog",
    "MemoryConnection",
    "MemoryTLSTransport",
    "MemoryTransport",
    "PendingResponse",
    "ReactorLoop",
    "RequestOptions",
    "Response",
    "ResponseError",
    "ResponseNotReady",
    "ResponseParser",
    "bind_unused_port",
    "encode_multipart",
    "gen_test",
    "get_async_test_timeout",
    "main",
    "parse_responses",
    "settle",
    "setup_with_context_manager",
]
