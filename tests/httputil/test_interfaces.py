"""The interfaces between servers and applications."""

from __future__ import annotations

import pytest

from cyclone.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)


def test_what_has_to_be_implemented() -> None:
    connection = HTTPConnection()
    for call in (
        lambda: connection.write_headers(ResponseStartLine("HTTP/1.1", 200, "OK"), HTTPHeaders()),
        lambda: connection.write(b""),
        connection.finish,
        lambda: HTTPServerConnectionDelegate().start_request(object(), connection),
    ):
        with pytest.raises(NotImplementedError):
            call()


def test_what_may_be_left_out() -> None:
    delegate = HTTPMessageDelegate()
    line = RequestStartLine("GET", "/", "HTTP/1.1")
    assert delegate.headers_received(line, HTTPHeaders()) is None
    assert delegate.data_received(b"") is None
    delegate.finish()
    delegate.on_connection_close()
    HTTPServerConnectionDelegate().on_close(object())
