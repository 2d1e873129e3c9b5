"""A chat with rooms, on one server process or on many.

::

    cyclone run app.py
    cyclone run app.py --port 8889 --appopts redis://localhost
    twistd -n cyclone -r app.Application        (in this directory)

Processes that are given the same Redis (or Valkey) are one chat.  What is where is said in the
README.
"""

import contextlib
import secrets
import time
import unicodedata
from pathlib import Path

from desk import Desk

import cyclone.web
from cyclone.channels import Channels, ChannelsError
from cyclone.escape import json_decode
from cyclone.websocket import WebSocketClosedError, WebSocketHandler

HERE = Path(__file__).parent
ROOMS = {"lobby": "Lobby", "workshop": "Workshop", "garden": "Garden"}
POLICY = (
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
LONGEST_NAME, LONGEST_TEXT = 24, 500
#: How many messages somebody may send at once, and how many seconds each takes to come back.
BURST, PAUSE = 5, 1.0


def tidy(text: str, longest: int) -> str:
    """A text on one line, without characters that cannot be seen, and not too long."""
    seen = "".join(" " if one.isspace() else one for one in text)
    seen = "".join(one for one in seen if unicodedata.category(one) not in ("Cc", "Cf", "Cs", "Co"))
    return " ".join(seen.split())[:longest].strip()


class PageHandler(cyclone.web.RequestHandler):
    """One of the two pages."""

    def initialize(self, template: str) -> None:
        self.template = template

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")

    def get(self) -> None:
        self.render(self.template, rooms=ROOMS, longest_name=LONGEST_NAME, longest=LONGEST_TEXT)


class SocketHandler(WebSocketHandler):
    """What both kinds of sockets do: say whether messages arrive, and end the watch."""

    def initialize(self, channels: Channels, desk: Desk) -> None:
        self.channels = channels
        self.desk = desk
        self.watch = None

    def open(self) -> None:
        self.channels.start()
        self.watch = self.channels.watch(self.tell_status)
        self.tell_status(self.channels.status)

    def tell_status(self, status) -> None:
        self.tell(type="status", state=status.state, lost=status.lost)

    def tell(self, **what) -> None:
        with contextlib.suppress(WebSocketClosedError):  # it is about to end
            self.write_message(what)

    def on_close(self) -> None:
        if self.watch is not None:
            self.watch.close()


class ChatHandler(SocketHandler):
    """Somebody in a room."""

    def open(self) -> None:
        self.name = tidy(self.get_argument("name", ""), LONGEST_NAME)
        room = self.get_argument("room", "lobby")
        if not self.name:
            self.close(4000, "a name is missing")
        elif room not in ROOMS:
            self.close(4004, "there is no such room")
        else:
            super().open()
            self.room, self.credit, self.since = room, float(BURST), time.monotonic()
            self.channels.subscribe(f"room:{room}", self, since="0")
            self.seat = self.desk.sit(self.name, room, self.people_changed)

    def on_close(self) -> None:
        super().on_close()
        if self.watch is not None:
            self.desk.leave(self.seat)

    def people_changed(self, people) -> None:
        """From the desk: somebody has come or gone."""
        names = sorted(
            (one["name"] for one in people if one["room"] == self.room), key=str.casefold
        )
        self.tell(type="people", names=names)

    async def on_message(self, message) -> None:
        text = self.text_of(message)
        if not text:
            self.tell(type="refused", text="That was no message.")
        elif not self.may_speak():
            self.tell(type="refused", text="Not so fast, please.", said=text)
        else:
            said = {
                "type": "message",
                "key": secrets.token_hex(8),
                "name": self.name,
                "text": text,
                "time": time.time(),
            }
            try:
                await self.channels.publish(f"room:{self.room}", said)
            except ChannelsError:
                self.tell(type="refused", text="That could not be sent just now.", said=text)

    def text_of(self, message) -> str:
        """What a message of the page says, "" if it makes no sense."""
        try:
            said = json_decode(message)
        except ValueError:
            return ""
        text = said.get("say") if isinstance(said, dict) else None
        return tidy(text, LONGEST_TEXT) if isinstance(text, str) else ""

    def may_speak(self) -> bool:
        """Whether it is not too much; counts."""
        now = time.monotonic()
        self.credit = min(BURST, self.credit + (now - self.since) / PAUSE)
        self.since = now
        if self.credit < 1:
            return False
        self.credit -= 1
        return True


class StatisticsHandler(SocketHandler):
    """Somebody who looks at the statistics: a line a second."""

    def open(self) -> None:
        super().open()
        self.desk.add_reader(self.tell_figures)

    def on_close(self) -> None:
        super().on_close()
        self.desk.remove_reader(self.tell_figures)

    def tell_figures(self, figures) -> None:
        self.tell(type="figures", rooms=ROOMS, **figures)


def Application(engine: str = "memory:?history=50") -> cyclone.web.Application:
    """The chat, over an engine of `cyclone.channels`."""
    channels = Channels(engine)
    shared = {"channels": channels, "desk": Desk(channels, [f"room:{room}" for room in ROOMS])}
    return cyclone.web.Application(
        [
            (r"/", PageHandler, {"template": "chat.html"}),
            (r"/statistics", PageHandler, {"template": "statistics.html"}),
            (r"/socket/chat", ChatHandler, shared),
            (r"/socket/statistics", StatisticsHandler, shared),
        ],
        template_path=str(HERE / "templates"),
        static_path=str(HERE / "static"),
        websocket_max_message_size=8192,
        websocket_ping_interval=20,
        websocket_ping_timeout=15,
        channels=channels,
    )
