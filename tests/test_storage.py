"""503 while a store is away, 500 for mistakes, and what a load balancer is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, inlineCallbacks, succeed

from cyclone.outages import PoolTimeout, StoreUnavailable
from cyclone.storage import DatabaseSafe, ReadinessHandler, database_safe
from cyclone.testing import Client, ExpectLog
from cyclone.web import Application, RequestHandler


class Away(Exception):
    """Somebody else's outage."""


ERRORS = {
    "away": StoreUnavailable("db secret-place is away"),
    "full": PoolTimeout("full", retry_after=0.2),
    "later": StoreUnavailable("away", retry_after=7.5),
    "foreign": Away("gone"),
    "mistake": KeyError("mistake"),
}


class Base(RequestHandler):
    def result(self) -> Any:
        name = self.get_argument("error", "")
        if name:
            raise ERRORS[name]
        return "fine"


class Plain(Base):
    @database_safe
    def get(self) -> None:
        self.write(self.result())


class Coroutine(Base):
    @database_safe()
    async def get(self) -> None:
        await succeed(None)
        self.write(self.result())


class Generator(Base):
    @database_safe
    @inlineCallbacks
    def get(self) -> Any:
        yield succeed(None)
        self.write(self.result())


class InnerGenerator(Base):
    @inlineCallbacks
    @database_safe
    def get(self) -> Any:
        yield succeed(None)
        self.write(self.result())


class Failing(Base):
    @DatabaseSafe
    def get(self) -> Any:
        name = self.get_argument("error", "")
        return (
            fail(ERRORS[name]) if name else succeed(None).addCallback(lambda _: self.write("fine"))
        )


class Catching(Base):
    @database_safe(catch=(Away,), retry_after=30)
    async def get(self) -> None:
        self.write(self.result())


KINDS = [Plain, Coroutine, Generator, InnerGenerator, Failing, Catching]


def client_of(handler: type[RequestHandler], **arguments: Any) -> Client:
    return Client(Application([("/", handler, arguments)], log_function=lambda handler: None))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [("", 200, None), ("away", 503, "5"), ("full", 503, "1"), ("later", 503, "8")],
)
def test_outages_are_503(
    kind: type[RequestHandler], error: str, status: int, retry_after: str | None
) -> None:
    response = client_of(kind).get("/", params={"error": error} if error else None)
    assert response.status == status
    if kind is Catching and retry_after == "5":
        retry_after = "30"
    assert response.headers.get("Retry-After") == retry_after
    assert b"secret-place" not in response.body


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", ["mistake", "foreign"])
def test_mistakes_are_500(kind: type[RequestHandler], error: str) -> None:
    with ExpectLog("cyclone.application", "Uncaught exception|Away", required=False):
        response = client_of(kind).get("/", params={"error": error})
    caught = kind is Catching and error == "foreign"
    assert response.status == (503 if caught else 500)
    assert response.headers.get("Retry-After") == ("30" if caught else None)


def test_a_redis_that_is_away_is_an_outage() -> None:
    redis = pytest.importorskip("cyclone.redis")

    class Cached(RequestHandler):
        @database_safe
        async def get(self) -> None:
            raise getattr(redis, self.get_argument("error"))("away")

    client = client_of(Cached)
    for name in ("ConnectionError", "TimeoutError", "MasterNotFoundError"):
        assert client.get(f"/?error={name}").status == 503
    with ExpectLog("cyclone.application", "Uncaught exception"):
        assert client.get("/?error=ResponseError").status == 500


# --- readiness -----------------------------------------------------------------------------------


class Store:
    """Something with a ping."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def ping(self) -> Any:
        if isinstance(self.answer, Exception):
            return fail(self.answer)
        return self.answer

    def describe(self) -> dict[str, Any]:
        return {"state": "somehow"}


async def coroutine() -> None:
    await succeed(None)


def raising() -> None:
    raise Away("geheim")


@pytest.mark.parametrize(
    ("stores", "ready"),
    [
        ({}, True),
        ({"a": Store(None)}, True),
        ({"a": Store(succeed(1)), "b": coroutine}, True),
        ({"a": Store(None), "b": raising}, False),
        ({"a": Store(Away("geheim"))}, False),
    ],
)
def test_readiness(stores: dict[str, Any], ready: bool) -> None:
    client = client_of(ReadinessHandler, stores=stores)
    response = client.get("/")
    assert response.status == (200 if ready else 503)
    assert response.headers["Cache-Control"] == "no-store"
    told = json.loads(response.body)
    assert told["ready"] is ready
    assert told["stores"].keys() == stores.keys()
    if isinstance(stores.get("a"), Store):
        assert told["stores"]["a"]["state"] == "somehow"
    assert b"geheim" not in response.body
    assert client.request("HEAD", "/").status == response.status
    assert client.post("/", body=b"").status == 405


def test_a_store_that_does_not_answer_is_not_ready() -> None:
    client = client_of(ReadinessHandler, stores={"a": Store(Deferred())}, timeout=2)
    pending = client.open("GET", "/")
    client.advance(1.9)
    assert not pending.complete
    client.advance(0.2)
    assert pending.response.status == 503


def test_stores_may_be_a_setting() -> None:
    application = Application([("/", ReadinessHandler)], stores={"a": raising})
    assert Client(application).get("/").status == 503
