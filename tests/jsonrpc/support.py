"""A service with methods of every kind, and a client that speaks JSON with it."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks, succeed

from cyclone.jsonrpc import JSONRPCError, JsonrpcRequestHandler
from cyclone.testing import Client
from cyclone.web import Application, Finish, HTTPError

JSON = {"Content-Type": "application/json"}


class Service(JsonrpcRequestHandler):
    """What the tests call."""

    def jsonrpc_echo(self, value: Any) -> Any:
        return value

    def jsonrpc_subtract(self, minuend: int, subtrahend: int = 1) -> int:
        return minuend - subtrahend

    def jsonrpc_all(self, *args: Any, **kwargs: Any) -> Any:
        return [args, kwargs]

    def jsonrpc_deferred(self, value: Any) -> Deferred[Any]:
        return succeed(value)

    async def jsonrpc_coroutine(self, value: Any) -> Any:
        return await succeed(value)

    @inlineCallbacks
    def jsonrpc_inline(self, value: Any) -> Generator[Any, Any, Any]:
        return (yield succeed(value))

    def jsonrpc_user(self) -> Any:
        return [self.current_user, self.request.method]

    def jsonrpc_fail(self) -> None:
        raise KeyError("the secret of the house")

    def jsonrpc_exit(self) -> None:
        raise SystemExit(3)

    def jsonrpc_type_error(self) -> None:
        raise TypeError("missing a required argument: 'x'")

    def jsonrpc_own(self, code: int, message: str, data: Any = None) -> None:
        raise JSONRPCError(code, message, data)

    def jsonrpc_forbidden(self) -> None:
        raise HTTPError(403, "because %s", "of the moon")

    def jsonrpc_return(self, what: str) -> Any:
        endless: list[Any] = []
        endless.append(endless)
        deep: list[Any] = []
        for _ in range(200_000):
            deep = [deep]
        return {
            "nan": float("nan"),
            "infinity": [float("inf")],
            "object": object(),
            "set": {1},
            "bytes": b"\xff",
            "endless": endless,
            "deep": deep,
            "NaN text": "NaN and Infinity",
        }[what]

    def jsonrpc_bad_data(self) -> None:
        raise JSONRPCError(5, "five", object())

    def jsonrpc_finish(self) -> None:
        raise Finish("done")

    def jsonrpc_answer(self) -> None:
        self.finish("by hand")

    jsonrpc_constant = 5

    def get_current_user(self) -> Any:
        return self.request.headers.get("X-User")


class Caller:
    """Posts JSON to a service at every path."""

    def __init__(self, handler: Any = Service, route: str = r"/.*", **settings: Any) -> None:
        self.app = Application([(route, handler)], **settings)
        self.client = Client(self.app)

    def post(self, body: Any, path: str = "/", **headers: str) -> Any:
        """The response to a body: bytes, or what is written as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(path, body=data, headers={**JSON, **headers})

    def ask(self, body: Any, path: str = "/", **headers: str) -> Any:
        """The same, and what it says; a response of version 2.0 has status 200."""
        response = self.post(body, path, **headers)
        assert (response.status, response.headers["Content-Type"]) == (
            200,
            "application/json; charset=UTF-8",
        )
        return json.loads(response.body)

    def call(self, method: str, params: Any = None, id: Any = 1, **more: Any) -> Any:
        """A call of version 2.0: its result, or its error."""
        request = {"jsonrpc": "2.0", "method": method, "id": id, **more}
        if params is not None:
            request["params"] = params
        answer = self.ask(request)
        assert answer.pop("jsonrpc") == "2.0"
        assert answer.pop("id") == id
        ((kind, value),) = answer.items()
        assert kind in ("result", "error")
        return value

    def old(self, method: Any, params: Any, id: Any = 1) -> Any:
        """A call of version 1.0: result and error."""
        answer = self.ask({"method": method, "params": params, "id": id})
        assert list(answer) == ["result", "error", "id"]
        assert answer["id"] == id
        return answer["result"], answer["error"]
