"""From an `HTTPRequest` to what is sent: checks, header fields, the way to the server."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import NamedTuple

from twisted.internet.abstract import isIPAddress, isIPv6Address

import cyclone
from cyclone.httputil import HTTPHeaders, HTTPInputError, encode_username_password, is_valid_host

from .connections import Proxy, Route
from .messages import BodyProducer, HTTPRequest
from .targets import Target, parse_target
from .tls import TLSSettings, tls_settings

__all__ = ["Prepared", "prepare"]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
#: RFC 9110 section 9.2.2: may be sent again when nobody knows whether it arrived.
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_NO_TLS = TLSSettings()
_LENGTH = re.compile(r"[0-9]{1,18}")


class Prepared(NamedTuple):
    """A request that is ready to go.

    Attributes:
        method: the method.
        path: the request target.
        headers: all fields.
        body: the body, what produces it, or None.
        expects: whether to wait for "100 Continue" before the body.
        target: the parts of the URL.
        route: how to reach the server.
        repeatable: whether it may be sent again on a connection that turned out to be dead.
    """

    method: str
    path: str
    headers: HTTPHeaders
    body: bytes | BodyProducer | None
    expects: bool
    target: Target
    route: Route
    repeatable: bool


def prepare(request: HTTPRequest) -> Prepared:
    """Check a request and complete its header fields.

    Raises:
        ValueError: the URL cannot be fetched; the method and the body do not go together; a field
            is malformed or contradicts the body; the kind of authentication is not known.
        KeyError: the method is none of the usual ones.
        TypeError: the `ssl_options` are of an unknown kind.
    """
    target = parse_target(request.url)
    _check_method(request)
    body = request.body_producer if request.body is None else request.body
    headers = request.headers.copy()
    _describe_sender(request, target, headers)
    _describe_body(request, headers)
    proxy = _proxy(request)
    path = target.path
    if proxy is not None and target.scheme == "http":
        path = target.absolute  # RFC 9112 section 3.2.2
        if proxy.authorization is not None:
            headers["Proxy-Authorization"] = proxy.authorization
    route = Route(
        target.origin,
        tls_settings(request) if target.scheme == "https" else _NO_TLS,
        request.network_interface,
        bool(request.allow_ipv6),
        proxy,
    )
    local = request.network_interface
    if local is not None and not (isIPAddress(local) or isIPv6Address(local)):
        raise ValueError(f"network_interface is the IP address to connect from, not {local!r}")
    repeatable = request.method in _IDEMPOTENT and request.body_producer is None
    expects = bool(request.expect_100_continue)
    try:
        headers.encode()
    except UnicodeEncodeError:
        raise ValueError("a header field has characters outside Latin-1") from None
    return Prepared(request.method, path, headers, body, expects, target, route, repeatable)


def _check_method(request: HTTPRequest) -> None:
    """Tornado's rules, by which forgotten bodies are noticed."""
    method = request.method
    if not _TOKEN.fullmatch(method):
        raise ValueError("the method is not a token (RFC 9110 section 9.1)")
    if request.body is not None and request.body_producer is not None:
        raise ValueError("body and body_producer cannot both be given")
    if method == "CONNECT":
        raise ValueError("CONNECT is for proxies: set proxy_host")
    if request.allow_nonstandard_methods:
        return
    if method not in _METHODS:
        raise KeyError(f"unknown method {method}: set allow_nonstandard_methods")
    present = request.body is not None or request.body_producer is not None
    if present != (method in _WITH_BODY):
        must = "must be None" if present else "must not be None"
        raise ValueError(f"body {must} for {method} (unless allow_nonstandard_methods is true)")


def _describe_sender(request: HTTPRequest, target: Target, headers: HTTPHeaders) -> None:
    if "Host" not in headers:
        headers["Host"] = target.authority
    elif not is_valid_host(headers["Host"]):
        raise ValueError("the Host field is not valid")
    if request.user_agent:
        try:
            headers["User-Agent"] = request.user_agent
        except HTTPInputError as exc:
            # Not the message of a peer: servers answer such errors with 400.
            raise ValueError(f"the user_agent is malformed: {exc}") from exc
    headers.setdefault("User-Agent", f"cyclone/{cyclone.__version__}")
    if request.decompress_response:
        headers["Accept-Encoding"] = "gzip"
    credentials: tuple[bytes | str, bytes | str] | None = target.credentials
    if credentials is None and request.auth_username is not None:
        credentials = request.auth_username, request.auth_password or ""
    if credentials is not None:
        headers["Authorization"] = _basic(request.auth_mode, "auth_mode", *credentials)


def _basic(mode: str | None, name: str, username: str | bytes, password: str | bytes) -> str:
    if mode not in (None, "basic"):
        raise ValueError(f"unsupported {name} {mode!r}: only 'basic' is known")
    return "Basic " + b64encode(encode_username_password(username, password)).decode("ascii")


def _describe_body(request: HTTPRequest, headers: HTTPHeaders) -> None:
    """RFC 9112 section 6: the framing is the client's business, and said once."""
    if "Transfer-Encoding" in headers:
        raise ValueError("Transfer-Encoding is set by the client")
    if request.body is not None:
        headers["Content-Length"] = str(len(request.body))
    elif request.body_producer is None:
        headers.pop("Content-Length", None)
        headers.pop("Expect", None)
        if request.method in _WITH_BODY:
            headers["Content-Length"] = "0"  # RFC 9110 section 8.6
        return
    elif "Content-Length" not in headers:
        headers["Transfer-Encoding"] = "chunked"
    elif not _LENGTH.fullmatch(headers["Content-Length"]):
        raise ValueError("the Content-Length is not a number")
    if request.method == "POST":
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    if request.expect_100_continue:
        headers["Expect"] = "100-continue"


def _proxy(request: HTTPRequest) -> Proxy | None:
    if not request.proxy_host:
        return None
    if not request.proxy_port:
        raise ValueError("proxy_host needs a proxy_port")
    authorization = None
    if request.proxy_username is not None:
        authorization = _basic(
            request.proxy_auth_mode,
            "proxy_auth_mode",
            request.proxy_username,
            request.proxy_password or "",
        )
    return Proxy(request.proxy_host, int(request.proxy_port), authorization)
