"""URLs and the parts of them that requests are made of."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, AnyStr, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

__all__ = [
    "Target",
    "is_valid_host",
    "qs_to_qsl",
    "split_host_and_port",
    "split_target",
    "url_concat",
]

# RFC 3986 section 3.2.2; the comma is a sub-delim, but in Host it tells that somebody joined two.
_REG_NAME = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})+")
_IP_FUTURE = re.compile(r"v[0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+")
_PORT = re.compile(r"[0-9]{1,5}")
_MAX_PORT = 65535


def url_concat(
    url: str,
    args: Mapping[str, Any] | Sequence[tuple[str, Any]] | None,
) -> str:
    """Return `url` with arguments added to its query, which is there already or not.

    Args:
        url: any URL; its query is encoded anew.
        args: a mapping, or pairs if names repeat.

    Raises:
        TypeError: `args` is something else.

    >>> url_concat("http://example.com/foo?a=b#top", [("c", "d"), ("c", "d2")])
    'http://example.com/foo?a=b&c=d&c=d2#top'
    """
    if args is None:
        return url
    if isinstance(args, Mapping):
        added = list(args.items())
    elif isinstance(args, list | tuple):
        added = list(args)
    else:
        raise TypeError(f"arguments are a mapping, list or tuple, not {type(args).__name__}")
    parts = urlsplit(url)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *added])
    return urlunsplit(parts._replace(query=query))


def qs_to_qsl(qs: Mapping[str, Sequence[AnyStr]]) -> Iterator[tuple[str, AnyStr]]:
    """Turn what `parse_qs` returns into name and value pairs."""
    for name, values in qs.items():
        for value in values:
            yield name, value


def split_host_and_port(netloc: str) -> tuple[str, int | None]:
    """Split ``host``, ``host:port`` or ``[IPv6]:port``; without a port, that is None.

    An IPv6 address keeps its brackets, and without brackets has no port.  What is not a port number
    is left with the host.

    >>> split_host_and_port("[::1]:8888")
    ('[::1]', 8888)
    """
    host, colon, port = netloc.rpartition(":")
    if not colon or not host or (":" in host and not host.endswith("]")):
        return netloc, None
    if not port:
        return host, None
    if _PORT.fullmatch(port):
        return host, int(port)
    return netloc, None


def is_valid_host(value: str) -> bool:
    """Whether `value` can be the value of a Host field: a host, perhaps with a port.

    RFC 9110 section 7.2, RFC 3986 section 3.2: a registered name or IPv4 address, or an IPv6
    address in brackets, without a zone.  User information and commas have no place in it, an
    empty host is none (RFC 9110 section 4.2.1), and a port is a number that TCP has.
    """
    if value.startswith("["):
        address, bracket, rest = value[1:].partition("]")
        if not bracket or not _is_ip_literal(address):
            return False
    else:
        host, colon, port = value.partition(":")
        rest = colon + port
        if not _REG_NAME.fullmatch(host):
            return False
    if rest in ("", ":"):
        return True
    return rest[0] == ":" and bool(_PORT.fullmatch(rest[1:])) and int(rest[1:]) <= _MAX_PORT


def _is_ip_literal(text: str) -> bool:
    if text[:1] in ("v", "V"):
        return bool(_IP_FUTURE.fullmatch(text.lower()))
    try:
        return ipaddress.IPv6Address(text).scope_id is None
    except ValueError:
        return False


class Target(NamedTuple):
    """What a request target says (RFC 9112 section 3.2).

    Attributes:
        uri: path and query as one, the target itself unless that has a host of its own.
        path: up to the first ``?``, still encoded.
        query: what follows, still encoded.
        host: host and port if the target names them, else None.
    """

    uri: str
    path: str
    query: str
    host: str | None


_ABSOLUTE = re.compile(r"https?://([^/?#]*)([^#]*)", re.IGNORECASE)


def split_target(target: str, method: str = "GET") -> Target:
    """Split a request target.

    An absolute one (``http://host/path?query``) is turned into what a client that talks to the
    host directly would have sent, and its host; the scheme is dropped, since only the connection
    can tell it.  Every other one is split at its first ``?``.
    """
    host = None
    if target[:1] not in ("/", "*"):
        match = _ABSOLUTE.fullmatch(target)
        if match is not None:
            host, target = match[1], match[2]
            if not target.startswith("/"):
                # RFC 9112 section 3.2.4: an OPTIONS request for all of the server becomes "*".
                target = "*" if method == "OPTIONS" and not target else f"/{target}"
    path, _, query = target.partition("?")
    return Target(target, path, query, host)
