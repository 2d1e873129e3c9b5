"""What the mixins share."""

from __future__ import annotations

import hmac
from typing import Any

import pytest
from twisted.internet.defer import succeed

from cyclone.auth import AuthError
from cyclone.auth.base import HandlerMixin, check_equal, either_style, with_query
from cyclone.httpclient import AsyncHTTPClient


def test_class_21_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[Any] = []

    def compare(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return left == right

    monkeypatch.setattr(hmac, "compare_digest", compare)
    check_equal("\u00fc", b"\xc3\xbc", "no")
    with pytest.raises(AuthError, match="no"):
        check_equal("a", "b", "no")
    assert len(compared) == 2


def test_queries() -> None:
    assert with_query("http://a/", {}) == "http://a/"
    assert with_query("http://a/", {"b": "c d"}) == "http://a/?b=c+d"
    assert with_query("http://a/?", {"b": 1}) == "http://a/?b=1"
    assert with_query("http://a/?x=y", {"b": 1}) == "http://a/?x=y&b=1"


async def test_the_client() -> None:
    assert HandlerMixin().get_auth_http_client() is AsyncHTTPClient()
    await AsyncHTTPClient().close()


class Thing:
    @either_style
    async def double(self, number: int) -> int:
        if number < 0:
            raise LookupError("negative")
        return 2 * number


async def test_styles() -> None:
    got: list[Any] = []
    doubled: Any = Thing().double
    assert await doubled(2) == 4
    await doubled(3, got.append)
    await doubled(4, callback=got.append)
    await doubled(5, callback=lambda result: succeed(got.append(result)))
    assert got == [6, 8, 10]
    with pytest.raises(LookupError):
        await doubled(-1)
    with pytest.raises(LookupError):
        await doubled(-1, got.append)
