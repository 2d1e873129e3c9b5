"""`SessionMixin`: ``self.session`` for handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cyclone._async import Settled, Waiter, resolve
from cyclone.log import app_log

from .configuration import Sessions
from .session import Session, now

__all__ = ["SessionMixin"]


class SessionMixin:
    """A mixin for handlers with sessions; put it before `RequestHandler`.

    Setting ``sessions`` says what they are like.  A session is saved when the response is finished,
    before any of it is sent; not when the response is an error of the server's (5xx).  A handler
    that sends its response piece by piece saves it before the first one, by ``await
    self.save_session()``; with stores that are synchronous ``flush()`` does so.
    """

    # What it uses of the handler.
    request: Any
    settings: Any
    require_setting: Callable[..., None]
    get_status: Callable[[], int]
    write: Callable[[Any], None]
    set_header: Callable[[str, Any], None]
    add_header: Callable[[str, Any], None]
    _failing: bool
    _finished: bool
    _headers_written: bool
    _headers: Any
    _new_cookies: Any
    _handle_request_exception: Callable[[Any], None]

    _session: Session | None = None
    _saving_session = False

    @property
    def sessions(self) -> Sessions:
        """Setting ``sessions``.

        Raises:
            Exception: there is none.
        """
        sessions = self.settings.get("sessions")
        if not isinstance(sessions, Sessions):
            raise Exception("You must define the 'sessions' setting, a Sessions, to use sessions")
        return sessions

    @property
    def session(self) -> Session:
        """The session of this request.

        With stores that are asynchronous it is to be awaited, once: ``await self.session``.
        """
        if self._session is None:
            self._session = Session(self.sessions, self)
        return self._session

    async def save_session(self) -> None:
        """Save the session now.

        Raises:
            RuntimeError: a cookie has to be set, and the response has begun.
            Exception: see `Session.save`.
        """
        session = self._session
        if session is None or not session.unsaved:
            return
        if self._headers_written and session.needs_cookie:
            raise RuntimeError("the response has begun: the cookie of the session cannot be set")
        await session.save()
        self._mark_response()

    def flush(self, include_footers: bool = False) -> Any:
        """Send what was written so far; see `RequestHandler.flush`.

        Raises:
            RuntimeError: the session has to be saved first: ``await self.save_session()``.
        """
        if not self._headers_written and not self._finished:
            if self._is_to_be_saved():
                if not self.sessions.store.synchronous:
                    raise RuntimeError("await self.save_session() before the response begins")
                now(self.save_session())
            self._mark_response()
        return super().flush(include_footers)  # type: ignore[misc]

    def finish(self, chunk: Any = None) -> Any:
        """Save the session, then end the response; see `RequestHandler.finish`."""
        finish: Callable[..., Any] = super().finish  # type: ignore[misc]
        if self._finished:
            return finish(chunk)  # which says so
        if chunk is not None:
            self.write(chunk)
        try:
            if self._is_to_be_saved():
                if not self.sessions.store.synchronous:
                    return self._save_and(finish)
                now(self.save_session())
        except Exception as error:
            self._not_saved(error)
        self._mark_response()
        return finish()

    def _is_to_be_saved(self) -> bool:
        session = self._session
        if session is None or self.get_status() >= 500 or not session.unsaved:
            return False
        if self._headers_written and session.needs_cookie:
            app_log.error("A session was changed after its response had begun, and is not saved")
            return False
        return True

    def _not_saved(self, error: BaseException) -> None:
        """The session cannot be saved: an error, unless it is another one that is answered."""
        if not self._failing:
            raise error
        app_log.error("Cannot save a session", exc_info=error)

    def _save_and(self, finish: Callable[[], Settled | Waiter]) -> Waiter:
        """Finish when the session has been saved.  For the handler the response has its end."""
        self._finished = self._saving_session = True
        waiter = Waiter()

        def end(error: BaseException | None = None) -> None:
            self._finished = self._saving_session = False
            try:
                if error is not None:
                    self._not_saved(error)
                resolve(finish(), lambda _: waiter.callback(None), lambda _: waiter.callback(None))
            except Exception as problem:
                self._handle_request_exception(problem)
                waiter.callback(None)

        resolve(self.save_session(), lambda _: end(), end)
        return waiter

    def _end(self) -> None:
        """Run `on_finish`, but not before the response has ended."""
        if not self._saving_session:
            super()._end()  # type: ignore[misc]

    def _mark_response(self) -> None:
        """Keep caches from giving a visitor's page to another."""
        session = self._session
        if session is None or not session.used or self._headers_written:
            return
        if "cookie" not in self._headers.get("Vary", "").lower():
            self.add_header("Vary", "Cookie")
        sets_cookie = self.sessions.cookie_name in (self._new_cookies or {})
        if sets_cookie and "Cache-Control" not in self._headers:
            self.set_header("Cache-Control", "private")
