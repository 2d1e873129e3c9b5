"""Which worker answers?  One application on many processes, which share a counter and a feed.

::

    python run.py                               everything: workers, a Redis, nginx in front
    cyclone run app.py                          one process, and its memory
    cyclone run app.py --workers 3 --appopts redis://localhost
    twistd -n cyclone -r app.Application        (in this directory)

What is where is said in the README.
"""

import contextlib
import hashlib
import ipaddress
import json
import os
import secrets
import signal
import socket
import time
import unicodedata
from pathlib import Path
from urllib.parse import unquote, urlsplit

from twisted.internet.defer import ensureDeferred
from twisted.internet.task import deferLater

import cyclone.sse
import cyclone.util
import cyclone.web
from cyclone.channels import Channels, ChannelsError
from cyclone.web import HTTPError
from cyclone.websocket import WebSocketClosedError, WebSocketHandler

HERE = Path(__file__).parent
POLICY = (
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
LONGEST_TEXT = 200
#: Seconds that a slow request may take.
SLOWEST = 10.0
#: How many events of the feed are kept for those who come, or come back.
HISTORY = 100
#: Seconds to wait for a Redis that does not answer.
PATIENCE = 3
#: How much there is to compute for one request of a load: some milliseconds.
ROUNDS = 10_000
#: Seconds between the answer to somebody who has a worker die, and its death.
LAST_BREATH = 0.1


class StoreAway(Exception):
    """What the workers share is out of reach."""


class OwnCounter:
    """A counter in the memory of this process."""

    def __init__(self):
        self.count = 0

    async def add(self, number):
        self.count += number
        return self.count


class SharedCounter:
    """A counter in a Redis or Valkey, at ``redis://[:password@]host:port`` or ``unix:///path``."""

    key = "cyclone-scale:count"

    def __init__(self, url):
        import cyclone.redis

        self.away = cyclone.redis.ConnectionError
        parts = urlsplit(url)
        if parts.scheme not in ("redis", "unix") or parts.query or parts.username:
            raise ValueError(f"{url!r} is neither redis://[:password@]host:port nor unix:///path")
        options = {"poolsize": 2, "poolTimeout": PATIENCE}
        if parts.password:
            options["password"] = unquote(parts.password)
        if parts.scheme == "unix":
            self.pool = cyclone.redis.lazyUnixConnectionPool(unquote(parts.path), **options)
        else:
            place = parts.hostname or "localhost", parts.port or 6379
            self.pool = cyclone.redis.lazyConnectionPool(*place, **options)

    async def add(self, number):
        try:
            return await self.pool.incrby(self.key, number)
        except self.away as error:
            raise StoreAway(str(error)) from error


class Crew:
    """This worker, and what it shares with the others.

    Attributes:
        me: who this is, as the pages are told.
    """

    def __init__(self, store, clock, die):
        self.me = {
            "worker": cyclone.util.worker_id(),
            "pid": os.getpid(),
            "machine": socket.gethostname(),
        }
        if store:
            self.counter = SharedCounter(store)
            options = f"prefix=cyclone-scale:&history={HISTORY}&timeout={PATIENCE}"
            self.channels = Channels(f"{store}?{options}")
        else:
            self.counter = OwnCounter()
            self.channels = Channels(f"memory:?history={HISTORY}")
        self.die = die
        self._clock = clock

    @property
    def clock(self):
        if self._clock is None:
            from twisted.internet import reactor

            self._clock = reactor
        return self._clock

    async def tell(self, kind, **what):
        """Put something into the feed of all pages at all workers.

        Raises:
            StoreAway: it may not have been told.
        """
        event = {"kind": kind, "key": secrets.token_hex(8), "time": time.time(), **self.me, **what}
        try:
            await self.channels.publish("feed", event)
        except ChannelsError as error:
            raise StoreAway(str(error)) from error

    async def announce(self):
        """Say that this worker has begun; that is nice to know, and no more."""
        with contextlib.suppress(StoreAway):
            await self.tell("started")


class Handler(cyclone.web.RequestHandler):
    """What all requests have in common: who has answered is in each response."""

    def initialize(self, crew):
        self.crew = crew

    def set_default_headers(self):
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")

    @property
    def is_near(self):
        """Whether the visitor sits at this machine."""
        with contextlib.suppress(ValueError):
            address = ipaddress.ip_address(self.request.remote_ip)
            mapped = getattr(address, "ipv4_mapped", None)
            return (mapped or address).is_loopback
        return False

    def answer(self, **what):
        self.write({**self.crew.me, **what})

    def write_error(self, status_code, **kwargs):
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, StoreAway):
            self.set_status(503, "The Redis is away")
            self.set_header("Retry-After", "1")
        text = error.get_message() if isinstance(error, HTTPError) else None
        self.finish({**self.crew.me, "error": text or self._reason})

    def log_exception(self, kind, error, trace):
        """A Redis that is away is nobody's mistake here."""
        if not isinstance(error, StoreAway):
            super().log_exception(kind, error, trace)


