"""`Session`: the session of a request."""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine, Generator, Iterator, MutableMapping
from typing import Any

from cyclone._async import Waiter, failure_of, resolve
from cyclone.web import HTTPError

from .asking import StoreUnavailable
from .configuration import CookieStore, Loaded, Sessions
from .records import Changes, Record, SessionTooLarge, changes_between

__all__ = ["Session", "now"]

#: Browsers take a cookie whose name and value have so many bytes.
_LARGEST_COOKIE = 4096
_LONGEST_OWNER = 255
#: How often a change is tried again when other workers change the same session.
_ATTEMPTS = 25
#: What stands in place of a session that gets another id, for a moment; it is no session.
_MOVED = "null"
_MOVED_TTL = 60


def now(coroutine: Any) -> Any:
    """The result of a coroutine that does not wait.

    Raises:
        RuntimeError: it waits.
    """
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise RuntimeError("a store of sessions says that it is synchronous, and waits")


class Session(MutableMapping[str, Any]):
    """What is remembered of a visitor between requests: a dict with text as keys.

    Values are of JSON: text, numbers, booleans, None, lists, and dicts with text as keys.  They
    come back as such; a tuple comes back as a list.  It is loaded when it is first used, and saved
    before the response begins if it was changed, in depth, too.

    With stores that are asynchronous (`RedisStore`, `SQLStore`) ``await self.session`` comes first,
    once for each request, in the method or in ``prepare``.

    A session begins, and the cookie is set, when something is put into it.
    """

    def __init__(self, sessions: Sessions, handler: Any) -> None:
        self._sessions = sessions
        self._handler = handler
        self._loading: Waiter | None = None
        self._loaded: Loaded | None = None  # as it was found, None for one that is new
        self._record: Record | None = None
        self._before: dict[str, str] = {}
        self._changes_id = False
        self._logs_in = False
        self._destroyed = False
        self._new_id: str | None = None  # what it is called since this request

    # -- loading

    def __await__(self) -> Generator[Any, None, Session]:
        return self.load().__await__()

    async def load(self) -> Session:
        """Load it, unless it is loaded; ``await self.session`` does the same.

        Raises:
            Exception: what the store raises.
        """
        while self._record is None:
            if self._loading is None:
                self._loading = _waiter_for(self._find())
            try:
                await self._loading
            finally:
                self._loading = None
        return self

    async def _find(self) -> None:
        self._start_from(await self._sessions.load(self._handler))

    def _start_from(self, loaded: Loaded | None) -> None:
        self._loaded = loaded
        moment = self._sessions.clock()
        self._record = Record(moment, moment) if loaded is None else loaded.record
        self._before = self._record.snapshot()

    def _ready(self) -> Record:
        if self._record is None:
            if not self._sessions.store.synchronous:
                raise RuntimeError("the session has not been loaded: await self.session first")
            now(self._find())
        if self._record is None:
            raise RuntimeError("the session could not be loaded")
        return self._record

    # -- a mapping

    def __getitem__(self, key: str) -> Any:
        return self._ready().data[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._ready().data[key] = value

    def __delitem__(self, key: str) -> None:
        del self._ready().data[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._ready().data)

    def __len__(self) -> int:
        return len(self._ready().data)

    def __bool__(self) -> bool:
        """Whether anything is in it."""
        return bool(self._ready().data)

    def __repr__(self) -> str:
        state = "not loaded" if self._record is None else sorted(self._record.data)
        return f"<Session: {state}>"  # keys alone: it may end up in a log

    def set(self, name: str, value: Any) -> None:
        """As ``session[name] = value`` (pycket, of cyclone 1.x's demos)."""
        self[name] = value

    def delete(self, *names: str) -> None:
        """Remove some keys, if they are there (pycket)."""
        for name in names:
            self.pop(name, None)

    # -- what there is to know

    @property
    def is_new(self) -> bool:
        """Whether the request came without a session that is good."""
        self._ready()
        return self._loaded is None

    @property
    def owner(self) -> str | None:
        """Who has logged in, None for nobody."""
        return self._ready().owner

    @property
    def created(self) -> float:
        """When it began, in seconds since the epoch."""
        return self._ready().created

    @property
    def key(self) -> str | None:
        """What names it in `Sessions.sessions_of`, None for one that is not kept yet.

        It is no secret, and does not open the session.
        """
        self._ready()
        return self._loaded.key if self._loaded is not None else None

    # -- beginning and ending

    def rotate(self) -> None:
        """Give it another id, and keep what is in it.

        To be done whenever what the user may do changes: who knew the id before does not know it
        any more.
        """
        self._ready()
        self._changes_id = True

    #: Other frameworks' name.
    regenerate = rotate

    def login(self, owner: str) -> None:
        """Somebody has logged in: the id is rotated, and ``lifetime`` begins anew.

        Args:
            owner: who.  Text that stays the same, such as a number in a database.  What was in a
                session of somebody else is forgotten.

        Raises:
            TypeError: it is no text.
            ValueError: it is empty, not printable, or longer than 255 characters.
        """
        if not isinstance(owner, str):
            raise TypeError(f"the owner of a session is text, not {owner!r}")
        if not 0 < len(owner) <= _LONGEST_OWNER or not owner.isprintable():
            raise ValueError(f"an owner has 1 to {_LONGEST_OWNER} printable characters")
        record = self._ready()
        if record.owner not in (None, owner):
            record.data.clear()
        record.owner = owner
        record.created = self._sessions.clock()
        self._destroyed = False
        self._logs_in = True
        self.rotate()

    def logout(self) -> None:
        """End it, and forget what is in it.  Something put into it later begins another."""
        record = self._ready()
        record.data.clear()
        record.owner = None
        self._destroyed = True

    #: Other frameworks' names.
    destroy = invalidate = logout

    # -- saving

    @property
    def used(self) -> bool:
        """Whether it has been loaded."""
        return self._record is not None

    @property
    def unsaved(self) -> bool:
        """Whether there is something to save.

        Raises:
            TypeError: a value is not of JSON.
        """
        record = self._record
        if record is None:
            return False
        if self._loaded is None:
            return bool(record.data or record.owner)
        return bool(
            self._destroyed
            or self._changes_id
            or changes_between(self._before, record)
            or self._is_to_be_touched(record)
        )

    @property
    def needs_cookie(self) -> bool:
        """Whether what is to be saved cannot do without a cookie being set."""
        cookie = isinstance(self._sessions.store, CookieStore)
        return self._loaded is None or self._destroyed or self._changes_id or cookie

    def _is_to_be_touched(self, record: Record) -> bool:
        """Whether the store should know that it is used; that need not be exact."""
        idle = self._sessions.idle
        return idle is not None and self._sessions.clock() - record.seen >= idle / 20

    async def save(self) -> None:
        """Save what has changed, and set the cookie.

        Raises:
            SessionTooLarge: too much is in it.
            TypeError: a value is not of JSON.
            Exception: what the store raises.
        """
        record = self._record
        if record is None or not self.unsaved:
            return
        if self._destroyed:
            record = await self._end(record)
            if not (record.data or record.owner):
                return
        changes = changes_between(self._before, record)
        record.seen = self._sessions.clock()
        record.revision += 1
        if isinstance(self._sessions.store, CookieStore):
            self._save_in_cookie(record)
        elif self._loaded is None or self._changes_id:
            await self._save_as_new(record, changes)
        else:
            await self._save_in_turn(record, changes, self._loaded)
        self._changes_id = self._logs_in = False

    async def _end(self, record: Record) -> Record:
        """End the session; what has been put into it since begins another."""
        loaded, store = self._loaded, self._sessions.store
        if loaded is not None and not isinstance(store, CookieStore):
            await self._sessions.ask(store.delete, loaded.key, self._owner_in(loaded))
        self._sessions.clear_cookie(self._handler)
        self._start_from(None)
        self._destroyed = self._changes_id = False
        fresh = self._ready()
        fresh.owner, fresh.data = record.owner, record.data
        return fresh

    def _save_in_cookie(self, record: Record) -> None:
        name, text = self._sessions.cookie_name, self._encoded(record)
        value = self._handler.create_signed_value(name, text, version=2).decode("ascii")
        size = len(name) + len(value) + 2  # it may need quotes
        if size > _LARGEST_COOKIE:
            message = f"a session in a cookie of {size} bytes: browsers take {_LARGEST_COOKIE}"
            raise SessionTooLarge(message)
        self._sessions.set_cookie(self._handler, value, record)
        self._keep("", text, record)

    async def _save_as_new(self, record: Record, changes: Changes) -> None:
        """Save it under another id.

        What others have changed meanwhile comes along.  A session that has ended meanwhile stays
        ended, unless somebody has just logged in.
        """
        store: Any = self._sessions.store
        ask, old = self._sessions.ask, self._loaded
        for _ in range(_ATTEMPTS):
            session_id, key = self._sessions.new_id()
            text, ttl = self._encoded(record), self._ttl(record)
            if not await ask(store.swap, key, None, text, ttl, record.owner):
                raise RuntimeError("the store of sessions has not taken a new one")
            # Both are there now: whoever ends this one finds the new one, too, or is found out.
            if old is None or await ask(store.swap, old.key, old.text, _MOVED, _MOVED_TTL, None):
                if old is not None:
                    with contextlib.suppress(HTTPError):  # nobody can use it any more
                        await ask(store.delete, old.key, self._owner_in(old))
                self._new_id = session_id
                self._sessions.set_cookie(self._handler, session_id, record)
                self._keep(key, text, record)
                return
            await ask(store.delete, key, record.owner)
            current = await ask(store.load, old.key)
            old = None if current is None else self._sessions.read(old.key, current)
            if old is not None:
                if old.record.owner in (None, record.owner):  # not what is somebody else's
                    changes.apply(old.record.data)
                    record.data = old.record.data
                record.revision = old.record.revision + 1
            elif not self._logs_in:
                self._start_from(None)
                return
        raise RuntimeError("a session is changed by too many requests at once")

    async def _save_in_turn(self, record: Record, changes: Changes, loaded: Loaded) -> None:
        ask = self._sessions.ask
        await ask.take_turn(loaded.key)
        try:
            await self._save_changes(record, changes, loaded)
        except StoreUnavailable as error:
            ask.end_turn(loaded.key, error)
            raise
        except BaseException:
            ask.end_turn(loaded.key)
            raise
        ask.end_turn(loaded.key)

    async def _save_changes(self, record: Record, changes: Changes, loaded: Loaded) -> None:
        """Save what this request has changed, and leave what others have.

        A session that has ended meanwhile stays ended.
        """
        store: Any = self._sessions.store
        old, text = loaded.text, self._encoded(record)
        for _ in range(_ATTEMPTS):
            ttl = self._ttl(record)
            if await self._sessions.ask(store.swap, loaded.key, old, text, ttl, record.owner):
                self._keep(loaded.key, text, record)
                self._renew_cookie(record)
                return
            current = await self._sessions.ask(store.load, loaded.key)
            found = None if current is None else self._sessions.read(loaded.key, current)
            if found is None:
                self._start_from(None)
                return
            record = found.record
            changes.apply(record.data)
            record.seen = max(record.seen, self._sessions.clock())
            record.revision += 1
            old, text = found.text, self._encoded(record)
        raise RuntimeError("a session is changed by too many requests at once")

    def _renew_cookie(self, record: Record) -> None:
        """A cookie that stays has to stay for longer."""
        sessions, handler = self._sessions, self._handler
        if sessions.persistent and not handler._headers_written:
            session_id = self._new_id or handler.get_cookie(sessions.cookie_name)
            sessions.set_cookie(handler, session_id, record)

    def _owner_in(self, loaded: Loaded) -> str | None:
        """Whose it was when it was loaded: a login may have changed that."""
        before = Record.decode(loaded.text)
        return None if before is None else before.owner

    def _keep(self, key: str, text: str, record: Record) -> None:
        self._record = record
        self._loaded = Loaded(key, text, record)
        self._before = record.snapshot()

    def _encoded(self, record: Record) -> str:
        text = record.encode()
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > self._sessions.max_size:
            limit = self._sessions.max_size
            raise SessionTooLarge(f"a session of {size} bytes, where {limit} are allowed")
        return text

    def _ttl(self, record: Record) -> float | None:
        sessions = self._sessions
        return record.remaining(sessions.clock(), sessions.idle, sessions.lifetime)


def _waiter_for(work: Coroutine[Any, Any, None]) -> Waiter:
    """Something that several may await, in tasks of asyncio, too."""
    waiter = Waiter()
    resolve(
        work,
        lambda _: waiter.callback(None),
        lambda error: waiter.errback(failure_of(error)),
    )
    return waiter
