"""Alive, and ready."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from cyclone import health, metrics
from cyclone.log import assume_listening
from cyclone.testing import Client, ExpectLog
from cyclone.web import Application


class Pool:
    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.asked = 0

    def ping(self) -> Any:
        self.asked += 1
        return self.answers.pop(0) if self.answers else None

    def describe(self) -> dict[str, Any]:
        return {"state": "up", "size": 3}


def client(stores: Any = None, **settings: Any) -> Client:
    return Client(Application(health.routes(stores), **settings))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/-/live", "/-/ready"])
def test_with_nothing_to_ask(method: str, path: str) -> None:
    response = client().request(method, path)
    assert response.status == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert client().post(path).status == 405


async def _coroutine() -> None:
    return None


async def _fails() -> None:
    raise ConnectionError("refused\nby 10.0.0.1")


@pytest.mark.parametrize(
    ("store", "ready"),
    [
        (lambda: None, True),
        (lambda: succeed(1), True),
        (_coroutine, True),
        (_fails, False),
        (lambda: fail(ValueError()), False),
        (lambda: 1 / 0, False),
        (object(), False),
    ],
)
def test_stores(store: Any, ready: bool) -> None:
    asked = client({"store": store, "other": Pool()})
    with ExpectLog("cyclone.general", "store is away|not ready: store", required=not ready):
        response = asked.get("/-/ready")
    assert response.status == (200 if ready else 503)
    assert response.json() == {
        "ready": ready,
        "stores": {
            "store": {"ready": ready},
            "other": {"ready": True, "state": "up", "size": 3},
        },
    }
    assert "10.0.0.1" not in response.text


def test_a_store_that_does_not_answer_in_time() -> None:
    pool = Pool()
    cancelled: list[Any] = []
    pool.answers = [Deferred(cancelled.append)]
    asked = client({"pool": pool})
    pending = asked.open("GET", "/-/ready")
    other = asked.open("GET", "/-/ready")
    asked.advance(1.9)
    assert not pending.complete
    with ExpectLog("cyclone.general", "not ready: pool does not answer"):
        asked.advance(0.2)
    assert cancelled
    assert pending.response.status == other.response.status == 503
    assert pool.asked == 1


def test_answers_are_shared_and_grow_old() -> None:
    pool = Pool()
    asked = Client(Application(health.routes(), stores={"pool": pool}))
    for _ in range(5):
        assert asked.get("/-/ready").status == 200
    assert pool.asked == 1
    asked.advance(1.1)
    assert asked.get("/-/ready").status == 200
    assert pool.asked == 2


def test_what_happens_stands_in_the_log_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    for name in ("info", "warning"):
        monkeypatch.setattr(
            f"cyclone.log.Log.{name}", lambda self, text, *args: lines.append(text % args)
        )
    assume_listening()
    pool = Pool()
    asked = client({"pool": pool})
    for answer in (None, fail(OSError("no")), fail(OSError("no")), None):
        pool.answers = [answer]
        asked.get("/-/ready")
        asked.advance(2)
    assume_listening(None)
    assert lines == [
        "pool is away: OSError: no",
        "not ready: pool does not answer",
        "pool is back",
    ]


@pytest.mark.parametrize(("networks", "told"), [(["127.0.0.0/8"], True), (["10.0.0.1"], False)])
def test_who_is_told_why(networks: list[str], told: bool) -> None:
    application = Application(health.routes({"pool": Pool()}, networks=networks))
    answer = Client(application).get("/-/ready").json()
    assert answer.pop("ready") is True
    assert bool(answer) is told
    application.stopping = True
    answer = Client(application).get("/-/ready").json()
    assert answer == {"ready": False, **({"draining": True} if told else {})}


def test_networks_that_are_none() -> None:
    for routes in (health.routes, metrics.routes):
        with pytest.raises(ValueError, match=r"'my\.lan' is neither an address nor a network"):
            routes(networks=["my.lan"])


def test_a_server_that_is_about_to_stop() -> None:
    pool = Pool()
    application = Application(health.routes({"pool": pool}))
    asked = Client(application)
    application.stopping = True
    response = asked.get("/-/ready")
    assert (response.status, response.json()) == (503, {"ready": False, "draining": True})
    assert asked.get("/-/live").status == 200
    assert pool.asked == 0
    application.doStart()  # listened with again
    assert asked.get("/-/ready").status == 200
    application.doStop()


def test_draining_counts_as_stopping() -> None:
    application = Application([])
    application.drain()
    assert application.stopping


def test_handlers_by_hand() -> None:
    routes = [("/a", health.ReadinessHandler), ("/b", health.ReadinessHandler)]
    pool = Pool()
    application = Application(routes, stores={"pool": pool})
    for path in ("/a", "/b"):
        assert Client(application).get(path).status == 200
    assert pool.asked == 1


def test_no_access_lines() -> None:
    assume_listening()
    application = Application(health.routes({"pool": lambda: 1 / 0}, prefix="/x"))
    with ExpectLog("cyclone.access", ".*", required=False) as log:
        asked = Client(application)
        asked.get("/x/live")
        with ExpectLog("cyclone.general", "pool"):
            assert asked.get("/x/ready").status == 503
    assume_listening(None)
    assert not log.matched
