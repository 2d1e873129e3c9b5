"""Small handlers that applications list in their routes as they are."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from typing import Any

from cyclone.httputil import HTTPServerRequest, qs_to_qsl, url_concat

from .errors import HTTPError
from .handler import RequestHandler
from .redirects import destination

# What a header field value cannot hold, RFC 9110, section 5.5; text above Latin-1 goes as UTF-8.
_NOT_IN_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class ErrorHandler(RequestHandler):
    """Answers every request with one status: routes that are gone, and those that never were."""

    def initialize(self, status_code: int) -> None:
        """Set the status to answer with."""
        self.set_status(status_code)

    def prepare(self) -> None:
        """Raise the error, before the method is looked at."""
        raise HTTPError(self.get_status())

    def check_xsrf_cookie(self) -> None:
        """Check nothing: a POST to a wrong URL is a 404 rather than a 403, it changes nothing."""

    def check_trusted_origin(self, origin: str) -> bool:
        """Trust every origin, for the same reason."""
        return True


class ServerOptionsHandler(RequestHandler):
    """Answers ``OPTIONS *``, which asks for the server and no resource (RFC 9110, 9.3.7)."""

    def options(self) -> None:
        """Name the methods that resources of this server may have."""
        self.set_header("Allow", ", ".join(self.SUPPORTED_METHODS))
        self.set_status(204)


class RedirectHandler(RequestHandler):
    """Redirects GET and HEAD requests to another URL::

        (r"/old", RedirectHandler, {"url": "/new"})
        (r"/(.*?)/(.*)", RedirectHandler, {"url": "/{1}/{0}"})

    ``url`` is a format string for the groups of the route; the arguments of the query are added
    to it. ``permanent`` (the default) means 301, otherwise 302.

    What comes from the request must not decide to which host the client goes: when the groups
    change scheme, user, host or port of the URL as it is written, the answer is 400.
    """

    def initialize(self, url: str, permanent: bool = True) -> None:
        """Take the target from the route."""
        self._url = url
        self._permanent = permanent

    def get(self, *args: Any, **kwargs: Any) -> None:
        """Redirect."""
        target = self._checked(self._url.format(*args, **kwargs))
        if self.request.query_arguments:
            # Adding arguments takes the URL apart and may put it together differently.
            arguments = list(qs_to_qsl(self.request.query_arguments))
            target = self._checked(url_concat(target, arguments))
        self.redirect(target, permanent=self._permanent)

    def _checked(self, target: str) -> str:
        written, has_groups = _constant_beginning(self._url)
        expected = destination(written)
        # "https://{0}": the whole host would come from the request.
        hostless = expected.scheme in ("http", "https") and not expected.authority
        if destination(target) != expected or (has_groups and hostless):
            raise HTTPError(400, "Redirect URL cannot change the scheme or netloc")
        if _NOT_IN_HEADER.search(target):
            raise HTTPError(400, "Redirect URL contains invalid characters")
        return target

    def head(self, *args: Any, **kwargs: Any) -> Any:
        """Redirect as GET does."""
        return self.get(*args, **kwargs)


def _constant_beginning(url: str) -> tuple[str, bool]:
    """Return the text of a format string before its first field, and whether it has fields."""
    beginning = ""
    for literal, field, _, _ in string.Formatter().parse(url):
        beginning += literal
        if field is not None:
            return beginning, True
    return beginning, False


class FallbackHandler(RequestHandler):
    """Passes requests on to ``fallback``, a callable that takes an HTTPServerRequest and answers.

    For another Application, or a container for other kinds of applications, under a part of the
    routes.
    """

    def initialize(self, fallback: Callable[[HTTPServerRequest], Any]) -> None:
        """Take the callable from the route."""
        self.fallback = fallback

    def prepare(self) -> None:
        """Hand the request over; this handler writes nothing itself."""
        request = self.request
        if hasattr(request.connection, "when_done"):  # others may know Tornado's interface only
            request.connection.when_done(request.close)
        self.fallback(request)
        # Ended as far as this handler goes; the request stays open for whoever has it now.
        self._finished = self._ended = True
        self.on_finish()
