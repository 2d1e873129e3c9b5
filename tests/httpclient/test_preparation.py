"""Checks and header fields of requests."""

from __future__ import annotations

from typing import Any

import pytest

import cyclone
from cyclone.httpclient import HTTPRequest
from cyclone.httpclient.messages import DEFAULTS, with_defaults
from cyclone.httpclient.preparation import Prepared, prepare


def prepared(url: str = "http://a/", **kwargs: Any) -> Prepared:
    return prepare(with_defaults(HTTPRequest(url, **kwargs), DEFAULTS))


def test_a_plain_request() -> None:
    done = prepared("http://a:81/x?y")
    assert (done.method, done.path, done.body) == ("GET", "/x?y", None)
    assert dict(done.headers) == {
        "Host": "a:81",
        "User-Agent": f"cyclone/{cyclone.__version__}",
        "Accept-Encoding": "gzip",
    }


def test_fields() -> None:
    done = prepared(
        headers={"Host": "b", "User-Agent": "x", "Many": ["1", "2"]},
        user_agent="y",
        decompress_response=False,
        if_modified_since=0,
    )
    assert done.headers["Host"] == "b"
    assert done.headers["User-Agent"] == "y"
    assert done.headers.get_list("many") == ["1", "2"]
    assert done.headers["If-Modified-Since"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert "Accept-Encoding" not in done.headers


def test_basic_authentication() -> None:
    assert prepared(auth_username="u", auth_password="p").headers["Authorization"] == "Basic dTpw"
    assert prepared("http://u:p@a/", auth_username="x").headers["Authorization"] == "Basic dTpw"
    assert prepared(auth_username="u", auth_mode="basic").headers["Authorization"] == "Basic dTo="
    with pytest.raises(ValueError, match="auth_mode"):
        prepared(auth_username="u", auth_mode="digest")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_bodies_are_expected(method: str) -> None:
    with pytest.raises(ValueError, match="must not be None"):
        prepared(method=method)
    assert prepared(method=method, body="").headers["Content-Length"] == "0"
    lax = prepared(method=method, allow_nonstandard_methods=True)
    assert lax.headers["Content-Length"] == "0"


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
def test_bodies_are_not_expected(method: str) -> None:
    with pytest.raises(ValueError, match="must be None"):
        prepared(method=method, body=b"x")
    assert prepared(method=method, body=b"x", allow_nonstandard_methods=True).body == b"x"
    stray = prepared(method=method, headers={"Content-Length": "5", "Expect": "100-continue"})
    assert "Content-Length" not in stray.headers and "Expect" not in stray.headers


def test_methods() -> None:
    with pytest.raises(KeyError, match="allow_nonstandard_methods"):
        prepared(method="BREW")
    assert prepared(method="BREW", allow_nonstandard_methods=True).method == "BREW"
    with pytest.raises(ValueError, match="proxy_host"):
        prepared(method="CONNECT", allow_nonstandard_methods=True)


@pytest.mark.parametrize("method", ["", "GET /", "G\r\nX: y", "G\0"])
def test_class_2_methods_are_tokens(method: str) -> None:
    with pytest.raises(ValueError, match="token"):
        prepared(method=method, allow_nonstandard_methods=True)


@pytest.mark.parametrize(
    "headers", [{"X": "a\r\nY: b"}, {"X\r\n": "a"}, {"X": ["a", "b\n"]}, {"": "a"}]
)
def test_class_2_fields(headers: Any) -> None:
    with pytest.raises(ValueError, match="malformed"):
        HTTPRequest("http://a/", headers=headers)
    request = HTTPRequest("http://a/")
    with pytest.raises(ValueError):
        request.headers = headers


def test_class_2_what_goes_into_fields() -> None:
    for kwargs in (
        {"user_agent": "a\r\nX: y"},
        {"headers": {"Host": "a b"}},
        {"headers": {"X": "\u20ac"}},
        {"method": "POST", "body_producer": print, "headers": {"Content-Length": "+5"}},
        {"headers": {"Transfer-Encoding": "chunked"}},
    ):
        with pytest.raises(Exception, match=r"(?i)header|host|length|transfer"):
            prepared(**kwargs)


def test_bodies() -> None:
    done = prepared(method="POST", body="\u00fc", expect_100_continue=True)
    assert done.body == b"\xc3\xbc" and done.expects
    assert done.headers["Content-Length"] == "2"
    assert done.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert done.headers["Expect"] == "100-continue"
    assert not done.repeatable
    produced = prepared(method="PUT", body_producer=print)
    assert produced.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Type" not in produced.headers
    assert not produced.repeatable
    known = prepared(method="PUT", body_producer=print, headers={"Content-Length": "3"})
    assert "Transfer-Encoding" not in known.headers
    with pytest.raises(ValueError, match="both"):
        prepared(method="POST", body="", body_producer=print)
    with pytest.raises(TypeError):
        HTTPRequest("http://a/", body=5)  # type: ignore[arg-type]


def test_proxies() -> None:
    done = prepared("http://a/x", proxy_host="p", proxy_port=3128, proxy_username="u")
    assert done.path == "http://a/x"
    assert done.headers["Proxy-Authorization"] == "Basic dTo="
    secure = prepared("https://a/x", proxy_host="p", proxy_port=3128, proxy_username="u")
    assert secure.path == "/x"
    assert "Proxy-Authorization" not in secure.headers
    with pytest.raises(ValueError, match="proxy_port"):
        prepared(proxy_host="p")
    with pytest.raises(ValueError, match="proxy_auth_mode"):
        prepared(proxy_host="p", proxy_port=1, proxy_username="u", proxy_auth_mode="digest")


def test_local_address() -> None:
    assert prepared(network_interface="127.0.0.1").route.local_address == "127.0.0.1"
    with pytest.raises(ValueError, match="eth0"):
        prepared(network_interface="eth0")


def test_secrets_are_not_shown() -> None:
    assert "secret" not in repr(HTTPRequest("http://a/?secret", headers={"Cookie": "secret"}))


def test_the_older_name_of_decompress_response() -> None:
    assert HTTPRequest("http://a/", use_gzip=False).decompress_response is False
    assert HTTPRequest("http://a/", use_gzip=False, decompress_response=True).decompress_response
