"""URLs as a client uses them: whom to connect to, and what to ask for."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes, urlsplit

from cyclone.httputil import is_valid_host

__all__ = ["Target", "parse_target"]

#: Neither white space nor control characters: urlsplit drops some of them without a word, and the
#: request line must not have them.
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f-\x9f]")
_DEFAULT_PORTS = {"http": 80, "https": 443}
#: What stays as it is in a target: everything that ASCII can print.
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


class Target(NamedTuple):
    """The parts of a URL.

    Attributes:
        scheme: "http" or "https".
        host: host name in ASCII and lower case, or address without brackets.
        port: port, also where the URL has none.
        authority: what Host says: the port only if it is not that of the scheme.
        path: path and query, percent-encoded; begins with a slash.
        credentials: user name and password in the URL, decoded, or None.
    """

    scheme: str
    host: str
    port: int
    authority: str
    path: str
    credentials: tuple[bytes, bytes] | None

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: what credentials are meant for (RFC 6454 section 4)."""
        return self.scheme, self.host, self.port

    @property
    def absolute(self) -> str:
        """The URL without user information, as a proxy is asked for it."""
        return f"{self.scheme}://{self.authority}{self.path}"


def parse_target(url: str) -> Target:
    """Take a URL apart.

    Characters outside ASCII become IDNA in the host and percent-encoded UTF-8 elsewhere.  The
    fragment is dropped.

    Raises:
        ValueError: it is no ``http`` or ``https`` URL, has no host or no valid one, or holds white
            space or control characters.
    """
    if _NOT_IN_URL.search(url):
        raise ValueError("the URL holds white space or control characters: percent-encode them")
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError(f"Unsupported url scheme {parts.scheme!r}: only http and https are known")
    if "\\" in parts.netloc:
        raise ValueError("the host of the URL holds a backslash")  # browsers end the host there
    user, at, authority = parts.netloc.rpartition("@")
    if not authority.isascii():
        host, colon, port_text = authority.partition(":")
        try:
            authority = f"{host.encode('idna').decode('ascii')}{colon}{port_text}"
        except UnicodeError:
            raise ValueError("the host of the URL is not a valid name") from None
    if not is_valid_host(authority):
        raise ValueError("the URL has no host, or no valid one")
    host, port = _split(authority.lower())
    default = _DEFAULT_PORTS[parts.scheme]
    name = f"[{host}]" if ":" in host else host
    query = f"?{parts.query}" if parts.query else ""
    return Target(
        parts.scheme,
        host,
        default if port is None else port,
        name if port is None or port == default else f"{name}:{port}",
        quote((parts.path or "/") + query, safe=_PRINTABLE),
        _credentials(user) if at else None,
    )


def _split(authority: str) -> tuple[str, int | None]:
    """Host without brackets and port of a valid Host."""
    if authority.startswith("["):
        host, _, rest = authority[1:].partition("]")
        port = rest[1:]
    else:
        host, _, port = authority.partition(":")
    return host, int(port) if port else None


def _credentials(user: str) -> tuple[bytes, bytes]:
    name, _, password = user.partition(":")
    return unquote_to_bytes(name), unquote_to_bytes(password)
