"""Decorators of methods, alone and in every order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from twisted.internet.defer import Deferred, inlineCallbacks, succeed

from cyclone.testing import Client
from cyclone.web import (
    Application,
    HTTPError,
    RequestHandler,
    addslash,
    asynchronous,
    authenticated,
    removeslash,
    stream_request_body,
)

Method = Callable[..., Any]


class Base(RequestHandler):
    """Logged in with ``?user=``."""

    def get_current_user(self) -> Any:
        return self.get_argument("user", None)


def client(handler: type[RequestHandler], pattern: str = "/", **settings: Any) -> Client:
    settings.setdefault("login_url", "/login")
    return Client(Application([(pattern, handler)], **settings))


# --- stacked -------------------------------------------------------------------------------------


def plain(self: Base) -> None:
    self.finish("done")


def returns_deferred(self: Base) -> Deferred[None]:
    return succeed(None).addCallback(lambda _: self.finish("done") and None)


async def coroutine(self: Base) -> None:
    await succeed(None)
    self.finish("done")


def generator(self: Base) -> Generator[Deferred[None], Any, None]:
    yield succeed(None)
    self.finish("done")


STACKS = [
    (method, stack)
    for method in (plain, returns_deferred, coroutine)
    for size in range(3)
    for stack in itertools.permutations([asynchronous, authenticated], size)
] + [
    (generator, stack)
    for others in ([], [asynchronous], [authenticated], [asynchronous, authenticated])
    for stack in itertools.permutations([inlineCallbacks, *others])
]


def named(value: Any) -> str | None:
    if isinstance(value, tuple):
        return "-".join(decorator.__name__ for decorator in value) or "bare"
    return getattr(value, "__name__", None)


def stacked(method: Method, stack: tuple[Method, ...]) -> type[Base]:
    """A handler whose ``get`` is decorated; the first of the stack is the outermost."""
    for decorator in reversed(stack):
        method = decorator(method)
    return type("Handler", (Base,), {"get": method, "post": method})


@pytest.mark.parametrize(("method", "stack"), STACKS, ids=named)
def test_stacks_answer(method: Method, stack: tuple[Method, ...]) -> None:
    response = client(stacked(method, stack)).get("/?user=ann")
    assert (response.status, response.body) == (200, b"done")


@pytest.mark.parametrize(
    ("method", "stack"), [pair for pair in STACKS if authenticated in pair[1]], ids=named
)
def test_stacks_send_strangers_to_the_login(method: Method, stack: tuple[Method, ...]) -> None:
    handler = client(stacked(method, stack))
    response = handler.get("/")
    assert (response.status, response.body) == (302, b"")
    assert response.headers["Location"] == "/login?next=%2F"
    assert handler.post("/").status == 403


@pytest.mark.parametrize(
    ("method", "stack"), [pair for pair in STACKS if asynchronous in pair[1]], ids=named
)
def test_stacks_keep_open(method: Method, stack: tuple[Method, ...]) -> None:
    handlers: list[Base] = []

    def nothing(self: Base) -> Any:
        handlers.append(self)

    def nothing_yielded(self: Base) -> Generator[Deferred[None], Any, None]:
        yield succeed(None)
        handlers.append(self)

    async def nothing_awaited(self: Base) -> None:
        handlers.append(self)

    def nothing_later(self: Base) -> Deferred[None]:
        return succeed(None).addCallback(lambda _: handlers.append(self))

    quiet: dict[Method, Method] = {
        plain: nothing,
        generator: nothing_yielded,
        coroutine: nothing_awaited,
        returns_deferred: nothing_later,
    }
    pending = client(stacked(quiet[method], stack)).open("GET", "/?user=ann")
    assert not pending.complete
    handlers[0].finish("late")
    assert pending.complete
    assert pending.response.body == b"late"


@pytest.mark.parametrize(
    "decorate", [asynchronous, authenticated, addslash, removeslash], ids=named
)
@pytest.mark.parametrize("method", [plain, coroutine, generator], ids=named)
def test_metadata_is_kept(decorate: Method, method: Method) -> None:
    def documented(self: Base, argument: int = 3) -> None:
        """What it does."""

    documented.mark = "x"  # type: ignore[attr-defined]
    decorated = decorate(documented)
    assert decorated.__name__ == "documented"
    assert decorated.__doc__ == "What it does."
    assert decorated.mark == "x"
    assert decorate(method).__wrapped__ is method


def test_arguments_and_results_pass_through() -> None:
    class Handler:
        _auto_finish = True

        @asynchronous
        def get(self, *args: Any, **kwargs: Any) -> Any:
            return args, kwargs

    handler = Handler()
    assert handler.get(1, a=2) == ((1,), {"a": 2})
    assert handler._auto_finish is False


def test_only_own_wrappers_count_as_generators() -> None:
    # inlineCallbacks copies the attributes of what it wraps, marks included.
    class Handler(Base):
        @authenticated
        @inlineCallbacks
        @asynchronous
        def get(self) -> Generator[Deferred[None], Any, None]:
            yield succeed(None)
            self.finish("done")

    stranger = client(Handler)
    assert stranger.get("/").status == 302
    assert stranger.get("/?user=x").body == b"done"


# --- authenticated -------------------------------------------------------------------------------


class Private(Base):
    @authenticated
    def get(self, *args: Any) -> None:
        self.write("private")

    head = post = put = delete = get


LOGIN_URLS = [
    # login URL, what is asked for, where it leads
    ("/login", "/a", "/login?next=%2Fa"),
    ("/login", "/a?b=c&d", "/login?next=%2Fa%3Fb%3Dc%26d"),
    ("/login?from=x", "/a", "/login?from=x"),
    ("https://sso.example/in", "/a?b", "https://sso.example/in?next=http%3A%2F%2Fhere%2Fa%3Fb"),
    ("login", "/%C3%A9", "login?next=%2F%25C3%25A9"),
    # next= must not lead to another host
    ("/login", "//evil.example/x", "/login?next=%2Fevil.example%2Fx"),
    ("/login", "///evil.example", "/login?next=%2Fevil.example"),
    ("/login", "/\\evil.example", "/login?next=%2Fevil.example"),
]


@pytest.mark.parametrize(("login_url", "path", "location"), LOGIN_URLS)
def test_class_10_login_urls(login_url: str, path: str, location: str) -> None:
    strangers = client(Private, "/.*", login_url=login_url)
    connection = strangers.connect()
    connection.send(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
    head = connection.received.decode("latin-1")
    assert f"Location: {location}\r\n" in head


def test_class_10_absolute_form_does_not_decide_where_next_leads() -> None:
    connection = client(Private, "/.*").connect()
    connection.send(b"GET http://here/a?b HTTP/1.1\r\nHost: here\r\n\r\n")
    assert b"Location: /login?next=%2Fa%3Fb\r\n" in connection.received


def test_reading_methods_are_redirected_others_forbidden() -> None:
    strangers = client(Private)
    assert strangers.get("/").status == strangers.head("/").status == 302
    for method in ("POST", "PUT", "DELETE"):
        assert strangers.request(method, "/").status == 403


def test_next_leads_back() -> None:
    location = client(Private, "/.*").get("/x%20y?a=%26").headers["Location"]
    assert parse_qs(urlsplit(location).query)["next"] == ["/x%20y?a=%26"]


# --- users that are found later ------------------------------------------------------------------


class Later(RequestHandler):
    """Logged in with ``?user=``, as one finds out when the gate opens."""

    gate: Deferred[Any]

    async def get_current_user(self) -> Any:
        await self.gate
        return self.get_argument("user", None)


class At(Later):
    """The same, but it is known at once."""

    gate = succeed(None)


def deferring(self: RequestHandler) -> Deferred[Any]:
    return succeed(self.get_argument("user", None))


@pytest.mark.parametrize(
    ("method", "stack"), [pair for pair in STACKS if authenticated in pair[1]], ids=named
)
@pytest.mark.parametrize(
    "base", [Later, At, type("Deferring", (Base,), {"get_current_user": deferring})]
)
def test_stacks_wait_for_the_user(base: Any, method: Method, stack: tuple[Method, ...]) -> None:
    for decorator in reversed(stack):
        method = decorator(method)
    handler: Any = type("Handler", (base,), {"get": method, "post": method})
    for verb, path, status, body in [
        ("GET", "/?user=ann", 200, b"done"),
        ("GET", "/", 302, b""),
        ("POST", "/?user=ann", 200, b"done"),
        ("POST", "/", 403, None),
    ]:
        if base is Later:
            handler.gate = Deferred()
        pending = client(handler).open(verb, path)
        if base is Later:
            assert not pending.complete
            handler.gate.callback(None)
        response = pending.response
        assert response.status == status
        assert body is None or response.body == body


def test_the_user_is_asked_for_once() -> None:
    asked: list[Any] = []

    class Handler(RequestHandler):
        async def get_current_user(self) -> Any:
            asked.append(self)
            return {"name": "ann"}

        async def prepare(self) -> None:
            # Without the decorator one awaits it, as often as one likes.
            if (await self.current_user)["name"] != (await self.current_user)["name"]:
                raise AssertionError

        @authenticated
        def get(self) -> None:
            self.write(self.current_user)

    assert client(Handler).get("/").json() == {"name": "ann"}
    assert len(asked) == 1


def test_a_user_assigned_meanwhile_stays() -> None:
    class Handler(Later):
        gate = Deferred()

        def prepare(self) -> None:
            handlers.append(self)

        @authenticated
        def get(self) -> None:
            self.write(self.current_user)

    handlers: list[Any] = []
    pending = client(Handler).open("GET", "/")
    handlers[0].current_user = "bob"
    Handler.gate.callback(None)
    assert pending.response.body == b"bob"


def test_a_user_that_cannot_be_found() -> None:
    class Handler(RequestHandler):
        async def get_current_user(self) -> Any:
            raise HTTPError(503)

        @authenticated
        def get(self) -> None:
            raise AssertionError("not reached")

    assert client(Handler).get("/").status == 503


def test_answered_while_the_user_is_looked_for() -> None:
    class Handler(Later):
        gate = Deferred()

        def prepare(self) -> None:
            handlers.append(self)

        @authenticated
        def get(self) -> None:
            raise AssertionError("not reached")

    handlers: list[Any] = []
    pending = client(Handler).open("GET", "/?user=ann")
    handlers[0].finish("early")
    Handler.gate.callback(None)
    assert pending.response.body == b"early"


def test_a_user_found_in_prepare() -> None:
    class Handler(RequestHandler):
        async def prepare(self) -> None:
            self.current_user = await succeed("ann")

        @authenticated
        def get(self) -> None:
            self.write(self.current_user)

    assert client(Handler).get("/").body == b"ann"


# --- slashes -------------------------------------------------------------------------------------


class Slashes(RequestHandler):
    @removeslash
    def get(self) -> None:
        self.write("got " + self.request.path)

    head = post = get


class NoSlashes(RequestHandler):
    @addslash
    def get(self) -> None:
        self.write("got " + self.request.path)

    head = post = get


SLASHES: list[tuple[type[RequestHandler], str, int, str | None]] = [
    (Slashes, "/x", 200, None),
    (Slashes, "/x/", 301, "/x"),
    (Slashes, "/x//", 301, "/x"),
    (Slashes, "/x/?a=b", 301, "/x?a=b"),
    (Slashes, "/", 200, None),
    (Slashes, "//", 200, None),  # nothing would be left
    (Slashes, "//evil.example/", 403, None),
    (Slashes, "///evil.example/x/", 403, None),
    (Slashes, "/\\evil.example/", 403, None),
    (NoSlashes, "/x/", 200, None),
    (NoSlashes, "/x", 301, "/x/"),
    (NoSlashes, "/x?a=b", 301, "/x/?a=b"),
    (NoSlashes, "/%2F%2Fx", 301, "/%2F%2Fx/"),
    (NoSlashes, "//evil.example", 403, None),
    (NoSlashes, "///evil.example", 403, None),
    (NoSlashes, "/\\evil.example", 403, None),
]


@pytest.mark.parametrize(("handler", "path", "status", "location"), SLASHES)
def test_class_10_slashes(
    handler: type[RequestHandler], path: str, status: int, location: str | None
) -> None:
    for method in ("GET", "HEAD"):
        connection = client(handler, ".*").connect()
        connection.send(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = connection.received.decode("latin-1")
        assert head.startswith(f"HTTP/1.1 {status} ")
        assert ("\r\nLocation: " in head) is (location is not None)
        if location is not None:
            assert f"\r\nLocation: {location}\r\n" in head


@pytest.mark.parametrize(("handler", "path"), [(Slashes, "/x/"), (NoSlashes, "/x")])
def test_other_methods_do_not_find_it(handler: type[RequestHandler], path: str) -> None:
    assert client(handler, ".*").post(path).status == 404


@pytest.mark.parametrize(("handler", "path"), [(Slashes, "/x"), (NoSlashes, "/x/")])
def test_other_methods_run_where_the_slash_is_right(
    handler: type[RequestHandler], path: str
) -> None:
    assert client(handler, ".*").post(path).status == 200


def test_slash_decorators_below_inline_callbacks() -> None:
    class Handler(RequestHandler):
        @inlineCallbacks
        @removeslash
        def get(self) -> Generator[Deferred[None], Any, None]:
            yield succeed(None)
            self.write("got")

    slashes = client(Handler, "/.*")
    assert slashes.get("/x/").headers["Location"] == "/x"
    assert slashes.get("/x").body == b"got"


# --- streaming -----------------------------------------------------------------------------------


def test_stream_request_body_marks_the_class() -> None:
    class Handler(RequestHandler):
        pass

    assert stream_request_body(Handler) is Handler
    assert Handler._stream_request_body
    assert not RequestHandler._stream_request_body


@pytest.mark.parametrize("cls", [object, int, "x", HTTPError, None])
def test_stream_request_body_takes_handlers_only(cls: Any) -> None:
    with pytest.raises(TypeError, match="subclass of RequestHandler"):
        stream_request_body(cls)


def test_streamed_pieces_arrive() -> None:
    pieces: list[bytes] = []

    @stream_request_body
    class Handler(RequestHandler):
        def data_received(self, chunk: bytes) -> None:
            pieces.append(chunk)

        def post(self) -> None:
            self.write(str(len(b"".join(pieces))))

    assert client(Handler).post("/", body=b"x" * 100_000).body == b"100000"
