"""What the tests of sessions share: an application that does what it is told, and stores."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from cyclone.sessions import MemoryStore, SessionMixin, Sessions
from cyclone.testing import Client
from cyclone.web import Application, RequestHandler

SECRET = "a secret for the cookies of tests"


class Time:
    """A clock that tells the time of day."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Visit(SessionMixin, RequestHandler):
    """Does with its session what the test says: setting ``act``, a function of session and handler.

    What that returns is the answer, unless it is None.
    """

    async def get(self) -> None:
        session = await self.session
        answer = self.settings.act(session, self)
        if hasattr(answer, "__await__"):
            answer = await answer
        if answer is not None:
            self.write({"answer": answer})

    post = get


def application_of(sessions: Any, handler: type[RequestHandler] = Visit) -> Application:
    return Application([(r".*", handler)], sessions=sessions, cookie_secret=SECRET, act=None)


class Visitor(Client):
    """Somebody with a browser; `act` is what the next request does."""

    def do(self, act: Any, **options: Any) -> Any:
        self.app.settings.act = act
        return self.get("/", **options)

    def ask(self, act: Any, **options: Any) -> Any:
        """What `act` returns."""
        response = self.do(act, **options)
        assert response.status == 200, response.text
        return response.json()["answer"] if response.body else None

    @property
    def cookie(self) -> str | None:
        """The value of the session's cookie."""
        value: str | None = self.cookies.get(self.app.settings.sessions.cookie_name)
        return value


def put(**values: Any) -> Any:
    return lambda session, handler: session.update(values)


def look(session: Any, handler: Any) -> Any:
    return dict(session)


class LaterStore:
    """A `MemoryStore` whose answers come when they are let through; all at once by default."""

    synchronous = False

    def __init__(self, clock: Any = None) -> None:
        self.inner = MemoryStore(clock=clock or Time())
        self.waiting: list[tuple[str, Deferred[None]]] = []
        self.holding: set[str] = set()
        self.calls: list[str] = []
        self.broken: dict[str, Exception] = {}

    async def _pass(self, name: str, *arguments: Any) -> Any:
        self.calls.append(name)
        if name in self.holding:
            gate: Deferred[None] = Deferred()
            self.waiting.append((name, gate))
            await gate
        if name in self.broken:
            raise self.broken[name]
        return getattr(self.inner, name)(*arguments)

    def release(self) -> None:
        """Let those through that wait."""
        waiting, self.waiting = self.waiting, []
        for _, gate in waiting:
            gate.callback(None)

    def load(self, key: str) -> Any:
        return self._pass("load", key)

    def swap(self, *arguments: Any) -> Any:
        return self._pass("swap", *arguments)

    def delete(self, *arguments: Any) -> Any:
        return self._pass("delete", *arguments)

    def keys_of(self, owner: str) -> Any:
        return self._pass("keys_of", owner)


def visitor_of(store: Any, clock: Any = None, **options: Any) -> Visitor:
    sessions = Sessions(store, clock=clock or Time(), **options)
    return Visitor(application_of(sessions))
