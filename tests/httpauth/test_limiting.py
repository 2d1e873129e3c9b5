"""How often somebody may fail to log in."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet import defer

from cyclone.httpauth import FailureLimit, TooManyFailures, Users, basic, digest
from cyclone.testing import Client
from tests.httpauth.support import USERS, application_of, basic_of, client_of, digester, get

RIGHT, WRONG = basic_of("ada", USERS["ada"]), basic_of("ada", "wrong")


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


def test_too_many_failures_are_429(time: Time) -> None:
    limit = FailureLimit(per_address=3, period=60, clock=time)
    client = client_of(basic(Users(USERS), limit=limit))
    for _ in range(10):
        assert get(client, RIGHT).status == 200  # as often as one likes
        assert client.get("/").status == 401  # nobody has tried anything
    for _ in range(3):
        assert get(client, WRONG).status == 401
    for field in (WRONG, RIGHT):
        response = get(client, field)
        assert (response.status, response.headers["Retry-After"]) == (429, "20")
        assert "WWW-Authenticate" not in response.headers
    assert client.get("/").status == 401
    time.now += 19.9
    assert get(client, RIGHT).headers["Retry-After"] == "1"
    time.now += 0.1
    assert get(client, RIGHT).status == 200
    assert get(client, WRONG).status == 401
    assert get(client, RIGHT).status == 429
    time.now += 60
    assert [get(client, WRONG).status for _ in range(4)] == [401, 401, 401, 429]


def from_address(app: Any, address: str, field: str) -> int:
    connection = Client(app).connect(remote_ip=address)
    head = f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: {field}\r\n\r\n"
    return int(connection.send(head.encode())[9:12])


def test_addresses_count_for_themselves(time: Time) -> None:
    app = application_of(basic(Users(USERS), limit=FailureLimit(1, None, clock=time)))
    assert from_address(app, "10.0.0.1", WRONG) == 401
    assert from_address(app, "10.0.0.1", RIGHT) == 429
    assert from_address(app, "10.0.0.2", RIGHT) == 200
    assert from_address(app, "2001:db8::1", WRONG) == 401
    assert from_address(app, "2001:db8::2", RIGHT) == 429  # the same network
    assert from_address(app, "2001:db8:0:1::1", RIGHT) == 200
    assert from_address(app, "::ffff:10.0.0.1", RIGHT) == 429  # the first once more


def test_proxies_are_looked_through(time: Time) -> None:
    limit = FailureLimit(1, None, clock=time)
    client = client_of(basic(Users(USERS), limit=limit), xheaders=True)
    for address, status in [("10.0.0.1", 401), ("10.0.0.1", 429), ("10.0.0.2", 401)]:
        headers = {"Authorization": WRONG, "X-Real-Ip": address}
        assert client.get("/", headers=headers).status == status


def test_users_count_for_themselves(time: Time) -> None:
    app = application_of(basic(Users(USERS), limit=FailureLimit(None, 2, clock=time)))
    for number in (1, 2):
        assert from_address(app, f"10.0.0.{number}", WRONG) == 401
    assert from_address(app, "10.0.0.3", RIGHT) == 429
    assert from_address(app, "10.0.0.3", basic_of("jäsøn doe", "x")) == 401


def test_no_limit_at_all(time: Time) -> None:
    client = client_of(basic(Users(USERS), limit=FailureLimit(None, None, clock=time)))
    assert [get(client, WRONG).status for _ in range(300)] == [401] * 300


def test_a_stale_nonce_is_no_failure(time: Time) -> None:
    client = client_of(digest(Users(USERS), limit=FailureLimit(1, 1, clock=time)))
    ada = digester(client)
    field = ada.field()
    assert [get(client, field).status for _ in range(5)] == [200, 401, 401, 401, 401]
    assert get(client, ada.field()).status == 200
    assert get(client, ada.field(response="0" * 64)).status == 401
    assert get(client, ada.field()).status == 429


def test_attempts_at_the_same_time_are_limited(time: Time) -> None:
    gate: defer.Deferred[Any] = defer.Deferred()
    limit = FailureLimit(5, None, max_pending=2, clock=time)
    app = application_of(basic(lambda name, password: gate, limit=limit))
    clients = [Client(app) for _ in range(4)]
    waiting = [c.open("GET", "/", headers={"Authorization": RIGHT}) for c in clients]
    assert [pending.complete for pending in waiting] == [False, False, True, True]
    assert waiting[2].response.status == 429
    gate.callback(True)
    assert [pending.response.status for pending in waiting] == [200, 200, 429, 429]
    assert get(clients[0], RIGHT).status == 200


def test_class_4_what_is_remembered_is_bounded(time: Time) -> None:
    limit = FailureLimit(3, None, max_keys=10, clock=time)
    for _ in range(3):
        with limit.attempt("worst", "") as attempt:
            attempt.fail()
    for number in range(1000):
        with limit.attempt(f"a{number}", "") as attempt:
            attempt.fail()
    assert len(limit._addresses) == 10  # type: ignore[arg-type]
    with pytest.raises(TooManyFailures):  # the others were forgotten before
        limit.attempt("worst", "")
    pending = limit.attempt("b", "")
    with pending:
        for number in range(1000, 1100):
            with limit.attempt(f"a{number}", "") as attempt:
                attempt.fail()
        pending.fail()
    assert len(limit._addresses) == 10  # type: ignore[arg-type]
    good = limit.attempt("c", "")
    with good:
        for number in range(1000, 1100):
            with limit.attempt(f"a{number}", "") as attempt:
                attempt.fail()
    assert len(limit._addresses) == 10  # type: ignore[arg-type]


def test_those_who_do_not_fail_are_not_remembered(time: Time) -> None:
    limit = FailureLimit(3, 3, clock=time)
    client = client_of(basic(Users(USERS), limit=limit))
    get(client, RIGHT)
    assert limit._addresses is not None and len(limit._addresses) == 0
    assert limit._users is not None and len(limit._users) == 0


def test_failures_may_be_answered_later(time: Time) -> None:
    limit = FailureLimit(10, None, delay=2, max_delayed=2, clock=time)
    app = application_of(basic(Users(USERS), limit=limit))
    client = Client(app)
    assert get(client, RIGHT).status == 200
    pending = client.open("GET", "/", headers={"Authorization": WRONG})
    others = [Client(app, clock=client.clock) for _ in range(2)]
    second = others[0].open("GET", "/", headers={"Authorization": WRONG})
    third = others[1].open("GET", "/", headers={"Authorization": WRONG})
    assert third.response.status == 429
    client.advance(1.9)
    assert not pending.complete
    client.advance(0.2)
    assert pending.response.status == second.response.status == 401
    assert limit.delayed == 0


@pytest.mark.parametrize(
    "options",
    [
        {"per_address": 0},
        {"per_user": -1},
        {"max_keys": 0},
        {"max_pending": 0},
        {"period": 0},
        {"delay": -1},
    ],
)
def test_limits_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        FailureLimit(**options)