class PageHandler(Handler):
    """The page."""

    def get(self):
        self.render("index.html", me=self.crew.me, near=self.is_near, longest=LONGEST_TEXT)


class CountHandler(Handler):
    """Adds one to what all workers count."""

    async def post(self):
        count = await self.crew.counter.add(1)
        await self.crew.tell("count", count=count)
        self.answer(count=count)

    async def get(self):
        self.answer(count=await self.crew.counter.add(0))


class SayHandler(Handler):
    """Puts a line of a visitor into the feed."""

    async def post(self):
        text = " ".join(self.get_body_argument("text").split())
        if not text or any(unicodedata.category(one) in ("Cc", "Cs") for one in text):
            raise HTTPError(400, "there is nothing to say")
        if len(text) > LONGEST_TEXT:
            raise HTTPError(400, f"at most {LONGEST_TEXT} characters, please")
        await self.crew.tell("said", text=text)
        self.answer()


class WorkHandler(Handler):
    """A request that keeps a processor busy for some milliseconds, and so its worker."""

    def post(self):
        hashlib.pbkdf2_hmac("sha256", b"work", b"salt", ROUNDS)
        self.answer()


class SlowHandler(Handler):
    """A request that waits; its worker goes on with others meanwhile."""

    async def post(self):
        try:
            seconds = float(self.get_body_argument("seconds"))
        except ValueError:
            raise HTTPError(400, "seconds must be a number") from None
        if not 0 <= seconds <= SLOWEST:  # which nan is not, either
            raise HTTPError(400, f"seconds must be between 0 and {SLOWEST:g}")
        await deferLater(self.crew.clock, seconds)
        await self.crew.tell("slow", seconds=seconds)
        self.answer()


class CrashHandler(Handler):
    """Has the worker that answers kill itself, as a bug in C would.

    That is for the demo alone: whoever can ask for it must sit at this machine, and there must be
    somebody who starts another worker.
    """

    async def post(self):
        if not self.is_near:
            raise HTTPError(403, "only from the machine itself")
        if not self.crew.me["worker"]:
            raise HTTPError(409, "there is one process, and nobody who would start another")
        with contextlib.suppress(StoreAway):
            await self.crew.tell("crash")
        self.set_status(202)
        self.answer()
        self.crew.clock.callLater(LAST_BREATH, self.crew.die)


class EventsHandler(cyclone.sse.SSEHandler):
    """The feed as server-sent events: the browser comes back, and says what it has seen last."""

    def initialize(self, crew):
        self.crew = crew

    def bind(self):
        self.sendEvent(self.crew.me, event="hello", retry=500)
        since = self.last_event_id or self.get_argument("since", "0")
        self.crew.channels.subscribe("feed", self, since=since)


class SocketHandler(WebSocketHandler):
    """The feed over a WebSocket: the page comes back, and says what it has seen last."""

    subscription = None

    def initialize(self, crew):
        self.crew = crew

    def open(self):
        self.write_message({"hello": self.crew.me})
        since = self.get_argument("since", "0")
        self.subscription = self.crew.channels.subscribe("feed", self.tell, since=since)

    async def tell(self, message):
        with contextlib.suppress(WebSocketClosedError):
            await self.write_message({"id": message.id, "event": json.loads(message.data)})

    def on_close(self):
        if self.subscription is not None:
            self.subscription.close()


def kill_this_process():
    """Die at once: nothing is finished, nothing is said."""
    os.kill(os.getpid(), signal.SIGKILL)


class Application(cyclone.web.Application):
    """The demo.

    Args:
        store: the URL of a Redis or Valkey that the workers share, ``redis://[:password@]host:port``
            or ``unix:///path``; empty for the memory of one process.
        clock: None for the reactor.
        die: what ends this process.

    Raises:
        ValueError: the URL is none of these.
    """

    def __init__(self, store="", clock=None, die=kill_this_process, **settings):
        self.crew = Crew(store, clock, die)
        shared = {"crew": self.crew}
        routes = [
            (r"/", PageHandler, shared),
            (r"/count", CountHandler, shared),
            (r"/say", SayHandler, shared),
            (r"/work", WorkHandler, shared),
            (r"/slow", SlowHandler, shared),
            (r"/crash", CrashHandler, shared),
            (r"/feed/events", EventsHandler, shared),
            (r"/feed/socket", SocketHandler, shared),
        ]
        super().__init__(
            routes,
            template_path=str(HERE / "templates"),
            static_path=str(HERE / "static"),
            cross_origin_protection=True,
            max_body_size=8192,
            websocket_max_message_size=1024,
            websocket_ping_interval=20,
            websocket_ping_timeout=15,
            sse_heartbeat_interval=15,
            xheaders=True,  # nginx says who the visitor is,
            trusted_downstream=("127.0.0.1", "::1"),  # and only a neighbour is believed
            **settings,
        )

    def startFactory(self):
        """Called when this worker begins to listen."""
        super().startFactory()
        ensureDeferred(self.crew.announce())
