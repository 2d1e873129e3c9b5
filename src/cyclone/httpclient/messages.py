"""`HTTPRequest` and `HTTPResponse`: what is asked of a server, and what came back."""

from __future__ import annotations

import copy
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from io import BytesIO
from typing import Any

from cyclone.escape import utf8
from cyclone.httputil import HTTPHeaders, HTTPInputError, format_timestamp, responses

from .errors import HTTPClientError

__all__ = ["DEFAULTS", "BodyProducer", "HTTPRequest", "HTTPResponse", "Write", "with_defaults"]

#: What a `body_producer` is given to write with; what it returns can be awaited, to go slowly.
Write = Callable[[bytes], Awaitable[None]]
BodyProducer = Callable[[Write], Any]

#: What holds where neither the request nor the client says otherwise (Tornado's values).
DEFAULTS: dict[str, Any] = {
    "connect_timeout": 20.0,
    "request_timeout": 20.0,
    "follow_redirects": True,
    "max_redirects": 5,
    "decompress_response": True,
    "proxy_password": "",
    "allow_nonstandard_methods": False,
    "validate_cert": True,
    "allow_ipv6": True,
}

#: Arguments that become attributes as they are.
_PLAIN = (
    "url",
    "method",
    "auth_username",
    "auth_password",
    "auth_mode",
    "connect_timeout",
    "request_timeout",
    "follow_redirects",
    "max_redirects",
    "user_agent",
    "network_interface",
    "streaming_callback",
    "header_callback",
    "prepare_curl_callback",
    "proxy_host",
    "proxy_port",
    "proxy_username",
    "proxy_password",
    "proxy_auth_mode",
    "allow_nonstandard_methods",
    "validate_cert",
    "ca_certs",
    "allow_ipv6",
    "client_key",
    "client_cert",
    "body_producer",
    "expect_100_continue",
    "ssl_options",
)


class HTTPRequest:
    """A request for `AsyncHTTPClient.fetch`; the names are Tornado's.

    Where a parameter is None, the client's defaults hold.

    Args:
        url: an ``http`` or ``https`` URL.  ``user:password@`` in it is Basic authentication.
        method: the method; others than GET, HEAD, POST, PUT, DELETE, PATCH and OPTIONS need
            `allow_nonstandard_methods`.
        headers: names to values; a value may be a list of values.
        body: the body; text is sent as UTF-8.  POST, PUT and PATCH need one (it may be empty), the
            others must have none, unless `allow_nonstandard_methods` is set.
        auth_username: user name for Basic authentication.
        auth_password: its password.
        auth_mode: "basic" or None; nothing else is known.
        connect_timeout: seconds for looking up the host, connecting and the TLS handshake, for
            each connection; default 20, 0 for no limit.
        request_timeout: seconds from the beginning to the last byte, redirects included; default
            20, 0 for no limit.
        if_modified_since: seconds since 1970 or a datetime for If-Modified-Since.
        follow_redirects: whether 301, 302, 303, 307 and 308 are followed; default true.
            Credentials stay behind when the origin changes.
        max_redirects: how many are followed; default 5.
        user_agent: the User-Agent.
        use_gzip: older name of `decompress_response`.
        network_interface: local address to connect from.
        streaming_callback: is given each piece of the body; `HTTPResponse.body` is empty then.  It
            may return something to wait for; the peer is slowed down meanwhile.
        header_callback: is given each line of the final response's head, with its CRLF.
        prepare_curl_callback: accepted and ignored: there is no curl here.
        proxy_host: host of an HTTP proxy; ``https`` goes through it by CONNECT.
        proxy_port: its port.
        proxy_username: user name for the proxy.
        proxy_password: its password.
        proxy_auth_mode: "basic" or None.
        allow_nonstandard_methods: leave the rules about methods and bodies to the caller.
        validate_cert: whether the certificate of the server is checked; default true.
        ca_certs: file with the PEM certificates of authorities to trust instead of the system's.
        allow_ipv6: whether IPv6 addresses are tried; default true.
        client_key: PEM file of the key for `client_cert`; None if it is in the same file.
        client_cert: PEM file of a certificate to show to the server.  It is not shown to another
            origin that a redirect leads to.
        body_producer: called with a `write` function to write the body; may return something to
            wait for.  Without a Content-Length in `headers` the body is chunked.
        expect_100_continue: ask with ``Expect: 100-continue`` before the body is sent.
        decompress_response: ask for gzip and decompress it; default true.
        ssl_options: TLS settings in place of the four above: a dict with ``ca_certs``,
            ``certfile``, ``keyfile`` and ``cert_reqs``, a Twisted `CertificateOptions`, or an
            `IPolicyForHTTPS`.

    Raises:
        ValueError: a header field is malformed.
        TypeError: the body is neither str nor bytes.

    Attributes:
        start_time: when it was made, in seconds since 1970.
    """

    url: str
    method: str
    auth_username: str | bytes | None
    auth_password: str | bytes | None
    auth_mode: str | None
    connect_timeout: float | None
    request_timeout: float | None
    follow_redirects: bool | None
    max_redirects: int | None
    user_agent: str | None
    network_interface: str | None
    streaming_callback: Callable[[bytes], Any] | None
    header_callback: Callable[[str], None] | None
    prepare_curl_callback: Callable[[Any], None] | None
    proxy_host: str | None
    proxy_port: int | None
    proxy_username: str | bytes | None
    proxy_password: str | bytes | None
    proxy_auth_mode: str | None
    allow_nonstandard_methods: bool | None
    validate_cert: bool | None
    ca_certs: str | None
    allow_ipv6: bool | None
    client_key: str | None
    client_cert: str | None
    body_producer: BodyProducer | None
    expect_100_continue: bool
    decompress_response: bool | None
    ssl_options: Any
    start_time: float

    _headers: HTTPHeaders
    _body: bytes | None

    def __init__(
        self,
        url: str,
        method: str = "GET",
        headers: Mapping[str, Any] | None = None,
        body: bytes | str | None = None,
        auth_username: str | bytes | None = None,
        auth_password: str | bytes | None = None,
        auth_mode: str | None = None,
        connect_timeout: float | None = None,
        request_timeout: float | None = None,
        if_modified_since: float | datetime | None = None,
        follow_redirects: bool | None = None,
        max_redirects: int | None = None,
        user_agent: str | None = None,
        use_gzip: bool | None = None,
        network_interface: str | None = None,
        streaming_callback: Callable[[bytes], Any] | None = None,
        header_callback: Callable[[str], None] | None = None,
        prepare_curl_callback: Callable[[Any], None] | None = None,
        proxy_host: str | None = None,
        proxy_port: int | None = None,
        proxy_username: str | bytes | None = None,
        proxy_password: str | bytes | None = None,
        proxy_auth_mode: str | None = None,
        allow_nonstandard_methods: bool | None = None,
        validate_cert: bool | None = None,
        ca_certs: str | None = None,
        allow_ipv6: bool | None = None,
        client_key: str | None = None,
        client_cert: str | None = None,
        body_producer: BodyProducer | None = None,
        expect_100_continue: bool = False,
        decompress_response: bool | None = None,
        ssl_options: Any = None,
    ) -> None:
        given = locals()
        for name in _PLAIN:
            setattr(self, name, given[name])
        self.headers = headers
        self.body = body
        if if_modified_since is not None:
            self.headers["If-Modified-Since"] = format_timestamp(if_modified_since)
        self.decompress_response = use_gzip if decompress_response is None else decompress_response
        self.start_time = time.time()

    @property
    def headers(self) -> HTTPHeaders:
        """The header fields; what is assigned may be any mapping, or None."""
        return self._headers

    @headers.setter
    def headers(self, value: Mapping[str, Any] | None) -> None:
        try:
            self._headers = HTTPHeaders() if value is None else HTTPHeaders(value)
        except HTTPInputError as exc:
            # Not the message of a peer: a mistake of the caller, who may not have made the value.
            raise ValueError(f"a header field of the request is malformed: {exc}") from exc

    @property
    def body(self) -> bytes | None:
        """The body; text that is assigned is encoded as UTF-8."""
        return self._body

    @body.setter
    def body(self, value: bytes | str | None) -> None:
        self._body = utf8(value)

    def __repr__(self) -> str:
        # Neither header fields nor the rest of the URL: they hold secrets.
        return f"<{type(self).__name__} {self.method} {self.url.partition('?')[0]!r}>"


