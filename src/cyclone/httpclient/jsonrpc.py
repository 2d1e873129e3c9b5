"""`JsonRPC`: the methods of a JSON-RPC server as methods of an object (cyclone 1.x)."""

from __future__ import annotations

import itertools
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred

from cyclone import escape

from . import calls
from .calls import RemoteError
from .classic import FetchedResponse, fetch
from .errors import HTTPError

__all__ = ["JsonRPC", "JsonRPCBatch", "RemoteError"]

_TYPES = {"1.0": "application/json-rpc", "2.0": "application/json"}


class Method:
    """A remote method; calling it sends the call.  See `JsonRPC`."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it.  All arguments have names (version 2.0), or none has."""
        return self._client._call(self._name, args, kwargs)

    def notify(self, *args: Any, **kwargs: Any) -> Any:
        """Call it without wanting to know what comes of it (version 2.0)."""
        return self._client._notify(self._name, args, kwargs)


class _Methods:
    """Attributes and items that are remote methods."""

    def __getattr__(self, name: str) -> Method:
        if name.startswith("__"):
            raise AttributeError(name)
        return Method(self, name)

    def __getitem__(self, name: str) -> Method:
        return Method(self, name)


class JsonRPC(_Methods):
    """Calls the methods of a JSON-RPC server (cyclone 1.x).

    >>> async def add():  # doctest: +SKIP
    ...     server = JsonRPC("http://localhost:8888/jsonrpc", version="2.0")
    ...     await server.log.notify("a notification")
    ...     await server["names.with.dots"](first=1, second=2)
    ...     return await server.add(1, 2)

    Each attribute is a remote method, and so is each item.  It returns a Deferred of its result,
    which fails with `RemoteError`, which has the server's message; with `HTTPError` for a status
    other than 200; with ValueError if the answer is none.  ``notify`` of it gives a Deferred of
    None.  `JsonRPCBatch` sends several calls at once.

    Args:
        url: where the server is.
        version: "1.0", that of cyclone 1.x, or "2.0".
        kwargs: arguments for `fetch`.

    Raises:
        ValueError: there is no such version.
    """

    def __init__(self, url: str, version: str = "1.0", **kwargs: Any) -> None:
        if version not in _TYPES:
            raise ValueError(f"version must be '1.0' or '2.0', not {version!r}")
        self._url = url
        self._version = version
        self._kwargs = kwargs
        self._ids = itertools.count()

    def _call(self, method: str, args: Any, kwargs: Any) -> Deferred[Any]:
        id = next(self._ids)
        call = calls.make_call(self._version, method, args, kwargs, id)

        def read(response: FetchedResponse) -> Any:
            return calls.result_of(self._answer(response), self._version, id)

        return self._post(call).addCallback(read)

    def _notify(self, method: str, args: Any, kwargs: Any) -> Deferred[None]:
        call = calls.make_call(self._version, method, args, kwargs, None)

        def read(response: FetchedResponse) -> None:
            if response.body:  # refused
                calls.result_of(self._answer(response), self._version, None)
            elif response.code not in (200, 202, 204):
                raise HTTPError(response.code, response.phrase)

        return self._post(call).addCallback(read)

    def _post(self, content: Any) -> Deferred[Any]:
        headers: dict[Any, Any] = dict(self._kwargs.get("headers") or {})
        if not any(escape.utf8(name).lower() == b"content-type" for name in headers):
            headers["Content-Type"] = _TYPES[self._version]
        options = {
            "method": "POST",
            "postdata": escape.json_encode(content),
            **self._kwargs,
            "headers": headers,
        }
        return fetch(self._url, **options)

    def _answer(self, response: FetchedResponse) -> Any:
        if response.code == 200:
            return escape.json_decode(response.body)
        if self._version == "2.0":
            # Some servers give errors a status of their own.
            try:
                answer = escape.json_decode(response.body)
            except ValueError:
                answer = None
            if isinstance(answer, dict) and "error" in answer:
                return answer
        raise HTTPError(response.code, response.phrase)


class JsonRPCBatch(_Methods):
    """Several calls in one request, of JSON-RPC 2.0.

    >>> async def both(server):  # doctest: +SKIP
    ...     batch = JsonRPCBatch(server)
    ...     batch.add(1, 2)
    ...     batch.log.notify("added")
    ...     batch.multiply(3, 4)
    ...     return await batch()  # [3, 12]

    Calling the batch sends it.  The Deferred it returns has the results in the order of the calls,
    a `RemoteError` (not raised) for each that failed; notifications have none.  It fails as that of
    a call does.  Afterwards the batch is empty.

    Args:
        client: a `JsonRPC` of version 2.0.

    Raises:
        ValueError: it is of version 1.0, which has no batches.
    """

    def __init__(self, client: JsonRPC) -> None:
        if client._version != "2.0":
            raise ValueError("batches are of JSON-RPC 2.0: JsonRPC(url, version='2.0')")
        self._client = client
        self._calls: list[dict[str, Any]] = []

    def _call(self, method: str, args: Any, kwargs: Any) -> None:
        self._calls.append(calls.make_call("2.0", method, args, kwargs, next(self._client._ids)))

    def _notify(self, method: str, args: Any, kwargs: Any) -> None:
        self._calls.append(calls.make_call("2.0", method, args, kwargs, None))

    def __call__(self) -> Deferred[list[Any]]:
        """Send the calls."""
        sent, self._calls = self._calls, []
        ids = [call["id"] for call in sent if "id" in call]
        if not sent:
            return defer.succeed([])

        def read(response: FetchedResponse) -> list[Any]:
            if not ids and not response.body and response.code in (200, 202, 204):
                return []
            return calls.batch_results(self._client._answer(response), ids)

        return self._client._post(sent).addCallback(read)
