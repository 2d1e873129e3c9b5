"""What the tests of events share: a client in memory that reads them as browsers do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cyclone.sse import SSEHandler
from cyclone.testing import Client, PendingResponse
from cyclone.web import Application


class Got(NamedTuple):
    """An event as a page gets it."""

    data: str
    type: str = "message"
    id: str = ""


@dataclass
class EventParser:
    """Reads a stream as WHATWG HTML section 9.2.6 says, a line at a time."""

    last_id: str = ""
    retry: int | None = None
    comments: int = 0
    events: list[Got] = field(default_factory=list)
    _data: list[str] = field(default_factory=list)
    _type: str = ""

    def feed(self, stream: bytes) -> list[Got]:
        """Read whole lines; all events so far."""
        text = stream.decode("utf-8", "replace")
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line in lines[:-1]:
            self._line(line)
        return self.events

    def _line(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            self._dispatch()
        elif not name:
            self.comments += 1
        elif name == "data":
            self._data.append(value)
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self.last_id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value)

    def _dispatch(self) -> None:
        if self._data:
            event = Got("\n".join(self._data), self._type or "message", self.last_id)
            self.events.append(event)
        self._data, self._type = [], ""


class Stage:
    """An application with one handler class, a client, and the handlers it has made.

    Attributes:
        handlers: those that were bound, in order.
        notes: what was noted.
    """

    def __init__(self, handler: type[SSEHandler], **settings: Any) -> None:
        self.handlers: list[Any] = []
        self.notes: list[Any] = []
        stage = self

        class Staged(handler):  # type: ignore[misc,valid-type]
            notes = stage.notes

            def initialize(self) -> None:
                super().initialize()
                stage.handlers.append(self)

        self.app = Application([(r"/(?:room/(\w+))?", Staged)], **settings)
        self.client = Client(self.app)

    def open(self, path: str = "/", **headers: str) -> PendingResponse:
        """Ask for the stream, as a browser does."""
        fields = {"Accept": "text/event-stream"}
        fields.update({name.replace("_", "-"): value for name, value in headers.items()})
        return self.client.open("GET", path, headers=fields)


class Noting(SSEHandler):
    """Notes `bind` and `unbind`."""

    notes: list[Any]

    def bind(self, *args: Any) -> Any:
        self.notes.append("bind")

    def unbind(self) -> Any:
        self.notes.append("unbind")


def events(response: PendingResponse) -> list[Got]:
    """What a page has got so far."""
    return EventParser().feed(response.received)
