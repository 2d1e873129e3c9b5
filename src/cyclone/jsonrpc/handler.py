"""`JsonrpcRequestHandler`: calls by HTTP POST."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cyclone import escape
from cyclone._async import HandlerErrors
from cyclone.httputil import responses
from cyclone.rpc import DEFAULT_MAX_CALLS, DEFAULT_MAX_DEPTH, InvalidParams, RpcRequestHandler
from cyclone.web import HTTPError

from . import messages
from .errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    SERVER_ERROR,
    JSONRPCError,
)

__all__ = ["JsonrpcRequestHandler"]


class JsonrpcRequestHandler(RpcRequestHandler):
    """Answers JSON-RPC with its methods named ``jsonrpc_*`` (cyclone 1.x).

    A method may be plain, return a Deferred or be a coroutine.  What the groups of the route
    matched comes first in its arguments.  A request without ``"jsonrpc"`` is answered as by cyclone
    1.x, with ``result``, ``error`` and ``id``; one with ``"2.0"`` by JSON-RPC 2.0.  The calls of a
    batch run one after the other, in order.

    The status is 200; 204 where nothing is to be answered; 400 for what is no JSON, no object or
    array, or a malformed request of version 1.0; 405, 413 and 415 as usual.

    Attributes:
        encoder: has ``json_encode`` and ``json_decode`` (cyclone 1.x).  With another one than
            `cyclone.escape`, what counts as JSON is its affair.
        expose_errors: tell clients the text of any exception, as cyclone 1.x did; by default they
            learn of `JSONRPCError` and the reason of an `HTTPError` alone.
        content_types: see `cyclone.rpc.RpcRequestHandler`.
    """

    encoder: Any = escape
    expose_errors: bool = False
    content_types = ("application/json", "application/json-rpc", "application/jsonrequest")

    def get_method(self, name: str) -> Callable[..., Any] | None:
        """The method that is called `name`, None if there is none."""
        if not messages.may_be_method(name):
            return None
        method = getattr(self, f"jsonrpc_{name}", None)
        return method if callable(method) else None

    async def post(self, *args: Any, **kwargs: Any) -> None:
        """Answer a call or a batch; the arguments are what the groups of the route matched."""
        if not self.takes_content():
            return
        decode = None if self.encoder is escape else self.encoder.json_decode
        max_depth = self.limit("rpc_max_depth", DEFAULT_MAX_DEPTH)
        max_calls = self.limit("rpc_max_calls", DEFAULT_MAX_CALLS)
        try:
            request = messages.read(self.request.body, max_depth, max_calls, decode)
        except JSONRPCError as error:
            batch = error.code == INVALID_REQUEST and _is_array(self.request.body)
            self._send(self._error_text(True, "null", error), 200 if batch else 400)
            return
        answers = []
        status = 200
        for member, id in zip(request.members, request.ids, strict=True):
            try:
                call = messages.read_call(member, id, request.batch)
            except messages.Refused as refused:
                if not request.batch and not (refused.two and isinstance(member, dict)):
                    status = 400
                answers.append(self._error_text(refused.two, refused.id, refused.error))
            else:
                answer = await self._answer(call, args, kwargs)
                if answer is not None:
                    answers.append(answer)
        if not answers:
            self._send(None, 204)
        else:
            self._send(f"[{', '.join(answers)}]" if request.batch else answers[0], status)

    def _send(self, text: str | None, status: int) -> None:
        if self._finished:  # by a method of the application
            return
        if status != 200:
            self.set_status(status)
        if text is None:
            self.clear_header("Content-Type")
        else:
            self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(text)

    async def _answer(
        self, call: messages.Call, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> str | None:
        """Run one call; the text of its answer, None for a notification."""
        error: JSONRPCError
        try:
            result = await self._run(call, args, kwargs)
            if call.id is None:
                return None
            text = messages.encode(result, self.encoder.json_encode)
            return messages.result_text(call.two, call.id, text)
        except HandlerErrors as raised:
            if self.ends_request(raised):
                raise
            error = self._error_for(raised, call.two)
        return None if call.id is None else self._error_text(call.two, call.id, error)

    async def _run(
        self, call: messages.Call, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        method = self.get_method(call.method)
        if method is None:
            raise JSONRPCError(METHOD_NOT_FOUND)
        if isinstance(call.params, list):
            return await self.call_method(method, [*args, *call.params], kwargs)
        twice = call.params.keys() & kwargs
        if twice:
            raise InvalidParams(f"multiple values for argument {min(twice)!r}")
        return await self.call_method(method, args, {**call.params, **kwargs})

    def _error_for(self, raised: BaseException, two: bool) -> JSONRPCError:
        """What the client is told of an exception; the log gets the rest."""
        if isinstance(raised, JSONRPCError):
            return raised
        if isinstance(raised, InvalidParams):
            return JSONRPCError(INVALID_PARAMS, data=str(raised))
        self.log_exception(type(raised), raised, raised.__traceback__)
        if isinstance(raised, HTTPError):
            return JSONRPCError(SERVER_ERROR, _reason(raised), {"status": raised.status_code})
        if not two:
            message = str(raised) if self.expose_errors else "Internal error"
            return JSONRPCError(0, message)
        return JSONRPCError(INTERNAL_ERROR, None, *([str(raised)] if self.expose_errors else []))

    def _error_text(self, two: bool, id: str, error: JSONRPCError) -> str:
        try:
            text = messages.encode(error.as_object(), self.encoder.json_encode)
        except Exception as cannot:  # the data of an application's error
            self.log_exception(type(cannot), cannot, cannot.__traceback__)
            text = json.dumps({"code": error.code, "message": error.message})
        return messages.error_text(two, id, text)


def _is_array(body: bytes) -> bool:
    """Whether a body is meant as a batch, which only version 2.0 has."""
    return body.lstrip(b" \t\r\n").startswith(b"[")


def _reason(error: HTTPError) -> str:
    return error.reason or responses.get(error.status_code, "Server error")
