"""A chat by long polling: requests that wait for what will be said next.

::

    cyclone run app.py --reload
    twistd -n cyclone -r app.Application        (in this directory)

It needs nothing but requests and responses, so it works through every proxy.
"""

import contextlib
import secrets
import time
from collections import deque
from pathlib import Path

from twisted.internet.defer import Deferred, TimeoutError

import cyclone.web

STATIC = Path(__file__).parent / "static"
POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class Room:
    """The last messages, and who waits for the next one.

    Messages are numbered; a client says with a cursor which one it saw last.  A cursor of a server
    that has been started anew since then counts as none.
    """

    def __init__(self, kept=100):
        self.life = secrets.token_hex(4)
        self.messages = deque(maxlen=kept)
        self.number = 0
        self.waiting = set()

    @property
    def cursor(self):
        """Where somebody is who has seen everything."""
        return f"{self.life}-{self.number}"

    def since(self, cursor):
        """What was said after `cursor`, as far as it is kept."""
        life, _, number = cursor.partition("-")
        known = life == self.life and number.isascii() and number.isdigit() and len(number) < 20
        seen = int(number) if known else 0
        return [message for message in self.messages if message["number"] > seen]

    def say(self, name, text):
        """Say something to all who wait, and keep it for the others."""
        self.number += 1
        message = {"number": self.number, "name": name, "text": text, "time": time.time()}
        self.messages.append(message)
        self.wake()
        return message

    def next(self):
        """A Deferred that fires when something is said; cancel it to wait no longer."""
        waiting = Deferred(self.waiting.discard)
        self.waiting.add(waiting)
        return waiting

    def wake(self):
        """Have all go on who wait."""
        waiting, self.waiting = self.waiting, set()
        for each in waiting:
            each.callback(None)


class MessagesHandler(cyclone.web.RequestHandler):
    """``GET``: what was said after ``cursor``, at once or as soon as there is something.
    ``POST``: say something."""

    cancel_on_disconnect = True  # a client that has gone waits for nothing
    max_body_size = 16384
    patience = 25  # seconds; many proxies give up after 30 or 60

    def initialize(self, room):
        self.room = room

    async def get(self):
        cursor = self.get_argument("cursor", "")
        if cursor == self.room.cursor:
            waiting = self.room.next()
            waiting.addTimeout(self.patience, self.application.clock)
            with contextlib.suppress(TimeoutError):  # an empty answer; the client asks again
                await waiting
        self.set_header("Cache-Control", "no-store")
        self.write({"messages": self.room.since(cursor), "cursor": self.room.cursor})

    def post(self):
        name = " ".join(self.get_body_argument("name").split())
        text = self.get_body_argument("text").strip()
        if not 0 < len(name) <= 40 or not 0 < len(text) <= 1000:
            raise cyclone.web.HTTPError(
                400, reason="A name has 1 to 40 characters, a message 1 to 1000"
            )
        self.set_status(201)
        self.write(self.room.say(name, text))


class PageHandler(cyclone.web.StaticFileHandler):
    """The page and what belongs to it."""

    def set_extra_headers(self, path):
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")


class Application(cyclone.web.Application):
    def __init__(self):
        handlers = [
            (r"/messages", MessagesHandler, {"room": Room()}),
            (r"/(.*)", PageHandler, {"path": STATIC, "default_filename": "index.html"}),
        ]
        # A server that stops does not keep those waiting who wait for what will be said.
        super().__init__(handlers, cross_origin_protection=True, drain_timeout=2)
