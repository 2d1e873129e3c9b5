"""The last gate before the wire: what may stand in a status line and a field."""

from __future__ import annotations

from typing import Any

import pytest

from cyclone.http1.response import encode_fields, status_line
from cyclone.httputil import HTTPHeaders, ResponseStartLine
from cyclone.testing import Client
from cyclone.web import Application, RequestHandler


def test_what_may_stand_in_a_status_line() -> None:
    assert status_line(200, None) == b"HTTP/1.1 200 OK\r\n"
    assert status_line(299, None) == b"HTTP/1.1 299 Unknown\r\n"
    assert status_line(200, "Tr\xe8s\tbien") == b"HTTP/1.1 200 Tr\xe8s\tbien\r\n"
    assert status_line(200, "") == b"HTTP/1.1 200 \r\n"


@pytest.mark.parametrize(
    ("status", "reason"), [(200, "a\r\nX: b"), (200, "a\nb"), (200, "a\0"), (0, "a"), (1000, "a")]
)
def test_class_2_status_lines(status: int, reason: str) -> None:
    with pytest.raises(ValueError, match="status line"):
        status_line(status, reason)


@pytest.mark.parametrize("field", [("A", "b\r\nC: d"), ("A", "b\nc"), ("A\r", "b"), ("A", "\0")])
def test_class_2_fields(field: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="header field"):
        encode_fields([("B", "c"), field])


@pytest.mark.parametrize("code", [200, 103])
def test_class_2_what_is_written_to_the_connection_itself(code: int) -> None:
    class Handler(RequestHandler):
        def get(self) -> Any:
            line = ResponseStartLine("HTTP/1.1", code, "OK\r\nX-B: b")
            with pytest.raises(ValueError, match="status line"):
                self.request.connection.write_headers(line, HTTPHeaders())
            self.write("nothing had left")

    response = Client(Application([("/", Handler)])).get("/")
    assert (response.status, response.text) == (200, "nothing had left")
