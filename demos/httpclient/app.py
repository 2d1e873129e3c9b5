"""Fetching several addresses at the same time, with progress.

::

    cyclone run app.py                              (in this directory)
    twistd -n cyclone -r app.Application
    cyclone run app.py --appopts targets.txt        addresses of your own, one a line

Visitors choose from the list, and cannot add to it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater

import cyclone.web
from cyclone.httpclient import AsyncHTTPClient, HTTPClientError
from cyclone.sse import SSEHandler

STATIC = Path(__file__).parent / "static"
POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

#: Seconds and bytes that a fetch may take, and redirects it may follow.
PATIENCE = 3
LARGEST = 32 * 1024 * 1024
MOST_REDIRECTS = 3
#: Fetches that run at a time, and pages that may look on.
AT_ONCE = 20
MOST_PAGES = 10
#: Seconds between two reports of the same fetch.
REPORT_EVERY = 0.1

#: Paths of `Targets`, and what they are.
MADE_UP = {
    "/quick": "answers at once",
    "/steady": "a line every fiftieth of a second",
    "/large": "24 MiB",
    "/moved": "two redirects, then a page",
    "/missing": "is not there",
    "/late": "answers after ten seconds",
    "/endless": "does not end",
    "/broken": "breaks off in the middle",
    "/astray": "a redirect to a server that is not on the list",
}


# --- what is fetched -----------------------------------------------------------------------------


class Target(cyclone.web.RequestHandler):
    """Behaves as its path says."""

    async def get(self, name: str) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        await getattr(self, f"_{name}")()

    async def _quick(self) -> None:
        self.finish("Here I am.\n")

    async def _pause(self, seconds: float) -> None:
        from twisted.internet import reactor

        await deferLater(reactor, seconds, lambda: None)  # type: ignore[arg-type]

    async def _steady(self) -> None:
        self.set_header("Content-Length", "4000")
        for number in range(50):
            self.write(f"line {number}".ljust(79, ".") + "\n")
            await self.flush()
            await self._pause(0.02)

    async def _large(self) -> None:
        self.set_header("Content-Length", str(24 * 1024 * 1024))
        for _ in range(24 * 4):
            self.write(bytes(256 * 1024))
            await self.flush()  # waits for who reads slowly

    async def _moved(self) -> None:
        step = self.get_argument("step", "1")
        if step == "1":
            self.redirect("/moved?step=2")
        elif step == "2":
            self.redirect("/quick", status=307)

    async def _late(self) -> None:
        await self._pause(10)

    async def _endless(self) -> None:
        while True:
            self.write(bytes(256 * 1024))
            await self.flush()

    async def _broken(self) -> None:
        self.set_header("Content-Length", "1000000")
        self.write(bytes(100_000))
        await self.flush()
        self.request.connection.close()

    async def _astray(self) -> None:
        self.redirect("http://192.0.2.1/the-neighbours-secrets")  # nobody has this address

    async def _missing(self) -> None:
        raise cyclone.web.HTTPError(404)


class Targets(cyclone.web.Application):
    """A server to ask."""

    def __init__(self) -> None:
        names = "|".join(path[1:] for path in MADE_UP)
        super().__init__([(rf"/({names})", Target)], log_function=lambda handler: None)


# --- what fetches --------------------------------------------------------------------------------


class Refused(Exception):
    """The demo does not want to fetch this."""


class Fetch(SSEHandler):
    """Fetches the targets whose numbers it is given, and reports: a stream of events."""

    application: Application

    async def bind(self) -> None:
        application = self.application
        numbers = self.get_arguments("target")
        known = {str(number): url for number, (url, _) in enumerate(application.targets)}
        if not numbers or len(set(numbers)) < len(numbers) or not set(numbers) <= set(known):
            raise cyclone.web.HTTPError(400, "no targets, or some that are not on the list")
        if application.watched >= MOST_PAGES:
            raise cyclone.web.HTTPError(503)
        application.watched += 1
        try:
            # Each runs by itself.  When the page goes, this is cancelled, and with it all of them.
            running = [Deferred.fromCoroutine(self._report(key, known[key])) for key in numbers]
            for went_well, result in await DeferredList(running, consumeErrors=True):
                if not went_well:
                    result.raiseException()
        finally:
            application.watched -= 1
        self.sendEvent({"fetched": len(numbers)}, event="end")
        self.finish()

    async def _report(self, key: str, url: str) -> None:
        """Fetch one, and say what came of it."""
        seconds = self.application.now
        start = seconds()

        def tell(event: str, **facts: Any) -> None:
            facts |= {"target": key, "seconds": round(seconds() - start, 3)}
            self.sendEvent(facts, event=event)

        tell("start", url=url)
        try:
            response, size = await self._follow(url, tell)
        except (HTTPClientError, Refused) as error:
            tell("failed", reason=str(error))
        else:
            tell("done", code=response.code, reason=response.reason, bytes=size)

    async def _follow(self, url: str, tell: Callable[..., None]) -> tuple[Any, int]:
        for _ in range(MOST_REDIRECTS + 1):
            response, size = await self._ask(url, tell)
            if response.code not in (301, 302, 303, 307, 308):
                return response, size
            try:
                url = urljoin(url, response.headers.get("Location", ""))
            except ValueError:
                raise Refused("leads to an address that makes no sense") from None
            if origin_of(url) not in self.application.origins:
                raise Refused(f"leads to {url[:80]}, whose server is not on the list")
            tell("moved", url=url)
        raise Refused("too many redirects")

    async def _ask(self, url: str, tell: Callable[..., None]) -> tuple[Any, int]:
        """One request: the response, and the bytes of its body, which is not kept."""
        now = self.application.now
        length, size, told = 0, 0, now()

        def head(line: str) -> None:
            nonlocal length
            name, _, value = line.partition(":")
            if name.lower() == "content-length" and value.strip().isdigit():
                length = int(value)

        def took(chunk: bytes) -> None:
            nonlocal size, told
            size += len(chunk)
            if now() - told >= REPORT_EVERY:
                told = now()
                tell("progress", bytes=size, length=length)

        response = await self.application.client().fetch(
            url,
            header_callback=head,
            streaming_callback=took,
            follow_redirects=False,
            decompress_response=False,
            raise_error=False,
            connect_timeout=PATIENCE,
            request_timeout=PATIENCE,
        )
        # Where nothing came, not even a bad answer, there is an error that says why.
        if response.code == 599:
            response.rethrow()
        return response, size


class List(cyclone.web.RequestHandler):
    """What there is to choose from."""

    application: Application
    serialize_lists = True

    def get(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.write([{"url": url, "about": about} for url, about in self.application.targets])


class Page(cyclone.web.StaticFileHandler):
    """The page and what belongs to it."""

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port, for comparison; empty where an address makes no sense."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return ("", "", None)
    return (parts.scheme, parts.hostname or "", port)


def read_targets(file: str) -> list[tuple[str, str]]:
    """The addresses of a file, one a line; ``#`` begins a comment.

    Raises:
        ValueError: one of them is none.
    """
    lines = [line.strip() for line in Path(file).read_text().splitlines()]
    urls = [line for line in lines if line and not line.startswith("#")]
    for url in urls:
        scheme, host, _ = origin_of(url)
        if scheme not in ("http", "https") or not host:
            raise ValueError(f"{file}: not an address of http or https: {url!r}")
    return [(url, "") for url in urls]


class Application(cyclone.web.Application):
    """The demo.

    Args:
        file: addresses, one a line; without it those of a server that is made up.
        settings: of cyclone.

    Attributes:
        targets: addresses, and what each is.
        origins: the servers that may be asked.
        watched: pages that look on.
    """

    def __init__(self, file: str = "", **settings: Any) -> None:
        self._made_up = not file
        self._port: Any = None
        self._client: AsyncHTTPClient | None = None
        self.watched = 0
        self._set_targets(read_targets(file) if file else [])
        handlers = [
            (r"/fetch", Fetch),
            (r"/targets", List),
            (r"/(.*)", Page, {"path": STATIC, "default_filename": "index.html"}),
        ]
        super().__init__(handlers, **settings)

    def _set_targets(self, targets: list[tuple[str, str]]) -> None:
        self.targets = targets
        self.origins = {origin_of(url) for url, _ in targets}

    def client(self) -> AsyncHTTPClient:
        """A client of its own, with its own limits."""
        if self._client is None:
            self._client = AsyncHTTPClient(
                force_instance=True, max_clients=AT_ONCE, max_body_size=LARGEST
            )
        return self._client

    def now(self) -> float:
        """Seconds of the reactor's clock."""
        seconds: float = self.client().reactor.seconds()
        return seconds

    def startFactory(self) -> None:
        """Called when the application begins to listen: the made-up server does, too."""
        if self._made_up:
            from twisted.internet import reactor

            self._port = reactor.listenTCP(0, Targets(), interface="127.0.0.1")  # type: ignore[attr-defined]
            base = f"http://127.0.0.1:{self._port.getHost().port}"
            self._set_targets([(base + path, about) for path, about in MADE_UP.items()])
        super().startFactory()

    def stopFactory(self) -> None:
        """Called when it no longer listens."""
        super().stopFactory()
        if self._client is not None:
            self._client.close()
        if self._port is not None:
            self._port.stopListening()
