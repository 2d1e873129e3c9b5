"""Which request follows a redirect, and what must not follow with it."""

from __future__ import annotations

import copy
import re
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from .messages import HTTPRequest
from .targets import parse_target

__all__ = ["is_redirect", "redirected"]

_REDIRECTS = (301, 302, 303, 307, 308)
#: Fields that tell who asks: they are for the origin that they were given for.
_CREDENTIALS = ("Authorization", "Cookie", "Cookie2", "Proxy-Authorization")
#: Fields that describe a body.
_OF_THE_BODY = ("Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SAFE = "".join(map(chr, range(0x21, 0x7F)))


def is_redirect(request: HTTPRequest, code: int, location: str | None) -> bool:
    """Whether a response with this status and Location is to be followed."""
    return bool(
        request.follow_redirects and request.max_redirects and location and code in _REDIRECTS
    )


def redirected(request: HTTPRequest, code: int, location: str) -> HTTPRequest:
    """The request that a redirect asks for.

    303 becomes GET (HEAD stays), and so do 301 and 302 that answer a POST, all without the body
    (RFC 9110 section 15.4); the rest is repeated as it was.  When scheme, host or port are others,
    credentials, cookies and client certificates stay behind.

    Args:
        request: what was answered by the redirect; its `max_redirects` is counted down.
        code: status code of the redirect.
        location: its Location, characters for bytes.

    Raises:
        ValueError: `location` does not lead to an ``http`` or ``https`` URL.
    """
    following = copy.copy(request)
    following.headers = request.headers
    following.max_redirects = (request.max_redirects or 0) - 1
    following.url = _resolved(request.url, location)
    here, there = parse_target(request.url), parse_target(following.url)
    headers = following.headers
    headers.pop("Host", None)
    if here.origin != there.origin:
        _drop_credentials(following)
    elif here.credentials is not None and there.credentials is None:
        # The user information of the first URL holds for its origin, as a browser has it.
        following.auth_username, following.auth_password = here.credentials
    if (here.scheme, there.scheme) == ("https", "http"):
        headers.pop("Referer", None)  # RFC 9110 section 10.1.3
    if (code == 303 and request.method != "HEAD") or (
        code in (301, 302) and request.method == "POST"
    ):
        following.method = "GET"
        following.body = None
        following.body_producer = None
        following.expect_100_continue = False
        for name_of_field in _OF_THE_BODY:
            headers.pop(name_of_field, None)
    return following


def _resolved(base: str, location: str) -> str:
    if _CONTROL.search(location):
        raise ValueError("the Location of a redirect holds control characters")
    # A URL has ASCII only; servers that send other bytes, or spaces, mean them as browsers do.
    reference = quote(location.encode("latin-1"), safe=_SAFE)
    return urljoin(base, reference)


def _drop_credentials(request: HTTPRequest) -> None:
    request.auth_username = request.auth_password = None
    request.client_cert = request.client_key = None
    if isinstance(request.ssl_options, dict):
        request.ssl_options = {
            key: value
            for key, value in request.ssl_options.items()
            if key not in ("certfile", "keyfile")
        }
    for name in _CREDENTIALS:
        request.headers.pop(name, None)
    parts = urlsplit(request.url)
    # Credentials in a Location are the choice of the server that was left.
    request.url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
