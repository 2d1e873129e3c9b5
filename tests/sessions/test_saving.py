"""When sessions are loaded and saved, with stores that take their time, fail, or lie."""

from __future__ import annotations

import re
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from cyclone._async import as_deferred
from cyclone.outages import StoreTimeout
from cyclone.sessions import (
    MemoryStore,
    SessionMixin,
    Sessions,
    SessionTooLarge,
    StoreUnavailable,
)
from cyclone.testing import Client, ExpectLog
from cyclone.web import HTTPError, RequestHandler, asynchronous, authenticated
from cyclone.websocket import WebSocketHandler
from tests.sessions.support import LaterStore, Time, Visitor, application_of, look, put, visitor_of
from tests.websocket.frames import frame


@pytest.fixture
def store() -> LaterStore:
    return LaterStore()


@pytest.fixture
def visitor(store: LaterStore) -> Visitor:
    return visitor_of(store)


def client_of(handler: type[RequestHandler], store: Any, like: Visitor | None = None) -> Client:
    client = Client(application_of(Sessions(store, clock=Time()), handler))
    if like is not None:
        client.cookies.set("session", like.cookie or "")
    return client


def test_nothing_is_sent_before_it_is_saved(store: LaterStore, visitor: Visitor) -> None:
    store.holding.add("swap")
    visitor.app.settings.act = put(a=1)
    pending = visitor.open("GET", "/")
    assert pending.received == b"" and store.calls == ["swap"]
    store.release()
    assert pending.response.status == 200
    assert visitor.ask(look) == {"a": 1}


def test_finish_in_the_method_is_the_end_for_the_method(store: LaterStore) -> None:
    events: list[str] = []

    class Handler(SessionMixin, RequestHandler):
        async def get(self) -> None:
            (await self.session)["a"] = 1
            ended = self.finish("done")
            with pytest.raises(RuntimeError, match="finish"):
                self.write("more")
            with pytest.raises(RuntimeError, match="twice"):
                self.finish()
            await ended
            events.append("sent")

        def on_finish(self) -> None:
            events.append("on_finish")

    store.holding.add("swap")
    client = client_of(Handler, store)
    pending = client.open("GET", "/")
    assert not pending.received and events == []
    store.release()
    assert (pending.response.text, events) == ("done", ["on_finish", "sent"])


def test_a_method_that_fails_after_its_end(store: LaterStore) -> None:
    class Handler(SessionMixin, RequestHandler):
        async def get(self) -> None:
            (await self.session)["a"] = 1
            self.finish("done")
            raise ZeroDivisionError

    store.holding.add("swap")
    pending = client_of(Handler, store).open("GET", "/")
    with ExpectLog("cyclone.application", "Uncaught exception", required=False):
        store.release()
    assert pending.response.text == "done"


@pytest.mark.parametrize("how", ["redirect", "plain", "asynchronous", "error"])
def test_every_way_to_end_saves(store: LaterStore, visitor: Visitor, how: str) -> None:
    class Handler(SessionMixin, RequestHandler):
        async def prepare(self) -> None:
            await self.session

        def get(self) -> Any:
            self.session["a"] = how
            if how == "redirect":
                self.redirect("/elsewhere")
            elif how == "error":
                raise HTTPError(403)
            elif how == "asynchronous":
                return self.later()
            return None

        @asynchronous
        def later(self) -> None:
            self.finish("later")

    visitor.ask(put(b=1))
    client = client_of(Handler, store, visitor)
    store.holding.add("swap")
    pending = client.open("GET", "/")
    assert not pending.received
    store.release()
    status = {"redirect": 302, "error": 403}.get(how, 200)
    assert pending.response.status == status
    store.holding.clear()
    assert visitor.ask(look) == {"a": how, "b": 1}


def test_errors_of_the_server_save_nothing(store: LaterStore, visitor: Visitor) -> None:
    def fail(session: Any, handler: Any) -> None:
        session["a"] = 1
        raise ZeroDivisionError

    with ExpectLog("cyclone.application", "Uncaught exception"):
        assert visitor.do(fail).status == 500
    assert store.calls == [] and visitor.cookie is None


