"""The cookies a test client keeps, by the rules of a browser (RFC 6265 section 5).

What it keeps to: domain and path matching, host-only cookies, ``Max-Age`` before
``Expires``, deletion by a time that has passed, and ``Secure`` cookies sent over https
alone: a client made without ``https=True`` stores them and does not send them.
``SameSite`` and ``HttpOnly`` are kept for the test to look at; there is no other site and
no script here that they could matter to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

from cyclone.httputil import parse_cookie
from cyclone.web import decode_signed_value


@dataclass
class Cookie:
    """One cookie as the server set it.

    `value` is what handlers read (unquoted), `coded` what travels in the header.
    `expires` is a time in seconds since 1970, None for one that ends with the session.
    `host_only` says that the cookie goes to `domain` alone and not to hosts below it.
    """

    name: str
    value: str
    coded: str
    domain: str = ""
    path: str = "/"
    expires: float | None = None
    secure: bool = False
    httponly: bool = False
    samesite: str = ""
    host_only: bool = True

    def __str__(self) -> str:
        """Its value."""
        return self.value


class CookieJar:
    """The cookies of one client; a mapping from name to `Cookie` for the test to use.

    Where several cookies have one name, the mapping shows the one set last.

    Args:
        now: what the time is, in seconds since 1970.
        secret: what the setting ``cookie_secret`` of the application is.
    """

    def __init__(
        self, now: Callable[[], float] = time, secret: Callable[[], Any] = lambda: None
    ) -> None:
        self._now = now
        self._secret = secret
        self._cookies: dict[tuple[str, str, str], Cookie] = {}

    def __getitem__(self, name: str) -> Cookie:
        for cookie in reversed(list(self._live())):
            if cookie.name == name:
                return cookie
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(cookie.name == name for cookie in self._live())

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(cookie.name for cookie in self._live()))

    def __len__(self) -> int:
        return sum(1 for _ in self._live())

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value of the cookie `name`, `default` when there is none."""
        return self[name].value if name in self else default

    def get_secure_cookie(
        self, name: str, value: str | None = None, max_age_days: float = 31
    ) -> bytes | None:
        """The value in a signed cookie, None if there is none or it is not valid (cyclone 1.x).

        Args:
            value: instead of that of the cookie `name`.
            max_age_days: older ones are not valid.

        Raises:
            ValueError: the application has no ``cookie_secret``.
        """
        secret = self._secret()
        if not secret:
            raise ValueError("the application has no setting cookie_secret")
        signed = self.get(name) if value is None else value
        return decode_signed_value(secret, name, signed, max_age_days=max_age_days)

    def set(self, name: str, value: str, *, domain: str = "", path: str = "/") -> None:
        """Put a cookie in as if a server had set it; no `domain` sends it to every host."""
        self._keep(Cookie(name, value, value, domain.lower(), path, host_only=bool(domain)))

    def clear(self) -> None:
        """Forget all of them."""
        self._cookies.clear()

    def store(self, line: str, host: str, path: str) -> Cookie | None:
        """Take one ``Set-Cookie`` value of a response from `host` to a request for `path`.

        Returns:
            the cookie as set (also when that deletes it), None for a line that a
                browser ignores.
        """
        cookie = self.parse(line, host, path)
        if cookie is not None:
            self._keep(cookie)
        return cookie

    def parse(self, line: str, host: str, path: str) -> Cookie | None:
        """What one ``Set-Cookie`` value from `host`, for `path`, means; stores nothing."""
        pair, *attributes = line.split(";")
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            return None
        name, coded = name.strip(), value.strip()
        value = parse_cookie(f"{name}={coded}").get(name, coded)
        cookie = Cookie(name, value, coded, host.lower(), _default_path(path))
        max_age: float | None = None
        for attribute in attributes:
            key, _, text = attribute.partition("=")
            key, text = key.strip().lower(), text.strip()
            if key == "max-age":
                max_age = _seconds(text, max_age)
            else:
                _apply(cookie, key, text)
        if max_age is not None:  # RFC 6265 section 5.3: it wins over Expires
            cookie.expires = self._now() + max_age
        if cookie.domain != host.lower() and not _domain_matches(host.lower(), cookie.domain):
            return None
        return cookie

    def header(self, host: str, path: str, secure: bool) -> str:
        """The ``Cookie`` value for a request to `host` and `path`; "" when there is none.

        Args:
            secure: the request goes over https.
        """
        fitting = [c for c in self._live() if _fits(c, host.lower(), path, secure)]
        fitting.sort(key=lambda cookie: -len(cookie.path))
        return "; ".join(f"{cookie.name}={cookie.coded}" for cookie in fitting)

    def _keep(self, cookie: Cookie) -> None:
        key = (cookie.domain, cookie.path, cookie.name)
        self._cookies.pop(key, None)
        self._cookies[key] = cookie

    def _live(self) -> Iterator[Cookie]:
        now = self._now()
        for cookie in list(self._cookies.values()):
            if cookie.expires is None or cookie.expires > now:
                yield cookie


def _apply(cookie: Cookie, key: str, text: str) -> None:
    if key == "expires":
        cookie.expires = _date(text, cookie.expires)
    elif key == "domain" and text.strip("."):
        cookie.domain, cookie.host_only = text.lstrip(".").lower(), False
    elif key == "path" and text.startswith("/"):
        cookie.path = text
    elif key == "secure":
        cookie.secure = True
    elif key == "httponly":
        cookie.httponly = True
    elif key == "samesite":
        cookie.samesite = text


def _seconds(text: str, previous: float | None) -> float | None:
    digits = text[1:] if text.startswith("-") else text
    if not (digits.isascii() and digits.isdigit()):
        return previous
    return float(text)


def _date(text: str, previous: float | None) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return previous


def _default_path(path: str) -> str:
    # RFC 6265 section 5.1.4: up to the last slash of the request's path.
    if not path.startswith("/"):
        return "/"
    return path[: path.rfind("/")] or "/"


def _domain_matches(host: str, domain: str) -> bool:
    return host == domain or host.endswith("." + domain)


def _path_matches(path: str, prefix: str) -> bool:
    if not path.startswith(prefix):
        return False
    return len(path) == len(prefix) or prefix.endswith("/") or path[len(prefix)] == "/"


def _fits(cookie: Cookie, host: str, path: str, secure: bool) -> bool:
    if cookie.secure and not secure:
        return False
    if not _path_matches(path, cookie.path):
        return False
    if not cookie.domain:
        return True
    return host == cookie.domain or (not cookie.host_only and _domain_matches(host, cookie.domain))
