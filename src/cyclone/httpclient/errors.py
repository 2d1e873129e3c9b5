"""What a fetch can fail with.  All of it is an `HTTPClientError`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cyclone.httputil import responses

if TYPE_CHECKING:
    from .messages import HTTPResponse

__all__ = [
    "HTTPClientError",
    "HTTPConnectError",
    "HTTPError",
    "HTTPResponseError",
    "HTTPStreamClosedError",
    "HTTPTimeoutError",
]

#: The status code of fetches that got no response (Tornado's choice).
NO_RESPONSE = 599


class HTTPClientError(Exception):
    """A fetch did not succeed (Tornado's name).

    Attributes:
        code: status code of the response; 599 if there was none.
        message: the reason phrase, or what went wrong.
        response: the `HTTPResponse`, None if there was none.
    """

    def __init__(
        self, code: int, message: str | None = None, response: HTTPResponse | None = None
    ) -> None:
        self.code = code
        self.message = message or responses.get(code, "Unknown")
        self.response = response
        super().__init__(code, message, response)

    def __str__(self) -> str:
        return f"HTTP {self.code}: {self.message}"

    # The response refers to its error, so the default would not end.
    __repr__ = __str__


#: The older name of Tornado, and that of cyclone 1.x.
HTTPError = HTTPClientError


class HTTPTimeoutError(HTTPClientError):
    """A time limit was reached while the request was queued, connecting or under way."""

    def __init__(self, message: str) -> None:
        super().__init__(NO_RESPONSE, message=message)

    def __str__(self) -> str:
        return self.message

    __repr__ = __str__


class HTTPStreamClosedError(HTTPClientError):
    """The connection ended before the response was complete."""

    def __init__(self, message: str) -> None:
        super().__init__(NO_RESPONSE, message=message)

    def __str__(self) -> str:
        return self.message

    __repr__ = __str__


class HTTPConnectError(HTTPStreamClosedError, OSError):
    """There is no connection: no such host, nobody listens, the certificate is not good.

    It is an `OSError`, as Tornado's programs expect, whose `errno` is None unless the system gave
    one.  The error of Twisted is its ``__cause__``.
    """

    def __init__(self, message: str, errno: int | None = None) -> None:
        super().__init__(message)
        self.errno = errno


class HTTPResponseError(HTTPStreamClosedError):
    """The response is malformed, or exceeds a limit of the client."""