def test_a_store_that_is_away(store: LaterStore, visitor: Visitor) -> None:
    visitor.ask(put(a=1))
    for broken in ("load", "swap"):
        store.broken[broken] = RuntimeError("away")
        with ExpectLog("cyclone.application", "The store of sessions fails"):
            response = visitor.do(lambda session, handler: session.login("ada"))
        assert (response.status, response.headers["Retry-After"]) == (503, "1")
        assert "Set-Cookie" not in response.headers
        store.broken[broken] = HTTPError(502)  # what it says itself
        assert visitor.do(lambda session, handler: session.login("ada")).status == 502
        del store.broken[broken]
    assert visitor.ask(look) == {"a": 1}


def test_an_outage_of_the_store_is_a_line_of_the_log(store: LaterStore, visitor: Visitor) -> None:
    visitor.ask(put(a=1))
    store.broken["load"] = StoreTimeout("no answer")
    line = "The store of sessions is away: StoreTimeout: no answer$"
    with ExpectLog("cyclone.application", line) as expected:
        assert visitor.do(look).status == 503
    assert not expected.logged_stack


@pytest.mark.parametrize("held", ["load", "swap", "delete", "keys_of"])
def test_a_store_that_does_not_answer(store: LaterStore, visitor: Visitor, held: str) -> None:
    visitor.ask(lambda session, handler: session.login("ada") or session.set("a", 1))
    before = visitor.cookie
    store.holding.add(held)

    async def act(session: Any, handler: Any) -> None:
        await handler.sessions.sessions_of("ada")
        session.rotate()

    visitor.app.settings.act = act
    pending = visitor.open("GET", "/")
    visitor.advance(4.9)
    assert not pending.received
    visitor.advance(0.2)
    if held == "delete":  # the id from before is of no use all the same
        assert pending.response.status == 200 and visitor.cookie != before
    else:
        assert (pending.response.status, visitor.cookie) == (503, before)
    store.holding.clear()
    visitor.ask(look)
    if held == "load":
        store.broken[held] = RuntimeError("the connection is lost")  # nobody looks any more
    store.release()
    store.broken.clear()
    assert visitor.do(look).status == 200
    left = [call for call in visitor.clock.getDelayedCalls() if "Sweeper" not in str(call)]
    assert left == []


def test_class_4_what_waits_for_the_store_is_bounded(store: LaterStore) -> None:
    visitor = visitor_of(store, max_pending=3)
    visitor.ask(put(a=1))
    store.holding.add("load")
    visitors = [Visitor(visitor.app, clock=visitor.clock) for _ in range(4)]
    for each in visitors:
        each.cookies.set("session", visitor.cookie or "")
    visitor.app.settings.act = look
    pending = [each.open("GET", "/") for each in visitors]
    assert pending[3].response.status == 503
    visitor.advance(5.1)
    assert [each.response.status for each in pending] == [503] * 4
    assert visitor.do(look).status == 503  # nobody waits, and the store has still to answer
    store.holding.clear()
    store.release()
    assert visitor.ask(look) == {"a": 1}


def test_those_who_wait_for_their_turn_give_up_as_well(store: LaterStore, visitor: Visitor) -> None:
    visitor.ask(put(a=1))
    sessions = visitor.app.settings.sessions
    app = application_of(sessions, Gated)
    Gated.gates = []
    clients = [Visitor(app, clock=visitor.clock) for _ in range(5)]
    for client in clients:
        client.cookies.set("session", visitor.cookie or "")
    pending = [client.open("GET", f"/?k{number}=1") for number, client in enumerate(clients)]
    store.holding.add("swap")
    for gate in Gated.gates:
        gate.callback(None)
    visitor.advance(5.1)
    assert [each.response.status for each in pending] == [503] * 5
    assert len(sessions.ask) == 0
    store.holding.clear()
    store.release()
    assert visitor.ask(look) == {"a": 1, "k0": "1"}  # it had been sent to the store


