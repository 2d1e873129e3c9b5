"""A request body on its way to a handler that takes it piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from cyclone._async import HandlerErrors, as_deferred, exception_of
from cyclone.http1 import PeerGone

__all__ = ["BodyStream"]


class BodyStream:
    """Gives a body to a handler piece by piece.

    Attributes:
        ended: fires when the body is complete; fails when `data_received` does, or with
            `PeerGone`.
    """

    __slots__ = ("_receive", "ended")

    def __init__(self, receive: Callable[[bytes], Any]) -> None:
        self._receive = receive
        self.ended: Deferred[None] = Deferred()

    def data_received(self, chunk: bytes) -> Deferred[Any] | None:
        if self.ended.called:
            return None  # it has failed; what still comes concerns nobody
        try:
            waiting = as_deferred(self._receive(chunk))
        except HandlerErrors as error:
            self._fail(error)
            return None
        if waiting is not None:
            waiting.addErrback(self._failed)
        return waiting

    def finish(self) -> None:
        if not self.ended.called:
            self.ended.callback(None)

    def aborted(self) -> None:
        """The body will not be completed."""
        self._fail(PeerGone())

    def _failed(self, failure: Failure) -> None:
        self._fail(exception_of(failure))

    def _fail(self, error: BaseException) -> None:
        if not self.ended.called:
            self.ended.errback(error)
