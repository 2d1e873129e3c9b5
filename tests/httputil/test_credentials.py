"""User names and passwords."""

from __future__ import annotations

import pytest

from cyclone.httputil import encode_username_password


@pytest.mark.parametrize(
    ("username", "password", "expected"),
    [
        ("Aladdin", "open sesame", b"Aladdin:open sesame"),
        ("e\u0301", "\u212b", "é:Å".encode()),  # composed, as RFC 7617 has it
        (b"\xe9", b"\xff", b"\xe9:\xff"),
        ("", "", b":"),
    ],
)
def test_encoding(username: str | bytes, password: str | bytes, expected: bytes) -> None:
    assert encode_username_password(username, password) == expected
