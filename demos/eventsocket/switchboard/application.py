"""The application: what the switch tells is kept, and told to the pages."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectionLost

import cyclone.sse
import cyclone.web
from cyclone.web import HTTPError

from .client import Client, ClientFactory, Refused
from .fake import PASSWORD, Switch

__all__ = ["Switchboard"]

STATIC = Path(__file__).parents[1] / "static"
POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
STATES = {"CHANNEL_CREATE": "ringing", "CHANNEL_ANSWER": "talking"}
#: Calls that are kept: a switch with more is not shown whole.
MOST_CALLS = 500


class Board:
    """The calls, and the pages that are told of them."""

    def __init__(self) -> None:
        self.calls: dict[str, dict[str, Any]] = {}
        self.pages = cyclone.sse.Broadcaster()
        self.client: Client | None = None

    def told(self, event: dict[str, Any]) -> None:
        """An event of the switch."""
        key, name = str(event.get("Unique-ID", ""))[:64], event.get("Event-Name")
        if name == "CHANNEL_HANGUP_COMPLETE":
            if self.calls.pop(key, None) is not None:
                cause = str(event.get("Hangup-Cause", ""))[:60]
                self.pages.send({"key": key, "cause": cause}, "over")
        elif name in STATES and key and (key in self.calls or len(self.calls) < MOST_CALLS):
            call = {
                "key": key,
                "caller": str(event.get("Caller-Caller-ID-Name", "unknown"))[:60],
                "callee": str(event.get("Caller-Destination-Number", "unknown"))[:60],
                "state": STATES[name],
                "since": int(event.get("Event-Date-Timestamp", 0)) / 1e6,
            }
            self.calls[key] = call
            self.pages.send(call, "call")

    def state(self, client: Client, is_there: bool) -> None:
        """The switch is there, or gone: what was known of its calls is worth nothing then."""
        self.calls.clear()
        self.client = client if is_there else None
        self.pages.send(self.whole(), "whole")

    def whole(self) -> dict[str, Any]:
        """Everything, for pages that come."""
        return {"connected": self.client is not None, "calls": list(self.calls.values())}


class Calls(cyclone.sse.SSEHandler):
    """The stream of what happens."""

    def initialize(self, board: Board) -> None:
        self.board = board

    def bind(self) -> None:
        self.sendEvent(self.board.whole(), event="whole", retry=1000)
        self.board.pages.add(self)

    def unbind(self) -> None:
        self.board.pages.discard(self)


class Command(cyclone.web.RequestHandler):
    """Has the switch do something: only what is written here."""

    def initialize(self, board: Board) -> None:
        self.board = board

    async def post(self, what: str) -> None:
        if what == "hang-up":
            words = ["uuid_kill", self._word("key", r"[0-9a-f-]{36}")]
        else:
            caller, callee = (self._word(name, r"\w{1,20}") for name in ("caller", "callee"))
            words = ["originate", f"user/{caller}", f"&bridge(user/{callee})"]
        client = self.board.client
        if client is None:
            raise HTTPError(503)
        try:
            await (client.call if what == "hang-up" else client.job)(*words)
        except Refused as refused:
            self.set_status(409)
            self.finish({"error": str(refused)})
        except ConnectionLost:
            raise HTTPError(503) from None
        else:
            self.set_status(204)

    def _word(self, name: str, form: str) -> str:
        """An argument that is one word: a command is a line, and its words are separated by spaces.

        Raises:
            HTTPError: 400, it is not.
        """
        word: str = self.get_body_argument(name)
        if not re.fullmatch(form, word, re.ASCII):
            raise HTTPError(400, f"{name} is not of the form {form}")
        return word


class Page(cyclone.web.StaticFileHandler):
    """The page and what belongs to it."""

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")


class Switchboard(cyclone.web.Application):
    """The demo.

    Args:
        file: JSON with ``host``, ``port`` and ``password`` of an Event Socket; empty for a switch
            that is made up.
        settings: of cyclone, beyond those below.

    Attributes:
        board: what is known of calls.
        switch: the switch that is made up, None for another.
    """

    def __init__(self, file: str = "", **settings: Any) -> None:
        self.board = Board()
        self.switch = None if file else Switch()
        self._where: dict[str, Any] = json.loads(Path(file).read_text()) if file else {}
        self._port: Any = None
        self._service: ClientService | None = None
        routes = [
            (r"/calls", Calls, {"board": self.board}),
            (r"/(hang-up|call)", Command, {"board": self.board}),
            (r"/(.*)", Page, {"path": STATIC, "default_filename": "index.html"}),
        ]
        super().__init__(routes, cross_origin_protection=True, max_body_size=4096, **settings)

    def startFactory(self) -> None:
        """Called when the application begins to listen: it connects to the switch."""
        from twisted.internet import reactor

        any_reactor: Any = reactor
        where = {"host": "127.0.0.1", "port": 8021, "password": PASSWORD, **self._where}
        if self.switch is not None:
            self._port = any_reactor.listenTCP(0, self.switch, interface="127.0.0.1")
            where["port"] = self._port.getHost().port
            self.switch.start()
        endpoint = HostnameEndpoint(any_reactor, where["host"], where["port"])
        factory = ClientFactory(where["password"], self.board.told, self.board.state, any_reactor)
        self._service = ClientService(endpoint, factory, backoffPolicy(0.5, 10))
        self._service.startService()
        super().startFactory()

    def stopFactory(self) -> None:
        """Called when it no longer listens."""
        super().stopFactory()
        if self._service is not None:
            self._service.stopService()
        if self.switch is not None:
            self.switch.stop()
        if self._port is not None:
            self._port.stopListening()
