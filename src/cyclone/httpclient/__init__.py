"""A non-blocking HTTP/1.1 client over Twisted's persistent connections.

`fetch` is cyclone 1.x's, and the shortest: it gives the response whatever its status.

>>> async def crawl(url):  # doctest: +SKIP
...     response = await fetch(url, followRedirect=True)
...     return response.code, response.body

`AsyncHTTPClient` is Tornado's.  Both return Deferreds that coroutines may await, those that
asyncio runs too.  Time and size are limited unless said otherwise, credentials do not follow a
redirect to another origin, and nothing but ``http`` and ``https`` is fetched.

The rooms, from what is asked to what comes back:

    messages     requests and responses
    targets      URLs taken apart
    redirects    which request follows a redirect
    preparation  checks, header fields, the way to the server
    connections  the pool, and TLS (tls) and proxies (tunnel) on the way
    guard        reads heads before Twisted's parser does
    outgoing     a request on its way out
    receiving    a body on its way in
    heads        heads of responses
    attempt      one request over one connection
    fetching     the same, with redirects
    client       `AsyncHTTPClient`
    classic      the interface of cyclone 1.x
    jsonrpc      `JsonRPC`, which calls methods of JSON-RPC servers
    calls        their requests and answers; pure
    upgrading    requests that open a connection of another protocol
    errors       what a fetch can fail with
"""

from __future__ import annotations

from .classic import FetchedHeaders, FetchedResponse, HTTPClient, fetch
from .client import AsyncHTTPClient
from .errors import (
    HTTPClientError,
    HTTPConnectError,
    HTTPError,
    HTTPResponseError,
    HTTPStreamClosedError,
    HTTPTimeoutError,
)
from .jsonrpc import JsonRPC, JsonRPCBatch, RemoteError
from .messages import HTTPRequest, HTTPResponse
from .upgrading import Upgrade, failed_upgrade

__all__ = [
    "AsyncHTTPClient",
    "FetchedHeaders",
    "FetchedResponse",
    "HTTPClient",
    "HTTPClientError",
    "HTTPConnectError",
    "HTTPError",
    "HTTPRequest",
    "HTTPResponse",
    "HTTPResponseError",
    "HTTPStreamClosedError",
    "HTTPTimeoutError",
    "JsonRPC",
    "JsonRPCBatch",
    "RemoteError",
    "Upgrade",
    "failed_upgrade",
    "fetch",
]
