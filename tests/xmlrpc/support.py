"""A service with methods of every kind, and a client that speaks XML with it."""

from __future__ import annotations

import datetime
from collections.abc import Generator, Sequence
from typing import Any
from xmlrpc.client import DateTime, dumps, loads

from twisted.internet.defer import Deferred, inlineCallbacks, succeed

from cyclone.testing import Client
from cyclone.web import Application, Finish, HTTPError
from cyclone.xmlrpc import Binary, Fault, XmlrpcMethods, XmlrpcRequestHandler

XML = {"Content-Type": "text/xml"}


class Texts(XmlrpcMethods):
    """A sub handler with one of its own."""

    def xmlrpc_upper(self, text: str) -> str:
        """Make letters large."""
        return text.upper()

    def xmlrpc_who(self) -> Any:
        return self.handler.current_user


class Plain:
    """A sub handler of any class."""

    def xmlrpc_twice(self, value: Any) -> Any:
        return [value, value]


class Deep(XmlrpcRequestHandler):
    """A sub handler that could be a handler."""

    subHandlers = {"texts": Texts}

    def xmlrpc_who(self) -> Any:
        return [self.current_user, self.request.method]


class Service(XmlrpcRequestHandler):
    """What the tests call."""

    subHandlers = {"texts": Texts, "plain": Plain(), "deep": Deep}

    def xmlrpc_echo(self, value: Any) -> Any:
        return value

    def xmlrpc_add(self, a: int, b: int = 0) -> int:
        """Add two numbers."""
        return a + b

    def xmlrpc_all(self, *args: Any) -> Any:
        return args

    def xmlrpc_deferred(self, value: Any) -> Deferred[Any]:
        return succeed(value)

    async def xmlrpc_coroutine(self, value: Any) -> Any:
        return await succeed(value)

    @inlineCallbacks
    def xmlrpc_inline(self, value: Any) -> Generator[Any, Any, Any]:
        return (yield succeed(value))

    def xmlrpc_kind(self, value: Any) -> str:
        return type(value).__name__

    def xmlrpc_fail(self) -> None:
        raise KeyError("the secret of the house")

    def xmlrpc_exit(self) -> None:
        raise SystemExit(3)

    def xmlrpc_type_error(self) -> None:
        raise TypeError("missing a required argument: 'x'")

    def xmlrpc_fault(self, code: Any, text: Any) -> None:
        raise Fault(code, text)

    async def xmlrpc_return_fault(self) -> Fault:
        return Fault(4, "four")

    def xmlrpc_odd_fault(self, what: str) -> None:
        code: Any = {"text": "5", "large": 2**40, "true": True, "none": None}[what]
        raise Fault(code, "\x00 \x1b[31m ￿")

    def xmlrpc_forbidden(self) -> None:
        raise HTTPError(403, "because of the moon")

    def xmlrpc_return(self, what: str) -> Any:
        endless: list[Any] = []
        endless.append(endless)
        deep: list[Any] = []
        for _ in range(20_000):
            deep = [deep]
        return {
            "none": None,
            "nan": float("nan"),
            "infinity": {"a": [float("-inf")]},
            "large": 2**31,
            "small": -(2**31) - 1,
            "object": Plain(),
            "set": {1},
            "control": "a\x00",
            "escape": ["\x1b"],
            "surrogate": "\ud800",
            "name": {"a\x07": 1},
            "number name": {1: 1},
            "date": DateTime("\x00"),
            "day": datetime.date(2020, 1, 1),
            "endless": endless,
            "deep": deep,
        }[what]

    def xmlrpc_bytes(self) -> Any:
        return [b"\x00\xff", bytearray(b"a"), Binary(b"b"), datetime.datetime(2020, 1, 2, 3, 4, 5)]

    def xmlrpc_finish(self) -> None:
        raise Finish("done")

    def xmlrpc_answer(self) -> None:
        self.finish("by hand")

    xmlrpc_constant = 5

    def get_current_user(self) -> Any:
        return self.request.headers.get("X-User", "nobody")


class Caller:
    """Posts XML to a service at every path."""

    def __init__(self, handler: Any = Service, route: str = r"/.*", **settings: Any) -> None:
        self.client = Client(Application([(route, handler)], **settings))

    def post(self, body: str | bytes, path: str = "/", **headers: str) -> Any:
        return self.client.post(path, body=body, headers={**XML, **headers})

    def send(self, body: str | bytes, path: str = "/", **headers: str) -> Any:
        """The result that the answer to `body` has, or its Fault, which is not raised."""
        response = self.post(body, path, **headers)
        assert (response.status, response.headers["Content-Type"]) == (200, "text/xml")
        try:
            ((result,), method) = loads(response.body)
        except Fault as fault:
            return fault
        assert method is None
        return result

    def call(self, method: str, *args: Any, path: str = "/", **headers: str) -> Any:
        return self.send(dumps(args, method, allow_none=True), path, **headers)

    def fault(self, method: str, *args: Any) -> tuple[int, str]:
        """Code and text of the fault of a call."""
        fault = self.call(method, *args)
        assert isinstance(fault, Fault), fault
        return fault.faultCode, fault.faultString


def document(*values: str, method: str = "kind") -> str:
    """A call with these elements as its values."""
    params = "".join(f"<param><value>{value}</value></param>" for value in values)
    return f"<methodCall><methodName>{method}</methodName><params>{params}</params></methodCall>"


def multi(*calls: Sequence[Any]) -> list[dict[str, Any]]:
    """The argument of system.multicall for calls of names and parameters."""
    return [{"methodName": name, "params": list(params)} for name, *params in calls]