@pytest.mark.parametrize("later", [True, False])
def test_an_error_page_comes_although_the_session_cannot_be_saved(later: bool) -> None:
    store: Any = LaterStore() if later else MemoryStore()
    if later:
        store.broken["swap"] = RuntimeError("away")

    def refuse(session: Any, handler: Any) -> None:
        session["a"] = 1 if later else object()
        raise HTTPError(403)

    with ExpectLog("cyclone.application", "(Cannot save a session|The store of sessions fails)"):
        assert visitor_of(store).do(refuse).status == 403


def test_a_peer_that_leaves_while_it_is_saved(store: LaterStore) -> None:
    ended: list[str] = []

    class Handler(SessionMixin, RequestHandler):
        async def get(self) -> None:
            (await self.session)["a"] = 1

        def on_finish(self) -> None:
            ended.append("on_finish")

    store.holding.add("swap")
    pending = client_of(Handler, store).open("GET", "/")
    pending.disconnect()
    assert ended == []
    store.release()
    assert ended == ["on_finish"] and len(store.inner) == 1


def test_it_has_to_be_awaited(store: LaterStore) -> None:
    class Handler(SessionMixin, RequestHandler):
        def get(self) -> None:
            self.session["a"] = 1

    with ExpectLog("cyclone.application", "Uncaught exception"):
        assert client_of(Handler, store).get("/").status == 500

    class Sync(SessionMixin, RequestHandler):
        def get(self) -> None:
            self.session["a"] = self.session.get("a", 0) + 1
            self.write(str(self.session["a"]))

    client = client_of(Sync, MemoryStore(clock=Time()))
    assert [client.get("/").text for _ in range(3)] == ["1", "2", "3"]


def test_it_is_loaded_once(store: LaterStore, visitor: Visitor) -> None:
    visitor.ask(put(a=1))

    class Handler(SessionMixin, RequestHandler):
        async def get_current_user(self) -> Any:
            return (await self.session).get("a")

        @authenticated
        async def get(self) -> None:
            session = await self.session
            session["b"] = self.current_user
            await self.session
            self.write(dict(session))

    store.calls.clear()
    client = client_of(Handler, store, visitor)
    assert client.get("/").json() == {"a": 1, "b": 1}
    assert store.calls == ["load", "swap"]


def test_two_may_wait_for_it(store: LaterStore, visitor: Visitor) -> None:
    visitor.ask(put(a=1))
    store.holding.add("load")
    store.calls.clear()

    class Handler(SessionMixin, RequestHandler):
        async def get(self) -> None:
            from cyclone._async import as_deferred

            both = [as_deferred(self.session.load()) for _ in range(2)]
            found = [await each for each in both if each is not None]
            self.write({"same": found[0] is found[1], "a": found[0]["a"]})

    pending = client_of(Handler, store, visitor).open("GET", "/")
    store.release()
    assert pending.response.json() == {"same": True, "a": 1}
    assert store.calls == ["load"]


def test_loading_may_be_tried_again(store: LaterStore, visitor: Visitor) -> None:
    visitor.ask(put(a=1))
    store.broken["load"] = RuntimeError("away")

    class Handler(SessionMixin, RequestHandler):
        async def get(self) -> None:
            with pytest.raises(StoreUnavailable):
                await self.session
            del store.broken["load"]
            self.write(dict(await self.session))

    assert client_of(Handler, store, visitor).get("/").json() == {"a": 1}


# -- responses in pieces


@pytest.mark.parametrize("later", [True, False])
def test_pieces_follow_the_save(later: bool) -> None:
    class Handler(SessionMixin, RequestHandler):
        async def get(self) -> None:
            (await self.session)["a"] = 1
            self.write("one ")
            if later:
                with pytest.raises(RuntimeError, match="save_session"):
                    self.flush()
                await self.save_session()
            self.flush()
            self.write("two")
            await self.save_session()  # nothing to do

    client = client_of(Handler, LaterStore() if later else MemoryStore())
    response = client.get("/")
    assert response.text == "one two"
    assert "session" in client.cookies and response.headers["Vary"] == "Cookie"


