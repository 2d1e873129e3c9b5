"""The client of cyclone 1.x: `fetch` and `HTTPClient`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred

from cyclone import escape
from cyclone.httputil import HTTPHeaders

from .client import AsyncHTTPClient
from .messages import HTTPRequest, HTTPResponse

__all__ = ["FetchedHeaders", "FetchedResponse", "HTTPClient", "fetch"]


class FetchedHeaders(dict[str, list[str]]):
    """Names to lists of values, as in cyclone 1.x; the case of names does not matter.

    >>> FetchedHeaders(HTTPHeaders({"content-type": "text/plain"}))["Content-type"]
    ['text/plain']
    """

    def __init__(self, headers: HTTPHeaders) -> None:
        self._headers = headers
        super().__init__({name: headers.get_list(name) for name in headers})

    def __missing__(self, name: str) -> list[str]:
        values = self._headers.get_list(name) if isinstance(name, str) else []
        if not values:
            raise KeyError(name)
        return values

    def __contains__(self, name: object) -> bool:
        return name in self._headers

    def get(self, name: str, default: Any = None) -> Any:
        """The values of that name, or `default`."""
        return self._headers.get_list(name) or default


class FetchedResponse:
    """What came of a `fetch`.

    Attributes:
        code: the status code.
        phrase: the reason phrase.
        headers: names to lists of values.
        length: bytes of the body.
        body: the body, bytes.
        error: whether the code is 400 or more.
        request: the `HTTPClient`.
        effective_url: where it came from, after redirects.
    """

    def __init__(self, request: HTTPClient, response: HTTPResponse) -> None:
        self.request = request
        self.code = response.code
        self.phrase = response.reason
        self.headers = FetchedHeaders(response.headers)
        self.body = response.body
        self.length = len(self.body)
        self.error = response.code >= 400
        self.effective_url = response.effective_url


class HTTPClient:
    """One request (the client of cyclone 1.x; that of Tornado which blocks does not exist here).

    The arguments are those of `fetch`.
    """

    def __init__(
        self,
        url: str,
        *,
        method: str | None = None,
        postdata: str | bytes | None = None,
        headers: Mapping[str, Any] | None = None,
        followRedirect: bool | int = False,
        maxRedirects: int = 3,
        timeout: float | None = None,
        connectTimeout: float | None = None,
        proxy: tuple[str, int | str] | None = None,
        client: AsyncHTTPClient | None = None,
        **others: Any,
    ) -> None:
        self.url = url
        self.body = escape.utf8(postdata)
        self.method = method or ("GET" if postdata is None else "POST")
        self.headers: dict[str, Any] = dict(headers or {})
        self.followRedirect = followRedirect
        self.maxRedirects = maxRedirects
        self.timeout = timeout
        self.connectTimeout = connectTimeout
        self.proxyConfig = proxy
        self.response: FetchedResponse | None = None
        self._client = client
        self._others = others

    def fetch(self) -> Deferred[FetchedResponse]:
        """Send the request.

        Returns:
            a Deferred of the `FetchedResponse`.
        """
        host, port = self.proxyConfig or (None, None)
        client = self._client or AsyncHTTPClient()
        request = HTTPRequest(
            self.url,
            method=self.method,
            headers=HTTPHeaders(_names_as_text(self.headers)),
            body=self.body,
            follow_redirects=bool(self.followRedirect),
            max_redirects=self.maxRedirects,
            request_timeout=self.timeout,
            connect_timeout=self.connectTimeout,
            proxy_host=host,
            proxy_port=None if port is None else int(port),
            **{"allow_nonstandard_methods": True, **self._others},
        )
        fetched: Any = client.fetch(request, raise_error=False)
        return fetched.addCallback(self._fetched)  # type: ignore[no-any-return]

    def _fetched(self, response: HTTPResponse) -> FetchedResponse:
        self.response = FetchedResponse(self, response)
        return self.response


def _names_as_text(headers: Mapping[Any, Any]) -> dict[str, Any]:
    return {escape.to_unicode(name): value for name, value in headers.items()}


def fetch(url: str, **kwargs: Any) -> Deferred[FetchedResponse]:
    """Fetch a URL, cyclone 1.x's way: whatever the status, the response is the result.

    Args:
        url: an ``http`` or ``https`` URL.
        method: the method; default GET, with `postdata` POST.
        postdata: the body.  A POST gets ``application/x-www-form-urlencoded`` as its type unless
            `headers` say otherwise.
        headers: names to values or lists of values.
        followRedirect: whether redirects are followed; default no.
        maxRedirects: how many are; default 3.
        timeout: seconds for everything; default 20, 0 for no limit.
        connectTimeout: seconds until the connection is there; default 20, 0 for no limit.
        proxy: host and port of an HTTP proxy.
        client: the `AsyncHTTPClient` to use; default the shared one.
        kwargs: further ones are for `HTTPRequest`.

    Returns:
        a Deferred of a `FetchedResponse`, which asyncio's coroutines may await too.  It fails with
        the errors of `AsyncHTTPClient.fetch`, but not because of the status.
    """
    return HTTPClient(url, **kwargs).fetch()
