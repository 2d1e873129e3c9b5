"""Sessions with every kind of store: what is kept, for how long, and under which id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cyclone.sessions import CookieStore, MemoryStore, SessionMixin, Sessions
from cyclone.testing import Client, ExpectLog
from cyclone.web import RequestHandler
from tests.sessions.support import (
    LaterStore,
    Time,
    Visitor,
    application_of,
    look,
    put,
    visitor_of,
)

STORES: dict[str, Callable[[Time], Any]] = {
    "memory": lambda time: MemoryStore(clock=time),
    "cookie": lambda time: CookieStore(),
    "later": LaterStore,
}
SERVER = ["memory", "later"]


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture(params=list(STORES))
def store(request: Any, time: Time) -> Any:
    return STORES[request.param](time)


@pytest.fixture(params=SERVER)
def server_store(request: Any, time: Time) -> Any:
    return STORES[request.param](time)


def another(visitor: Visitor) -> Visitor:
    """Somebody with the same cookies."""
    other = Visitor(visitor.app)
    if visitor.cookie is not None:
        other.cookies.set(visitor.app.settings.sessions.cookie_name, visitor.cookie)
    return other


# -- what is kept


def test_what_is_put_in_is_there_with_the_next_request(store: Any, time: Time) -> None:
    visitor = visitor_of(store, time)
    values = {"a": 1, "b": [1.5, None, {"c": "ü\u2028"}], "": True}
    assert visitor.ask(look) == {}
    assert visitor.cookie is None  # nothing to remember
    visitor.ask(lambda session, handler: session.update(values))
    assert visitor.ask(look) == values
    assert Visitor(visitor.app).ask(look) == {}


def test_it_is_a_mapping(store: Any, time: Time) -> None:
    visitor = visitor_of(store, time)

    def use(session: Any, handler: Any) -> Any:
        assert not session and session.is_new and session.key is None and session.owner is None
        session.set("a", 1)
        session["b"] = 2
        session.setdefault("c", []).append(3)
        session.delete("b", "nothing")
        assert session and "a" in session and session.get("b") is None
        with pytest.raises(KeyError):
            del session["b"]
        assert repr(session) == "<Session: ['a', 'c']>"
        return [sorted(session.keys()), len(session), session.pop("a"), session.created]

    assert visitor.ask(use) == [["a", "c"], 2, 1, time.now]
    assert visitor.ask(look) == {"c": [3]}
    assert visitor.ask(lambda session, handler: session.is_new) is False


def test_changes_in_depth_are_noticed(store: Any, time: Time) -> None:
    visitor = visitor_of(store, time)
    visitor.ask(put(cart=[], other="x"))
    visitor.ask(lambda session, handler: session["cart"].append({"id": 1}))
    visitor.ask(lambda session, handler: session["cart"][0].update(number=2))
    assert visitor.ask(look) == {"cart": [{"id": 1, "number": 2}], "other": "x"}


def test_it_is_saved_only_when_it_has_changed(time: Time) -> None:
    store = LaterStore(time)
    visitor = visitor_of(store, time)
    visitor.ask(lambda session, handler: None)
    assert store.calls == []
    first = visitor.do(put(a=1))
    assert store.calls == ["swap"]
    assert "Set-Cookie" in first.headers
    store.calls.clear()
    for act in (look, put(a=1), lambda s, h: s.update(b=2) or (s.pop("b") and None)):
        assert "Set-Cookie" not in visitor.do(act).headers
    assert store.calls == ["load"] * 3
    assert "Set-Cookie" not in visitor.do(put(a=2)).headers


def test_it_is_not_loaded_unless_it_is_used(time: Time) -> None:
    store = LaterStore(time)
    visitor = visitor_of(store, time)
    visitor.ask(put(a=1))
    store.calls.clear()

    class Handler(SessionMixin, RequestHandler):
        def get(self) -> None:
            assert repr(self.session) == "<Session: not loaded>"
            self.write("x")

    other = Client(application_of(visitor.app.settings.sessions, Handler))
    other.cookies.set("session", visitor.cookie or "")
    response = other.get("/")
    assert (response.text, store.calls) == ("x", [])
    assert "Vary" not in response.headers


def test_values_that_cannot_be_kept(store: Any, time: Time) -> None:
    visitor = visitor_of(store, time)
    for bad in ({"x": object()}, {"x": float("nan")}, {"x": b"a"}, {7: "x"}, {"x": {1, 2}}):
        with ExpectLog("cyclone.application", "Uncaught exception"):
            assert visitor.do(lambda s, h, bad=bad: s.update(bad)).status == 500
    assert visitor.cookie is None
    loop: list[Any] = []
    loop.append(loop)
    with ExpectLog("cyclone.application", "Uncaught exception"):
        assert visitor.do(put(x=loop)).status == 500


def test_class_4_sessions_have_a_limit(store: Any, time: Time) -> None:
    visitor = visitor_of(store, time, max_size=1000)
    visitor.ask(put(a="x" * 900))
    for fill in (put(a="x" * 1000), put(b="x" * 100)):
        with ExpectLog("cyclone.application", "Uncaught exception"):
            assert visitor.do(fill).status == 500
    assert visitor.ask(look) == {"a": "x" * 900}


def test_class_4_cookies_have_a_limit_of_their_own(time: Time) -> None:
    visitor = visitor_of(CookieStore(), time)
    visitor.ask(put(a="x" * 2900))
    with ExpectLog("cyclone.application", "Uncaught exception"):
        assert visitor.do(put(a="x" * 3100)).status == 500
    assert len(visitor.ask(look)["a"]) == 2900


# -- the cookie


def test_attributes_of_the_cookie(store: Any, time: Time) -> None:
    field = visitor_of(store, time).do(put(a=1)).headers["Set-Cookie"]
    assert field.startswith("session=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} == set(field.split("; ")[1:])
    sessions = Sessions(store, clock=time, persistent=True, path="/app", domain="example.com")
    app = application_of(sessions)
    field = Visitor(app, https=True).do(put(a=1)).headers["Set-Cookie"]
    assert {"Secure", "Max-Age=86400", "Path=/app", "Domain=example.com"} <= set(field.split("; "))
    field = (
        visitor_of(store, time, secure=True, samesite="Strict").do(put(a=1)).headers["Set-Cookie"]
    )
    assert {"Secure", "SameSite=Strict"} <= set(field.split("; "))


def test_the_host_prefix(store: Any, time: Time) -> None:
    app = application_of(Sessions(store, clock=time, host_prefix=True))
    visitor = Visitor(app, https=True)
    field = visitor.do(put(a=1)).headers["Set-Cookie"]
    assert field.startswith("__Host-session=") and {"Secure", "Path=/"} <= set(field.split("; "))
    assert "Domain" not in field
    assert visitor.ask(look) == {"a": 1}


def test_caches_keep_pages_apart(store: Any, time: Time) -> None:
    visitor = visitor_of(store, time)
    first = visitor.do(put(a=1))
    assert (first.headers["Vary"], first.headers["Cache-Control"]) == ("Cookie", "private")
    later = visitor.do(look)
    assert later.headers["Vary"] == "Cookie" and "Cache-Control" not in later.headers

    def own(session: Any, handler: Any) -> None:
        handler.set_header("Vary", "cookie, Accept")
        handler.set_header("Cache-Control", "no-store")
        session["a"] = 3

    mine = visitor.do(own)
    assert (mine.headers["Vary"], mine.headers["Cache-Control"]) == ("cookie, Accept", "no-store")


def test_the_id_is_not_in_the_store(time: Time) -> None:
    store = MemoryStore(clock=time)
    visitor = visitor_of(store, time)
    visitor.ask(put(a=1))
    (key,) = store._entries
    assert visitor.cookie not in (key, None) and len(key) == 64
    assert visitor.ask(lambda session, handler: session.key) == key


# -- ids


def test_class_14_ids_of_others_are_not_taken_over(store: Any, time: Time) -> None:
    visitor = visitor_of(store, time)
    for planted in ("A" * 43, "x", "a" * 5000, "", "2|1:0|10:1800000000|7:session|4:W10=|00", "ä"):
        visitor.cookies.clear()
        if planted:
            visitor.cookies.set("session", planted)
        assert visitor.ask(look) == {}
        visitor.ask(put(a=1))
        assert visitor.cookie not in (planted, None)
        assert visitor.ask(look) == {"a": 1}


def test_class_14_the_id_changes_with_a_login(server_store: Any, time: Time) -> None:
    visitor = visitor_of(server_store, time)
    visitor.ask(put(cart=[1]))
    before = another(visitor)
    visitor.ask(lambda session, handler: session.login("ada"))
    assert visitor.cookie != before.cookie
    assert visitor.ask(lambda s, h: [s.owner, dict(s)]) == ["ada", {"cart": [1]}]
    assert before.ask(lambda s, h: [s.owner, dict(s)]) == [None, {}]  # who knew it knows nothing
    after = another(visitor)
    visitor.ask(lambda session, handler: session.rotate())
    assert after.ask(look) == {}
    assert visitor.ask(look) == {"cart": [1]}


def test_rotating_what_is_new(store: Any, time: Time) -> None:
    visitor = visitor_of(store, time)
    visitor.ask(lambda session, handler: session.regenerate())
    assert visitor.cookie is None  # nothing to keep
    visitor.ask(lambda session, handler: session.rotate() or session.set("a", 1))
    assert visitor.ask(look) == {"a": 1}


def test_a_login_needs_somebody(store: Any, time: Time) -> None:
    for nobody in ("", None, 7, "x" * 256, "a\x00"):
        with ExpectLog("cyclone.application", "Uncaught exception"):
            assert visitor_of(store, time).do(lambda s, h, n=nobody: s.login(n)).status == 500


def test_somebody_else_begins_with_nothing(store: Any, time: Time) -> None:
    visitor = visitor_of(store, time)
    visitor.ask(lambda s, h: s.login("ada") or s.set("a", 1))
    visitor.ask(lambda s, h: s.login("ada"))
    assert visitor.ask(look) == {"a": 1}
    visitor.ask(lambda s, h: s.login("bob"))
    assert visitor.ask(lambda s, h: [s.owner, dict(s)]) == ["bob", {}]


@pytest.mark.parametrize("word", ["logout", "destroy", "invalidate"])
def test_a_logout_ends_it(store: Any, time: Time, word: str) -> None:
    visitor = visitor_of(store, time)
    visitor.ask(lambda s, h: s.login("ada") or s.set("a", 1))
    copy = another(visitor)
    visitor.ask(lambda s, h: getattr(s, word)())
    assert visitor.cookie is None
    assert visitor.ask(lambda s, h: [s.owner, dict(s)]) == [None, {}]
    # A cookie is good wherever it was copied to, as CookieStore says.
    left = {"a": 1} if isinstance(store, CookieStore) else {}
    assert copy.ask(look) == left


def test_a_logout_of_nobody(store: Any, time: Time) -> None:
    visitor = visitor_of(store, time)
    visitor.ask(lambda s, h: s.set("a", 1) or s.logout())
    assert visitor.cookie is None


def test_what_comes_after_a_logout_is_another_session(store: Any, time: Time) -> None:
    visitor = visitor_of(store, time)
    visitor.ask(lambda s, h: s.login("ada") or s.set("a", 1))
    before = another(visitor)
    visitor.ask(lambda s, h: s.logout() or s.set("flash", "bye"))
    assert visitor.ask(lambda s, h: [s.owner, dict(s)]) == [None, {"flash": "bye"}]
    assert visitor.cookie != before.cookie
    visitor.ask(lambda s, h: s.logout() or s.login("bob"))
    assert visitor.ask(lambda s, h: [s.owner, dict(s)]) == ["bob", {}]


# -- time


def test_a_session_that_is_not_used_ends(store: Any, time: Time) -> None:
    visitor = visitor_of(store, time, idle=100, lifetime=None)
    visitor.ask(put(a=1))
    for _ in range(5):
        time.now += 90
        assert visitor.ask(look) == {"a": 1}
    time.now += 99
    assert visitor.ask(look) == {"a": 1}
    time.now += 100
    assert visitor.ask(look) == {}


def test_using_it_is_noted_now_and_then(time: Time) -> None:
    store = LaterStore(time)
    visitor = visitor_of(store, time, idle=100)
    visitor.ask(put(a=1))
    store.calls.clear()
    for _ in range(10):
        time.now += 1
        visitor.ask(look)
    assert store.calls.count("swap") == 2  # every five seconds, a twentieth of the time


def test_a_session_ends_in_any_case(store: Any, time: Time) -> None:
    visitor = visitor_of(store, time, idle=None, lifetime=100)
    visitor.ask(put(a=1))
    time.now += 60
    visitor.ask(put(a=2))
    visitor.ask(lambda s, h: s.rotate())
    time.now += 39
    assert visitor.ask(look) == {"a": 2}
    visitor.ask(lambda s, h: s.login("ada"))  # from which it counts anew
    time.now += 99
    assert visitor.ask(look) == {"a": 2}
    time.now += 1
    assert visitor.ask(look) == {}


def test_a_cookie_that_stays_has_the_new_id(server_store: Any, time: Time) -> None:
    visitor = visitor_of(server_store, time, persistent=True)
    visitor.ask(put(a=1))

    async def twice(session: Any, handler: Any) -> None:
        session.rotate()
        await handler.save_session()
        session["b"] = 2

    visitor.ask(twice)
    assert visitor.ask(look) == {"a": 1, "b": 2}


def test_a_session_for_ever(store: Any, time: Time) -> None:
    visitor = visitor_of(store, time, idle=None, lifetime=None, persistent=True)
    assert "Max-Age=34560000" in visitor.do(put(a=1)).headers["Set-Cookie"]
    time.now += 10**8
    assert another(visitor).ask(look) == {"a": 1}


def test_a_cookie_that_stays_lives_as_long_as_the_session(store: Any, time: Time) -> None:
    visitor = visitor_of(store, time, idle=100, lifetime=150, persistent=True)
    assert "Max-Age=100" in visitor.do(put(a=1)).headers["Set-Cookie"]
    time.now += 80
    assert "Max-Age=70" in visitor.do(look).headers["Set-Cookie"]
    time.now += 1
    assert "Set-Cookie" not in visitor.do(look).headers


def test_the_clock_may_be_put_back(store: Any, time: Time) -> None:
    visitor = visitor_of(store, time)
    visitor.ask(put(a=1))
    time.now -= 50
    assert visitor.ask(look) == {"a": 1}


# -- lists of somebody's sessions


async def listing(session: Any, handler: Any) -> Any:
    found = await handler.sessions.sessions_of("ada")
    return [[info.key, info.data, info.key == session.key] for info in found]


def test_somebodys_sessions(server_store: Any, time: Time) -> None:
    phone = visitor_of(server_store, time)
    laptop = Visitor(phone.app)
    for number, visitor in enumerate([phone, laptop]):
        time.now += 1
        visitor.ask(lambda s, h, n=number: s.login("ada") or s.set("n", n))
    Visitor(phone.app).ask(lambda s, h: s.login("bob"))
    found = phone.ask(listing)
    assert [(data, own) for _, data, own in found] == [({"n": 1}, False), ({"n": 0}, True)]

    other = found[0][0]
    assert phone.ask(lambda s, h: h.sessions.end(other, "bob")) is False
    assert laptop.ask(look) == {"n": 1}
    assert phone.ask(lambda s, h: h.sessions.end("nothing", "ada")) is False
    assert phone.ask(lambda s, h: h.sessions.end("", "ada")) is False
    assert phone.ask(lambda s, h: h.sessions.end(other, "ada")) is True
    assert laptop.ask(lambda s, h: s.owner) is None
    assert len(phone.ask(listing)) == 1

    for _ in range(3):
        Visitor(phone.app).ask(lambda s, h: s.login("ada"))
    assert phone.ask(lambda s, h: h.sessions.end_all("ada", but=s.key)) == 3
    assert phone.ask(lambda s, h: s.owner) == "ada"
    time.now += 10**7
    assert phone.ask(listing) == []
    phone.ask(lambda s, h: s.login("ada"))
    phone.ask(lambda s, h: s.rotate())
    assert len(phone.ask(listing)) == 1
    phone.ask(lambda s, h: s.logout())
    assert phone.ask(listing) == []
    assert phone.ask(lambda s, h: h.sessions.end_all("nobody")) == 0


def test_cookies_cannot_be_listed(time: Time) -> None:
    visitor = visitor_of(CookieStore(), time)
    for act in (
        lambda s, h: h.sessions.sessions_of("ada"),
        lambda s, h: h.sessions.end("x", "ada"),
        lambda s, h: h.sessions.end_all("ada"),
    ):
        with ExpectLog("cyclone.application", "Uncaught exception"):
            assert visitor.do(act).status == 500


def test_class_14_cookies_cannot_be_forged_or_exchanged(time: Time) -> None:
    visitor = visitor_of(CookieStore(), time)
    visitor.ask(put(a=1))
    good = visitor.cookie or ""
    for position in range(0, len(good), 7):
        changed = "A" if good[position] != "A" else "B"
        visitor.cookies.set("session", good[:position] + changed + good[position + 1 :])
        assert visitor.ask(look) == {}

    def sign(session: Any, handler: Any) -> str:
        return str(handler.create_signed_value("other", "[0,1e9,2e9,null,{}]").decode())

    visitor.cookies.set("session", visitor.ask(sign))
    assert visitor.ask(look) == {}


# -- what cannot be


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cookie_name": "a b"}, "not the name of a cookie"),
        ({"idle": 0}, "idle must be above 0"),
        ({"lifetime": -1}, "lifetime must be above 0"),
        ({"timeout": 0}, "timeout must be above 0"),
        ({"max_pending": 0}, "max_pending must be at least 1"),
        ({"max_size": 0}, "max_size must be at least 1"),
        ({"samesite": "lax"}, "samesite must be of"),
        ({"samesite": "None", "secure": False}, "only if it is secure"),
        ({"host_prefix": True, "path": "/x"}, "a __Host- cookie"),
        ({"host_prefix": True, "domain": "x"}, "a __Host- cookie"),
        ({"host_prefix": True, "secure": False}, "a __Host- cookie"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sessions(MemoryStore(), **options)


@pytest.mark.parametrize("sessions", [None, MemoryStore()])
def test_the_setting_is_asked_for(sessions: Any) -> None:
    with ExpectLog("cyclone.application", "Uncaught exception"):
        assert Visitor(application_of(sessions)).do(look).status == 500


@pytest.mark.parametrize("text", ["", "{}", "[]", "[1,2,3,4,5]", "[0,1,2,7,{}]", "[" * 100_000])
def test_what_is_no_session_is_none(time: Time, text: str) -> None:
    store = MemoryStore(clock=time)
    visitor = visitor_of(store, time)
    visitor.ask(put(a=1))
    (key,) = store._entries
    store._entries[key] = (text, None, None)
    assert visitor.ask(look) == {}
    visitor.ask(put(a=2))
    assert visitor.ask(look) == {"a": 2}