@pytest.mark.parametrize("later", [True, False])
def test_changes_after_the_response_has_begun(later: bool) -> None:
    store = LaterStore() if later else MemoryStore(clock=Time())

    class Handler(SessionMixin, RequestHandler):
        async def get(self) -> None:
            await self.session
            self.flush()
            self.session["n"] = self.session.get("n", 0) + 1
            if self.get_argument("save", None):
                with pytest.raises(RuntimeError, match="cannot be set"):
                    await self.save_session()

    client = client_of(Handler, store)
    for path in ("/", "/?save=1"):
        with ExpectLog("cyclone.application", "A session was changed after"):
            assert client.get(path).status == 200
    visitor = visitor_of(store)
    visitor.ask(put(n=5))
    client.cookies.set("session", visitor.cookie or "")
    client.get("/")  # there is a session already: nothing but the store has to know
    assert visitor.ask(look) == {"n": 6}


def test_an_event_stream_saves_when_it_wants() -> None:
    store = LaterStore()
    visitor = visitor_of(store)
    visitor.ask(put(n=1))

    class Handler(SessionMixin, RequestHandler):
        async def get(self) -> None:
            await self.session
            self.flush()
            self.session["n"] = 2
            await self.save_session()
            self.session["n"] = 3
            await self.save_session()

    client_of(Handler, store, visitor).get("/")
    assert visitor.ask(look) == {"n": 3}


