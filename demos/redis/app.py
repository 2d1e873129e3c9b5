"""Keys and messages of a Redis or Valkey over HTTP, and a page that shows both.

::

    cyclone run app.py
    cyclone run app.py --appopts redis://10.0.0.1:6379
    curl -X PUT -d hello http://127.0.0.1:8888/keys/greeting
    curl -d news http://127.0.0.1:8888/channels/today

It needs a server on this machine, or where ``--appopts`` says, and the extra ``redis``.
"""

from pathlib import Path
from urllib.parse import urlsplit

import cyclone.redis
import cyclone.web
from cyclone.channels import Channels, ChannelsUnavailable
from cyclone.websocket import WebSocketHandler

HERE = Path(__file__).parent
POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
#: Keys of others on the same server are left alone.
PREFIX = "demo:"
LONGEST_NAME, LONGEST_VALUE, MOST_KEYS = 100, 64 * 1024, 200


class RedisHandler(cyclone.web.RequestHandler):
    """What all have in common: names that make sense, and 503 while the server is away."""

    @property
    def redis(self):
        return self.settings.redis

    def prepare(self):
        for name in self.path_args:
            if len(name.encode()) > LONGEST_NAME:
                raise cyclone.web.HTTPError(414, reason=f"Names have at most {LONGEST_NAME} bytes")

    def write_error(self, status_code, **kwargs):
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, (cyclone.redis.ConnectionError, ChannelsUnavailable)):
            self.set_status(503, "The server of the keys is away")
            self.set_header("Retry-After", "1")
        self.finish({"error": self._reason, "status": self.get_status()})

    def log_exception(self, kind, error, trace):
        """A server that is away is nobody's mistake here."""
        if not isinstance(error, (cyclone.redis.ConnectionError, ChannelsUnavailable)):
            super().log_exception(kind, error, trace)


class KeysHandler(RedisHandler):
    """The names of the keys."""

    async def get(self):
        cursor, names = "0", set()
        while len(names) < MOST_KEYS:
            cursor, found = await self.redis.scan(cursor, f"{PREFIX}*", 100)
            names.update(name.decode("utf-8", "replace").removeprefix(PREFIX) for name in found)
            if int(cursor) == 0:
                break
        self.write({"keys": sorted(names)[:MOST_KEYS], "complete": int(cursor) == 0})


class KeyHandler(RedisHandler):
    """A key and its value, which is bytes."""

    async def get(self, name):
        value = await self.redis.get(PREFIX + name)
        if value is None:
            raise cyclone.web.HTTPError(404)
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.write(value)

    async def put(self, name):
        seconds = self.get_query_argument("seconds", None)
        if seconds is None:
            await self.redis.set(PREFIX + name, self.request.body)
        elif seconds.isascii() and seconds.isdecimal() and 0 < int(seconds) < 10**9:
            await self.redis.setex(PREFIX + name, int(seconds), self.request.body)
        else:
            raise cyclone.web.HTTPError(400, reason="seconds is a number from 1 to 999999999")
        self.set_status(204)

    async def delete(self, name):
        if not await self.redis.delete(PREFIX + name):
            raise cyclone.web.HTTPError(404)
        self.set_status(204)


class ChannelHandler(RedisHandler):
    """A channel: what is sent to it all pages show that listen to it."""

    async def post(self, name):
        try:
            text = self.request.body.decode()
        except UnicodeDecodeError:
            raise cyclone.web.HTTPError(400, reason="A message is text in UTF-8") from None
        receipt = await self.settings.channels.publish(name, text)
        self.write({"receivers": receipt.receivers})


class ListenHandler(WebSocketHandler):
    """The same channel for a page."""

    def open(self, name):
        if len(name.encode()) > LONGEST_NAME:
            self.close(4000, "the name is too long")
        else:
            self.settings.channels.subscribe(name, self)


class PageHandler(cyclone.web.RequestHandler):
    def get(self):
        self.set_header("Content-Security-Policy", POLICY)
        self.render("page.html")


def Application(server="redis://localhost"):
    """The site, for the server at a URL."""
    place = urlsplit(server)
    redis = cyclone.redis.lazyConnectionPool(
        place.hostname or "localhost",
        place.port or 6379,
        poolsize=4,
        password=place.password,
        username=place.username,
        charset=None,
        convertNumbers=False,
        poolTimeout=2,
        replyTimeout=2,
    )
    return cyclone.web.Application(
        [
            (r"/", PageHandler),
            (r"/keys", KeysHandler),
            (r"/keys/([^/]+)", KeyHandler),
            (r"/channels/([^/]+)", ChannelHandler),
            (r"/listen/([^/]+)", ListenHandler),
        ],
        redis=redis,
        channels=Channels(f"{server}?prefix={PREFIX}&timeout=2"),
        max_body_size=LONGEST_VALUE,
        # Pages of other sites may not publish; programs, which send no Origin, may.
        cross_origin_protection=True,
        template_path=str(HERE),
        static_path=str(HERE / "static"),
    )
