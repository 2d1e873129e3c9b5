"""The kinds of methods that handlers have."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks

from cyclone.web import (
    RequestHandler,
    asynchronous,
    authenticated,
)

from .support import Noting


def plain(self: Noting) -> None:
    self.notes.append("get")
    self.write("done")


def returns_deferred(self: Noting) -> Deferred[None]:
    self.notes.append("get")
    return self.gate.addCallback(lambda _: self.write("done"))


@inlineCallbacks
def inline(self: Noting) -> Generator[Any, Any, None]:
    self.notes.append("get")
    yield self.gate
    self.write("done")


async def coroutine(self: Noting) -> None:
    self.notes.append("get")
    await self.gate
    self.write("done")


def finishes_later(self: Noting) -> None:
    self.notes.append("get")
    self.gate.addCallback(lambda _: self.finish("done") and None)


async def coroutine_that_finishes(self: Noting) -> None:
    self.notes.append("get")
    await self.gate
    self.finish("done")


def generator_that_finishes(self: Noting) -> Generator[Any, Any, None]:
    self.notes.append("get")
    yield self.gate
    self.finish("done")


METHODS: dict[str, Callable[..., Any]] = {
    "plain": plain,
    "Deferred": returns_deferred,
    "inlineCallbacks": inline,
    "async def": coroutine,
    "async def that finishes": coroutine_that_finishes,
    "asynchronous": asynchronous(finishes_later),
    "asynchronous, async def": asynchronous(coroutine_that_finishes),
    "asynchronous, inlineCallbacks": asynchronous(inlineCallbacks(generator_that_finishes)),
    "inlineCallbacks, asynchronous": inlineCallbacks(asynchronous(generator_that_finishes)),
    "authenticated, asynchronous, inlineCallbacks": authenticated(
        asynchronous(inlineCallbacks(generator_that_finishes))
    ),
    "authenticated, inlineCallbacks, asynchronous": authenticated(
        inlineCallbacks(asynchronous(generator_that_finishes))
    ),
    "inlineCallbacks, authenticated, asynchronous": inlineCallbacks(
        authenticated(asynchronous(generator_that_finishes))
    ),
    "authenticated, async def": authenticated(coroutine),
}
WHOLE_LIFE = ["initialize", "prepare", "get", "on_finish"]


def with_get(method: Callable[..., Any], *bases: type) -> type[RequestHandler]:
    """A handler class whose ``get`` is `method`; everybody is logged in."""
    attributes = {"get": method, "get_current_user": lambda self: "somebody"}
    return type("Handler", bases or (Noting,), attributes)