def test_web_sockets_have_sessions_too() -> None:
    store = LaterStore()
    visitor = visitor_of(store)
    seen: list[Any] = []

    class Socket(SessionMixin, WebSocketHandler):
        async def prepare(self) -> None:
            session = await self.session
            session["opened"] = session.get("opened", 0) + 1
            await self.save_session()

        async def on_message(self, message: str | bytes) -> None:
            self.session["said"] = message
            await self.save_session()
            seen.append(dict(self.session))

    connection = client_of(Socket, store).connect()
    answer = connection.send(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 101")
    cookie = re.search(rb"Set-Cookie: session=([^;]+)", answer)
    assert cookie is not None
    connection.send(frame(1, b"hello"))
    assert seen == [{"opened": 1, "said": "hello"}]
    visitor.cookies.set("session", cookie[1].decode())
    assert visitor.ask(look) == seen[0]
    connection.disconnect()


# -- at the same time


class Gated(SessionMixin, RequestHandler):
    """Changes its session as the query says, and ends when it is let go."""

    gates: list[Deferred[None]] = []

    async def get(self) -> None:
        session = await self.session
        gate: Deferred[None] = Deferred()
        self.gates.append(gate)
        await gate
        for name in self.request.query_arguments:
            value = self.get_argument(name)
            if name == "login":
                session.login(value)
            elif name == "logout":
                session.logout()
            elif name == "rotate":
                session.rotate()
            elif value == "-":
                session.delete(name)
            else:
                session[name] = value


def at_once(store: Any, visitor: Visitor, *queries: str) -> list[Any]:
    """Requests that all have loaded the session before the first one ends, in this order."""
    Gated.gates = []
    clients = [client_of(Gated, store, visitor) for _ in queries]
    waiting = [c.open("GET", f"/?{query}") for c, query in zip(clients, queries, strict=True)]
    for gate in Gated.gates:
        gate.callback(None)
    return [pending.response for pending in waiting]


def cookie_of(response: Any) -> str:
    found = re.search(r"session=([^;]+)", response.headers["Set-Cookie"])
    assert found is not None
    return found[1]


@pytest.mark.parametrize("kind", ["memory", "later"])
def test_the_last_one_wins_for_each_key(kind: str) -> None:
    store: Any = LaterStore() if kind == "later" else MemoryStore(clock=Time())
    visitor = visitor_of(store)
    visitor.ask(put(a="0", b="0", c="0"))
    at_once(store, visitor, "a=1&b=1", "b=2", "c=-", "d=4&b=5")
    assert visitor.ask(look) == {"a": "1", "b": "5", "d": "4"}


@pytest.mark.parametrize("kind", ["memory", "later"])
@pytest.mark.parametrize("ending", ["logout=1", "login=ada"])
def test_class_14_what_has_ended_stays_ended(kind: str, ending: str) -> None:
    store: Any = LaterStore() if kind == "later" else MemoryStore(clock=Time())
    visitor = visitor_of(store)
    visitor.ask(put(a="0"))
    responses = at_once(store, visitor, ending, "a=1")
    assert [response.status for response in responses] == [200, 200]
    assert "Set-Cookie" not in responses[1].headers
    assert visitor.ask(look) == {}  # with the id from before


@pytest.mark.parametrize("kind", ["memory", "later"])
def test_class_14_what_has_ended_does_not_come_back_under_another_id(kind: str) -> None:
    store: Any = LaterStore() if kind == "later" else MemoryStore(clock=Time())
    visitor = visitor_of(store)
    visitor.ask(lambda session, handler: session.login("ada"))
    visitor.ask(put(a="0"))
    responses = at_once(store, visitor, "logout=1", "rotate=1&b=1")
    assert [response.status for response in responses] == [200, 200]
    assert "Set-Cookie" not in responses[1].headers
    inner = store.inner if kind == "later" else store
    assert visitor.ask(look) == {} and not inner.keys_of("ada") and not len(inner)


@pytest.mark.parametrize("kind", ["memory", "later"])
@pytest.mark.parametrize(
    ("how", "kept"),
    [
        ("rotate=1&b=2", {"a": "1", "b": "2", "c": "1"}),
        ("login=ada&b=2", {"a": "1", "b": "2", "c": "1"}),
    ],
)
def test_another_id_keeps_what_others_have_changed(
    kind: str, how: str, kept: dict[str, str]
) -> None:
    store: Any = LaterStore() if kind == "later" else MemoryStore(clock=Time())
    visitor = visitor_of(store)
    visitor.ask(put(a="0", b="0", c="0", d="0"))
    responses = at_once(store, visitor, "a=1&b=1&d=-", "c=1", how)
    visitor.cookies.set("session", cookie_of(responses[2]))
    assert visitor.ask(look) == kept
    assert len(store.inner if kind == "later" else store) == 1


@pytest.mark.parametrize("kind", ["memory", "later"])
def test_class_14_what_others_change_does_not_come_along_to_somebody_else(kind: str) -> None:
    store: Any = LaterStore() if kind == "later" else MemoryStore(clock=Time())
    visitor = visitor_of(store)
    visitor.ask(lambda session, handler: session.login("ada"))
    visitor.ask(put(a="0"))
    responses = at_once(store, visitor, "secret=1", "login=grace&b=2")
    visitor.cookies.set("session", cookie_of(responses[1]))
    assert visitor.ask(look) == {"b": "2"}
    assert visitor.ask(lambda session, handler: session.owner) == "grace"


def test_class_14_sessions_that_get_another_id_while_they_are_ended(store: LaterStore) -> None:
    visitor = visitor_of(store)
    visitor.ask(lambda session, handler: session.login("ada"))
    sessions = visitor.app.settings.sessions
    store.holding.add("delete")
    ended = as_deferred(sessions.end_all("ada"))  # knows of one session, and waits
    visitor.app.settings.act = lambda session, handler: session.rotate()
    pending = visitor.open("GET", "/")
    store.holding.clear()
    store.release()
    assert pending.response.status == 200 and ended is not None
    assert not store.inner.keys_of("ada") and visitor.ask(look) == {}


def test_what_cannot_be_tidied_up_does_not_matter(store: LaterStore, visitor: Visitor) -> None:
    visitor.ask(put(a=1))
    before = visitor.cookie
    store.broken["delete"] = RuntimeError("away")
    with ExpectLog("cyclone.application", "The store of sessions fails"):
        assert visitor.do(lambda session, handler: session.rotate()).status == 200
    assert visitor.cookie != before and visitor.ask(look) == {"a": 1}
    visitor.cookies.set("session", before or "")
    assert visitor.ask(look) == {}  # nobody can use the old one


def test_any_number_at_once() -> None:
    store = LaterStore()
    visitor = visitor_of(store)
    visitor.ask(put(a="0"))
    sessions = visitor.app.settings.sessions
    Gated.gates = []
    clients = [Client(application_of(sessions, Gated)) for _ in range(40)]
    for client in clients:
        client.cookies.set("session", visitor.cookie or "")
    pending = [c.open("GET", f"/?k{number}=1") for number, c in enumerate(clients)]
    store.holding.add("swap")
    store.calls.clear()
    for gate in Gated.gates:
        gate.callback(None)
    assert store.calls == ["swap"]  # the others wait for their turn
    while store.waiting:
        store.release()
    assert {each.response.status for each in pending} == {200}
    assert store.calls.count("swap") <= 2 * len(clients)
    store.holding.clear()
    assert len(visitor.ask(look)) == 41
    assert len(sessions.ask) == 0


def test_who_leaves_the_queue_does_not_stop_it() -> None:
    class Leaving(SessionMixin, RequestHandler):
        cancel_on_disconnect = True

        async def get(self) -> None:
            (await self.session)["b"] = 1
            await self.save_session()

    store = LaterStore()
    visitor = visitor_of(store)
    visitor.ask(put(a=1))
    sessions = visitor.app.settings.sessions
    store.holding.add("swap")
    waiting = []
    for handler in (Leaving, Leaving, Leaving):
        client = Client(application_of(sessions, handler))
        client.cookies.set("session", visitor.cookie or "")
        waiting.append(client.open("GET", "/"))
    waiting[1].disconnect()
    while store.waiting:
        store.release()
    assert waiting[0].response.status == waiting[2].response.status == 200
    assert len(sessions.ask) == 0


def test_a_store_that_never_takes_a_change() -> None:
    store = LaterStore()
    visitor = visitor_of(store)
    visitor.ask(put(a=1))
    store.inner.swap = lambda *arguments: False  # type: ignore[method-assign]
    for act in (put(a=2), lambda session, handler: session.rotate()):
        with ExpectLog("cyclone.application", "Uncaught exception"):
            assert visitor.do(act).status == 500
    assert store.calls.count("swap") == 27


def test_a_session_that_grows_while_others_change_it() -> None:
    store = LaterStore()
    sessions = Sessions(store, clock=Time(), max_size=400)
    visitor = Visitor(application_of(sessions))
    visitor.ask(put(a="0"))
    Gated.gates = []
    clients = [Client(application_of(sessions, Gated)) for _ in range(2)]
    for client in clients:
        client.cookies.set("session", visitor.cookie or "")
    both = [c.open("GET", f"/?{name}={'x' * 200}") for c, name in zip(clients, "ab", strict=True)]
    with ExpectLog("cyclone.application", "Uncaught exception"):
        for gate in Gated.gates:
            gate.callback(None)
    assert [pending.response.status for pending in both] == [200, 500]


def test_a_store_that_is_not_what_it_says() -> None:
    class Lying(MemoryStore):
        def load(self, key: str) -> Any:
            return Deferred()

    store = Lying()
    visitor = visitor_of(store)

    class Handler(SessionMixin, RequestHandler):
        def get(self) -> None:
            self.session["a"] = 1

    client = client_of(Handler, store, visitor)
    client.cookies.set("session", "A" * 43)
    with ExpectLog("cyclone.application", "Uncaught exception"):
        assert client.get("/").status == 500
    assert issubclass(SessionTooLarge, ValueError)