def with_defaults(request: HTTPRequest, defaults: Mapping[str, Any]) -> HTTPRequest:
    """A copy of `request`, its header fields too, in which `defaults` stand in for None."""
    merged = copy.copy(request)
    merged.headers = request.headers
    for name, value in defaults.items():
        if getattr(merged, name) is None:
            setattr(merged, name, value)
    return merged


class HTTPResponse:
    """What came of a fetch; the names are Tornado's.

    Attributes:
        request: the `HTTPRequest` that was fetched.
        code: the status code.
        reason: the reason phrase.
        headers: the header fields, an `HTTPHeaders`.  Of a body that was decompressed,
            Content-Encoding is called X-Consumed-Content-Encoding.
        buffer: the body as a file, None if there is none.
        body: the body as bytes.
        effective_url: where the response came from, after redirects.
        error: an exception unless the code is 2xx.
        request_time: seconds from the beginning (waiting for one of `max_clients` not counted) to
            the end of the last request.
        start_time: when that began, in seconds since 1970.
        time_info: ``queue``, the seconds spent waiting for one of `max_clients`, ``connect``,
            until the last connection was there, and ``total``.
    """

    def __init__(
        self,
        request: HTTPRequest,
        code: int,
        headers: HTTPHeaders | None = None,
        buffer: BytesIO | None = None,
        effective_url: str | None = None,
        error: BaseException | None = None,
        request_time: float | None = None,
        time_info: dict[str, float] | None = None,
        reason: str | None = None,
        start_time: float | None = None,
    ) -> None:
        self.request = request
        self.code = code
        self.reason = reason or responses.get(code, "Unknown")
        self.headers = HTTPHeaders() if headers is None else headers
        self.buffer = buffer
        self.effective_url = request.url if effective_url is None else effective_url
        self.error_is_response_code = error is None and not 200 <= code < 300
        self.error = (
            HTTPClientError(code, message=self.reason, response=self)
            if self.error_is_response_code
            else error
        )
        self.start_time = start_time
        self.request_time = request_time
        self.time_info = time_info or {}
        self._body: bytes | None = None

    @property
    def body(self) -> bytes:
        """The body; empty if there is none, or a `streaming_callback` took it."""
        if self._body is None:
            self._body = b"" if self.buffer is None else self.buffer.getvalue()
        return self._body

    def rethrow(self) -> None:
        """Raise `error` if there is one."""
        if self.error is not None:
            raise self.error

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(code={self.code}, reason={self.reason!r}, "
            f"request={self.request!r})"
        )
