"""From HTTP to HTTPS: what listens on port 80 of a server whose pages are on 443."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from .application import Application
from .decorators import stream_request_body
from .errors import HTTPError
from .handler import RequestHandler
from .static import StaticFileHandler

__all__ = ["HTTPSRedirectHandler", "https_redirect"]

_PORT = re.compile(r":[0-9]*\Z")
_ACME = "/.well-known/acme-challenge/"


@stream_request_body
class HTTPSRedirectHandler(RequestHandler):
    """Sends every request to the same URL over HTTPS; its body is not waited for.

    GET and HEAD are answered with 301, all others with 308, which has the client repeat its method.
    Path and query stay as they came.

    Args:
        hosts: names that requests may be for, such as ``example.com`` and ``*.example.com``, which
            means names with one label more; ``*`` means all.  Others get 421: the Host field is the
            client's word, and a cache that keeps the redirect would hand it to others.
        port: of HTTPS, as clients see it.
    """

    def initialize(self, hosts: Iterable[str], port: int = 443) -> None:
        """See the class."""
        self._hosts = allowed_hosts(hosts)
        self._port = port

    def prepare(self) -> None:
        """Redirect."""
        name = _PORT.sub("", self.request.host).lower().removesuffix(".")
        if not _allowed(name, self._hosts):
            raise HTTPError(421, "%s is no host that is redirected to HTTPS", self.request.host)
        place = name if self._port == 443 else f"{name}:{self._port}"
        path = self.request.path
        query = f"?{self.request.query}" if self.request.query else ""
        if not path.startswith("/"):  # OPTIONS *
            path = "/"
        status = 301 if self.request.method in ("GET", "HEAD") else 308
        self.redirect(f"https://{place}{path}{query}", status=status)

    def check_xsrf_cookie(self) -> None:
        """Check nothing: nothing is changed here."""

    def check_trusted_origin(self, origin: str) -> bool:
        """Trust every origin, for the same reason."""
        return True

    def data_received(self, chunk: bytes) -> None:
        """Drop what still comes of a body."""


def allowed_hosts(hosts: Iterable[str]) -> frozenset[str]:
    """Host names in the form they are compared in, that of browsers (``xn--...`` for ``bücher``).

    A text may have several, with commas.

    Raises:
        ValueError: there is none, or one is no name.
    """
    names = hosts.split(",") if isinstance(hosts, str) else hosts
    found = frozenset(_as_asked(name.strip().lower()) for name in names if name.strip())
    if not found:
        raise ValueError("name the hosts to redirect, such as example.com, or * for all")
    return found


def _as_asked(name: str) -> str:
    try:
        return name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValueError(f"{name!r} is no name of a host: {error}") from error


def _allowed(name: str, hosts: frozenset[str]) -> bool:
    if name in hosts or ("*" in hosts and name):
        return True
    label, dot, rest = name.partition(".")
    return bool(label and dot) and f"*.{rest}" in hosts


def https_redirect(
    hosts: str | Iterable[str] = "",
    *,
    port: int = 443,
    acme_directory: str | None = None,
    **settings: Any,
) -> Application:
    """An application that sends everybody to HTTPS, to listen with on port 80::

        twistd cyclone -p 80 -l 0.0.0.0 -r cyclone.web.https_redirect -c example.com \\
            --ssl-app=site.py

    Args:
        hosts: as of `HTTPSRedirectHandler`; a text may have several, with commas between.
        port: of HTTPS, as clients see it.
        acme_directory: what `certbot --webroot` writes to; files below its
            ``.well-known/acme-challenge`` are served over HTTP, as RFC 8555 section 8.3 has it.
        settings: of the application.

    Raises:
        ValueError: no host is named.
    """
    names = sorted(allowed_hosts(hosts))
    routes: list[Any] = []
    if acme_directory is not None:
        directory = acme_directory.rstrip("/") + _ACME
        pattern = re.escape(_ACME) + r"([A-Za-z0-9_-]+)"
        routes.append((pattern, StaticFileHandler, {"path": directory}))
    routes.append((r".*", HTTPSRedirectHandler, {"hosts": names, "port": port}))
    return Application(routes, **settings)
