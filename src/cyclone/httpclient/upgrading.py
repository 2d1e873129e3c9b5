"""Requests that open a connection of another protocol (RFC 9110 section 7.8)."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from twisted.internet.interfaces import IStreamClientEndpoint

from cyclone.httputil import HTTPHeaders

from .connections import stream_endpoint
from .errors import HTTPClientError, HTTPConnectError
from .heads import parse_head
from .messages import DEFAULTS, HTTPRequest, HTTPResponse, with_defaults
from .preparation import prepare

__all__ = ["Upgrade", "failed_upgrade"]


class Upgrade:
    """A request whose connection is used for something else when it has been answered with 101.

    Args:
        reactor: what connects.
        request: a GET; the proxy, TLS, authentication and timeouts of it count.
        fields: header fields in addition.

    Raises:
        ValueError, TypeError, OSError: see `preparation.prepare` and `connections.stream_endpoint`.

    Attributes:
        head: the request as it is sent.
        endpoint: the way to the server.
        connect_timeout: seconds until the answer is there, None for no limit.
    """

    max_header_size = 65536

    def __init__(self, reactor: Any, request: HTTPRequest, fields: Mapping[str, str]) -> None:
        asked = with_defaults(request, DEFAULTS)
        # A response that opens something else has no body to compress.
        asked.decompress_response = False
        prepared = prepare(asked)
        headers = prepared.headers
        for name, value in fields.items():
            headers[name] = value
        # Through a proxy only in a tunnel, which asks for the path alone (RFC 6455 section 4.1).
        line = f"GET {prepared.target.path} HTTP/1.1\r\n"
        headers.pop("Proxy-Authorization", None)
        self._request = request
        self.head = line.encode("ascii") + headers.encode() + b"\r\n"
        self.connect_timeout = asked.connect_timeout or None
        target = prepared.target
        address = target.host, target.port
        self.endpoint: IStreamClientEndpoint = stream_endpoint(
            reactor, prepared.route, target, address, self.connect_timeout, tunnel=True
        )

    def response(self, head: bytes) -> HTTPResponse:
        """The response with this head, and without its body.

        Raises:
            HTTPResponseError: the head is malformed.
        """
        parsed = parse_head(head, "GET")
        headers: HTTPHeaders = parsed.headers
        return HTTPResponse(
            self._request, parsed.code, headers=headers, buffer=BytesIO(), reason=parsed.reason
        )


def failed_upgrade(error: BaseException) -> HTTPClientError:
    """The error of a connection that did not come about."""
    if isinstance(error, HTTPClientError):
        return error
    text = str(error) or type(error).__name__
    converted = HTTPConnectError(f"Cannot connect: {text}", getattr(error, "osError", None))
    converted.__cause__ = error
    return converted
