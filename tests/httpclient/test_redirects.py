"""Which request follows a redirect."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.httpclient.messages import DEFAULTS, HTTPRequest, with_defaults
from cyclone.httpclient.redirects import is_redirect, redirected
from cyclone.httpclient.targets import parse_target

BODY = {"Content-Length": "1", "Content-Type": "a/b", "Content-Encoding": "gzip"}


def request(url: str = "http://a/x/y", **kwargs: Any) -> HTTPRequest:
    return with_defaults(HTTPRequest(url, **kwargs), DEFAULTS)


@pytest.mark.parametrize(
    ("method", "code", "becomes"),
    [
        *(("GET", code, "GET") for code in (301, 302, 303, 307, 308)),
        *(("HEAD", code, "HEAD") for code in (301, 302, 303, 307, 308)),
        *(("POST", 301, "GET"), ("POST", 302, "GET"), ("POST", 303, "GET")),
        *(("POST", 307, "POST"), ("POST", 308, "POST")),
        *(("PUT", 301, "PUT"), ("PUT", 302, "PUT"), ("PUT", 303, "GET"), ("DELETE", 303, "GET")),
    ],
)
def test_methods(method: str, code: int, becomes: str) -> None:
    body = b"x" if method in ("POST", "PUT") else None
    first = request(method=method, body=body, headers={**BODY, "Host": "h", "X": "y"})
    following = redirected(first, code, "/z")
    assert (following.method, following.url) == (becomes, "http://a/z")
    kept = not (code == 303 and method != "HEAD") and (becomes, method) != ("GET", "POST")
    assert following.body == (body if kept else None)
    assert ("Content-Type" in following.headers) == kept
    assert following.headers["X"] == "y"
    assert "Host" not in following.headers
    assert following.max_redirects == 4
    assert first.headers["Host"] == "h"


SECRETS = {"Authorization": "a", "cookie": "b", "Proxy-Authorization": "c", "X-Mine": "d"}


@pytest.mark.parametrize(
    "location",
    ["http://b/", "http://a:81/", "https://a/", "//u:p@b/", "http://sub.a/", "http://u@a.b"],
)
def test_class_13_credentials_stay_with_their_origin(location: str) -> None:
    first = request(
        headers=SECRETS,
        auth_username="u",
        auth_password="p",
        client_cert="cert",
        client_key="key",
        ssl_options={"ca_certs": "ca", "certfile": "c", "keyfile": "k"},
    )
    following = redirected(first, 302, location)
    assert list(following.headers) == ["X-Mine"]
    assert following.auth_username is following.auth_password is None
    assert following.client_cert is following.client_key is None
    assert following.ssl_options == {"ca_certs": "ca"}
    assert "@" not in following.url


@pytest.mark.parametrize("location", ["/", "http://A:80/z", "", "?q", "//a/"])
def test_credentials_stay_within_an_origin(location: str) -> None:
    first = request("http://u:p@a/", headers=SECRETS, auth_username="v")
    following = redirected(first, 302, location or "y")
    assert following.headers["Authorization"] == "a"
    assert "u:p@" in following.url or following.auth_username == b"u"


def test_the_referer_does_not_leave_tls() -> None:
    first = request("https://a/", headers={"Referer": "https://a/secret"})
    assert "Referer" not in redirected(first, 302, "http://a/").headers
    assert "Referer" in redirected(first, 302, "https://b/").headers


@pytest.mark.parametrize("location", ["ftp://a/", "file:///etc/passwd", "h:5", "javascript:1"])
def test_class_13_other_schemes_are_not_followed(location: str) -> None:
    with pytest.raises(ValueError):
        redirected(request(), 302, location)


def test_class_2_control_characters_in_a_location() -> None:
    with pytest.raises(ValueError):
        redirected(request(), 302, "/a\r\nX: y")


def test_a_location_of_bytes_and_spaces() -> None:
    assert redirected(request(), 302, "z \xc3\xbc").url == "http://a/x/z%20%C3%BC"


def test_what_is_followed() -> None:
    assert is_redirect(request(), 302, "/")
    assert not is_redirect(request(), 302, None)
    assert not is_redirect(request(), 304, "/")
    assert not is_redirect(request(follow_redirects=False), 302, "/")
    assert not is_redirect(request(max_redirects=0), 302, "/")


@given(st.text(st.characters(max_codepoint=255)))
def test_any_location_is_a_request_or_a_value_error(location: str) -> None:
    try:
        following = redirected(request(headers=SECRETS), 302, location)
    except ValueError:
        return
    assert following.url.startswith(("http://", "https://"))
    same = parse_target(following.url).origin == ("http", "a", 80)
    assert ("Cookie" in following.headers) == same
