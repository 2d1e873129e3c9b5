"""What an `Exchange` asks of the objects that it is given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from twisted.internet.defer import Deferred

__all__ = ["BodyConsumer", "Fields", "StatusLine"]


class Fields(Protocol):
    """What `Exchange.write_headers` asks of header fields; `httputil.HTTPHeaders` is that."""

    def get_all(self) -> Iterable[tuple[str, str]]: ...

    def __contains__(self, name: object) -> bool: ...

    def __getitem__(self, name: str) -> str: ...

    def __iter__(self) -> Iterator[Any]: ...


class StatusLine(Protocol):
    """What `Exchange.write_headers` asks of a start line; `httputil.ResponseStartLine` is that."""

    @property
    def code(self) -> int: ...

    @property
    def reason(self) -> str: ...


class BodyConsumer(Protocol):
    """Takes a request body.  See `Exchange.read_body`.

    The first two may raise `BadRequest`, and the Deferred may fail with it: the request is refused.

    A consumer that never has the next piece wait may have a method ``whole(body)``: it is called
    instead of the first two when the body has come with its head.
    """

    def data_received(self, chunk: bytes) -> Deferred[Any] | None:
        """A piece of the body.  The next one waits for the Deferred, if there is one."""

    def finish(self) -> None:
        """The body is complete."""

    def aborted(self) -> None:
        """The body will not be completed: the peer is gone, was refused, or has its response."""
