"""Prices that move while one looks at them: server-sent events, and what happens when they stop.

::

    cyclone run app.py --reload
    twistd -n cyclone -r app.Application        (in this directory)

The market is made up, and opens for whoever is there.
"""

import random
import time
from pathlib import Path

from twisted.internet.task import LoopingCall

import cyclone.sse
import cyclone.web

STATIC = Path(__file__).parent / "static"
#: Names and first prices.
FRUIT = {
    "Apple": 1.20,
    "Banana": 0.35,
    "Cherry": 7.90,
    "Date": 9.40,
    "Elderberry": 4.60,
    "Fig": 3.10,
}
POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class Market:
    """Prices, and who is told of them.

    It is open while somebody looks, and for a minute longer: who has lost the connection gets what
    has been missed.
    """

    interval = 0.5
    patience = 60

    def __init__(self, clock=None):
        self.prices = dict(FRUIT)
        self.news = cyclone.sse.Broadcaster(history=cyclone.sse.History(max_events=300))
        self.clients = {}
        self._ticking = LoopingCall(self._tick)
        if clock is not None:
            self._ticking.clock = clock
        self._lonely = 0

    def enter(self, client):
        """Tell this one, too, from now on."""
        self.clients[client.name] = client
        self._lonely = 0
        if not self._ticking.running:
            self._ticking.start(self.interval, now=False)
        return self.news.add(client)

    def leave(self, client):
        """Do not tell this one any more."""
        self.news.discard(client)
        if self.clients.get(client.name) is client:
            del self.clients[client.name]

    def _tick(self):
        for name in random.sample(sorted(self.prices), 2):
            price = max(0.05, self.prices[name] * random.uniform(0.97, 1.03))
            self.prices[name] = round(price, 2)
            self.news.send({"name": name, "price": self.prices[name], "time": time.time()}, "price")
        self._lonely = 0 if self.news else self._lonely + self.interval
        if self._lonely >= self.patience:
            self._ticking.stop()


class PriceHandler(cyclone.sse.SSEHandler):
    """A stream of prices; ``client`` is a name that the page has made up for itself."""

    def initialize(self, market):
        self.market = market

    def bind(self):
        self.name = self.get_argument("client")[:64]
        missed = len(self.market.news.history.since(self.last_event_id))
        self.sendEvent(
            {"prices": self.market.prices, "missed": missed, "since": self.last_event_id},
            event="hello",
            retry=1000,
        )
        self.market.enter(self)

    def unbind(self):
        self.market.leave(self)


class CutHandler(cyclone.web.RequestHandler):
    """Ends the stream of a client, as a bad network would."""

    def initialize(self, market):
        self.market = market

    def post(self):
        client = self.market.clients.get(self.get_argument("client"))
        if client is None:
            raise cyclone.web.HTTPError(404)
        client.finish()
        self.set_status(204)


class PageHandler(cyclone.web.StaticFileHandler):
    """The page and what belongs to it."""

    def set_extra_headers(self, path):
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")


class Application(cyclone.web.Application):
    def __init__(self, market=None):
        market = market or Market()
        handlers = [
            (r"/prices", PriceHandler, {"market": market}),
            (r"/cut", CutHandler, {"market": market}),
            (r"/(.*)", PageHandler, {"path": STATIC, "default_filename": "index.html"}),
        ]
        super().__init__(
            handlers,
            cross_origin_protection=True,
            sse_heartbeat_interval=10,
            sse_write_buffer_policy="drop_oldest",  # old prices are of no use
        )
