"""What the generated functions use while they make a page."""

from __future__ import annotations

import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from twisted.python.failure import Failure

from cyclone._async import (
    HandlerErrors,
    Waiter,
    exception_of,
    failure_of,
    is_pending,
    settle,
    spawn,
)
from cyclone.escape import xhtml_escape

__all__ = ["PAUSED", "Rendering", "Run", "rest_of", "text"]

#: What is written by `str` without further questions.
_PLAIN = frozenset((int, float, bool, type(None)))


def text(value: Any) -> Any:
    """Return `value` as an exact str; if it is pending (a Deferred, an awaitable), as it is.

    Raises:
        UnicodeDecodeError: it is bytes, and no UTF-8.
    """
    if type(value) in _PLAIN:
        return str(value)
    if isinstance(value, str):
        return str.__str__(value)  # what it holds, whatever a subclass says
    if isinstance(value, bytes):
        return value.decode()
    # A generator has nothing to wait for; Tornado writes its repr too.
    if is_pending(value) and not isinstance(value, types.GeneratorType):
        return value
    return str.__str__(str(value))


def finish(out: list[str], escape: Callable[[Any], Any]) -> bytes:
    """Join pairs of text as it is and text to be escaped.

    All values are escaped at once: joined by NUL characters, which a page does not hold, and split
    again.  If one does hold some, or if the application has an `escape` of its own, each is
    escaped by itself.
    """
    if not out:
        return b""
    if escape is xhtml_escape:
        values = "\0".join(out[1::2])
        if values.count("\0") == len(out) // 2 - 1:
            out[1::2] = xhtml_escape(values).split("\0")
        else:
            out[1::2] = map(xhtml_escape, out[1::2])
    else:
        # As in Tornado, such a function is given bytes.
        out[1::2] = [value and str_of(escape(value.encode())) for value in out[1::2]]
    return "".join(out).encode()


def str_of(escaped: str | bytes) -> str:
    """What an escape function returned, as str."""
    return escaped if isinstance(escaped, str) else escaped.decode()


class _Paused:
    """Yielded by a page that has to wait before anything is there that could wait for it."""

    def __await__(self) -> Generator[Any, None, None]:
        yield self


PAUSED = _Paused()


class Run:
    """One page being made.

    Attributes:
        out: the pairs so far.
        waits: whether the page is made where it can wait.
        before_wait: called before the page waits; may be asynchronous.
    """

    __slots__ = ("before_wait", "escape", "out", "waits")

    def __init__(self, escape: Callable[[Any], Any], *, waits: bool) -> None:
        self.escape = escape
        self.out: list[str] = []
        self.waits = waits
        self.before_wait: Callable[[], Any] | None = None

    def finish(self, out: list[str]) -> bytes:
        """Escape and join what a function has put out."""
        return finish(out, self.escape)

    def join(self, out: list[str]) -> bytes:
        """Join what a function has put out, in which nothing is to be escaped."""
        return "".join(out).encode()

    def take(self) -> bytes:
        """Take what is there so far out of the page."""
        ready = self.finish(self.out)
        self.out.clear()
        return ready

    async def begin(self) -> None:
        """Go on where it is possible to wait."""
        if not self.waits:
            await PAUSED

    async def wait(self, value: Any) -> Any:
        """The result of something pending."""
        await self.begin()
        if self.before_wait is not None:
            await settle(self.before_wait())
        return await settle(value)

    async def text_of(self, value: Any) -> str:
        """The result of something pending, as str."""
        while type(value) is not str:
            value = text(await self.wait(value))
        return value


class _Rest:
    """The rest of a coroutine that has made its first step."""

    __slots__ = ("_coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()


def rest_of(coroutine: Coroutine[Any, Any, Any]) -> _Rest:
    """An awaitable of the rest of a coroutine that is `PAUSED`: Python lets nobody await it."""
    return _Rest(coroutine)


class Rendering(Waiter):
    """A page that is not there yet: a Deferred that may be awaited anywhere.

    It goes on by itself.  Cancelling it cancels what the page waits for.

    Args:
        work: makes the page; begins at once.
        unheard: is given the exception when `work` fails and nobody waits for the result.
    """

    def __init__(
        self,
        work: Coroutine[Any, Any, Any],
        unheard: Callable[[BaseException], None] | None = None,
    ) -> None:
        super().__init__(self._is_heard)
        self._unheard = unheard
        self._running = spawn(self._run(work))

    def _is_heard(self, _: Waiter) -> None:
        self._unheard = None

    async def _run(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            result: Any = await work
        except HandlerErrors as error:
            unheard = self._unheard
            if unheard is None:
                self.errback(failure_of(error))
            else:
                self.callback(None)
                unheard(error)
        else:
            self.callback(result)

    def outcome(self) -> Any:
        """The result, once it is there; raises what went wrong."""
        results: list[Any] = []
        self.addBoth(results.append)
        if isinstance(results[0], Failure):
            raise exception_of(results[0])
        return results[0]

    def cancel(self) -> None:
        """Stop making the page."""
        if not self.called:
            self._running.cancel()
        super().cancel()
