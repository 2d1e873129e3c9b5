"""Sessions: what is remembered of a visitor between requests.

::

    class Counter(SessionMixin, RequestHandler):
        async def get(self):
            session = await self.session
            session["visits"] = session.get("visits", 0) + 1
            self.write(f"visit {session['visits']}")

    application = Application([(r"/", Counter)], sessions=Sessions(MemoryStore()))

The rooms behind this face::

    mixin           SessionMixin: saving before the response begins
    session         Session: the session of a request
    configuration   Sessions: the store, the cookie, how long; CookieStore
    asking          stores that fail, or take too long
    stores          SessionStore, MemoryStore
    redisstore      RedisStore, over a connection that is passed in
    sqlstore        SQLStore, over a pool that is passed in
    records         how a session is written down; pure
"""

from __future__ import annotations

from .asking import StoreUnavailable
from .configuration import CookieStore, SessionInfo, Sessions
from .mixin import SessionMixin
from .records import SessionTooLarge
from .redisstore import RedisStore
from .session import Session
from .sqlstore import SQLStore
from .stores import MemoryStore, SessionStore

__all__ = [
    "CookieStore",
    "MemoryStore",
    "RedisStore",
    "SQLStore",
    "Session",
    "SessionInfo",
    "SessionMixin",
    "SessionStore",
    "SessionTooLarge",
    "Sessions",
    "StoreUnavailable",
]
