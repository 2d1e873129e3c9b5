"""`Sessions`: a store, a cookie, and how long sessions live."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .asking import Asking
from .records import Record, is_session_id, make_session_id, store_key
from .stores import SessionStore

__all__ = ["CookieStore", "Loaded", "SessionInfo", "Sessions"]

_COOKIE_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: How often `Sessions.end_all` looks for sessions that are left.
_PASSES = 25
_SAMESITE = ("Strict", "Lax", "None")


class CookieStore:
    """Keeps sessions nowhere but in the browser: in a signed cookie.

    Setting ``cookie_secret`` signs it.  The user can read what is in the session, and cannot change
    it.  Nothing on the server knows of it: a copy of the cookie is good until it expires, after a
    logout, too, and of two requests at the same time the later response wins as a whole.  About
    3000 bytes of JSON fit.
    """

    synchronous = True


@dataclass(frozen=True)
class Loaded:
    """A session that was found.

    Attributes:
        key: what it is kept under, "" for one in a cookie.
        text: as it is kept.
    """

    key: str
    text: str
    record: Record


@dataclass(frozen=True)
class SessionInfo:
    """One of somebody's sessions.

    Attributes:
        key: names it for `Sessions.end`; it is no secret, and does not open the session.
        created: when it began, in seconds since the epoch.
        seen: when it was last used, give or take a twentieth of ``idle``.
        data: what is in it.
    """

    key: str
    created: float
    seen: float
    data: dict[str, Any]


class Sessions:
    """What the sessions of an application are like; its setting ``sessions``.

    Args:
        store: a `CookieStore`, `MemoryStore`, `RedisStore`, `SQLStore` or other `SessionStore`.
        cookie_name: of the cookie.
        idle: seconds after which a session ends that is not used; None for never.
        lifetime: seconds after which a session ends in any case, counted from the login; None for
            never.
        max_size: bytes of JSON that a session may have.
        persistent: browsers keep the cookie when they are closed, for as long as the session is
            good.
        secure: browsers send the cookie over https alone; None for doing so where the request came
            by https (see `xheaders`).
        samesite: ``Lax``, ``Strict`` or ``None``: from which pages of other sites it is sent.
        host_prefix: name the cookie ``__Host-`` and its name, so that other hosts of the domain
            cannot set it; for https alone.
        path, domain: of the cookie.
        timeout: seconds that the store may take for an answer, None for any time.  Beyond it, and
            when the store fails, the answer is 503 (`StoreUnavailable`).
        max_pending: answers of the store that may be awaited at a time, further requests get 503 at
            once.
        clock: tells the seconds since the epoch.

    Raises:
        ValueError: an argument that cannot be.
    """

    def __init__(
        self,
        store: SessionStore | CookieStore,
        *,
        cookie_name: str = "session",
        idle: float | None = 86400,
        lifetime: float | None = 30 * 86400,
        max_size: int = 65536,
        persistent: bool = False,
        secure: bool | None = None,
        samesite: str = "Lax",
        host_prefix: bool = False,
        path: str = "/",
        domain: str | None = None,
        timeout: float | None = 5,
        max_pending: int = 1000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        times = {"idle": idle, "lifetime": lifetime, "timeout": timeout}
        _check(cookie_name, max_size, max_pending, samesite, **times)
        if host_prefix and (path != "/" or domain or secure is False):
            raise ValueError("a __Host- cookie is secure, has path / and no domain")
        if samesite == "None" and secure is False:
            raise ValueError("browsers take a cookie with SameSite=None only if it is secure")
        self.store = store
        self.cookie_name = f"__Host-{cookie_name}" if host_prefix else cookie_name
        self.idle = idle
        self.lifetime = lifetime
        self.max_size = max_size
        self.persistent = persistent
        self.secure = True if host_prefix or samesite == "None" else secure
        self.samesite = samesite
        self.path = path
        self.domain = domain
        self.clock = clock
        self.ask = Asking(timeout, max_pending)

    # -- finding a session

    async def load(self, handler: Any) -> Loaded | None:
        """The session that a request belongs to, None when there is none or it has ended.

        An id that is not known is not taken over, whoever has made it up.
        """
        cookie = handler.get_cookie(self.cookie_name)
        self.ask.clock = handler.application.clock
        if not cookie:
            return None
        store = self.store
        if isinstance(store, CookieStore):
            # What is too old is found out below.
            signed = handler.get_signed_cookie(
                self.cookie_name, max_age_days=float(10**6), min_version=2
            )
            return None if signed is None else self.read("", signed.decode("utf-8", "replace"))
        if not is_session_id(cookie):
            return None
        key = store_key(cookie)
        text = await self.ask(store.load, key)
        return None if text is None else self.read(key, text)

    def read(self, key: str, text: str) -> Loaded | None:
        """A session out of what is kept, None when it has ended."""
        record = Record.decode(text)
        if record is None or not record.is_live(self.clock(), self.idle, self.lifetime):
            return None
        return Loaded(key, text, record)

    # -- somebody's sessions

    async def sessions_of(self, owner: str) -> list[SessionInfo]:
        """Somebody's sessions, the one that was used last first.

        Args:
            owner: as given to ``session.login()``.

        Raises:
            TypeError: the store is a `CookieStore`, where nobody knows.
        """
        store = self._server_store()
        found = []
        for key in await self.ask(store.keys_of, owner):
            text = await self.ask(store.load, key)
            loaded = None if text is None else self.read(key, text)
            if loaded is not None and loaded.record.owner == owner:
                record = loaded.record
                found.append(SessionInfo(key, record.created, record.seen, record.data))
        return sorted(found, key=lambda info: (info.seen, info.created), reverse=True)

    async def end(self, key: str, owner: str) -> bool:
        """End one of somebody's sessions.

        Args:
            key: of a `SessionInfo`.

        Returns:
            whether it was one of theirs.

        Raises:
            TypeError: the store is a `CookieStore`.
        """
        store = self._server_store()
        text = await self.ask(store.load, key) if key else None
        record = None if text is None else Record.decode(text)
        if record is None or record.owner != owner:
            return False
        await self.ask(store.delete, key, owner)
        return True

    async def end_all(self, owner: str, but: str | None = None) -> int:
        """End somebody's sessions, as after a change of the password.

        Args:
            but: key of one that is to stay.

        Returns:
            how many there were.

        Raises:
            TypeError: the store is a `CookieStore`.
        """
        store, ended = self._server_store(), 0
        for _ in range(_PASSES):
            keys = [key for key in await self.ask(store.keys_of, owner) if key != but]
            found = sum([await self.end(key, owner) for key in keys])
            ended += found
            if not found:  # none has got another id meanwhile
                break
        return ended

    def _server_store(self) -> SessionStore:
        if isinstance(self.store, CookieStore):
            raise TypeError("sessions in cookies cannot be listed or ended from afar")
        return self.store

    # -- the cookie

    def set_cookie(self, handler: Any, value: str, record: Record) -> None:
        """Send the cookie."""
        age = None
        if self.persistent:
            left = record.remaining(self.clock(), self.idle, self.lifetime)
            age = 400 * 86400 if left is None else int(left)  # browsers keep none for longer
        handler.set_cookie(self.cookie_name, value, max_age=age, **self._attributes(handler))

    def clear_cookie(self, handler: Any) -> None:
        """Have the browser forget it."""
        handler.clear_cookie(self.cookie_name, **self._attributes(handler))

    def _attributes(self, handler: Any) -> dict[str, Any]:
        secure = handler.request.protocol == "https" if self.secure is None else self.secure
        return {
            "path": self.path,
            "domain": self.domain,
            "httponly": True,
            "secure": secure,
            "samesite": self.samesite,
        }

    def new_id(self) -> tuple[str, str]:
        """A new id, and the key for it."""
        session_id = make_session_id()
        return session_id, store_key(session_id)


def _check(
    cookie_name: str, max_size: int, max_pending: int, samesite: str, **times: float | None
) -> None:
    if not _COOKIE_NAME.fullmatch(cookie_name):
        raise ValueError(f"not the name of a cookie: {cookie_name!r}")
    for name, seconds in times.items():
        if seconds is not None and seconds <= 0:
            raise ValueError(f"{name} must be above 0 or None, not {seconds}")
    for name, count in (("max_size", max_size), ("max_pending", max_pending)):
        if count < 1:
            raise ValueError(f"{name} must be at least 1, not {count}")
    if samesite not in _SAMESITE:
        raise ValueError(f"samesite must be of {', '.join(_SAMESITE)}, not {samesite!r}")
