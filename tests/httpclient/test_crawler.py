"""demos/readme/crawler.py, with a server of ours in the place of the one that is asked."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from cyclone.httpclient import AsyncHTTPClient
from cyclone.web import RequestHandler

from .support import application, script, serving

CRAWLER = Path(__file__).parents[2] / "demos" / "readme" / "crawler.py"


def loaded() -> Any:
    """The program, as a module."""
    spec: Any = importlib.util.spec_from_file_location("crawler", CRAWLER)
    crawler: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(crawler)
    return crawler


async def test_the_crawler() -> None:
    crawler = loaded()
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 7\r\n\r\n<xml/>\n"
    async with script(answer) as far:
        crawler.URL = far.url + "/xml/"
        async with serving(crawler.Application()) as served:
            response = await served.fetch("/")
            assert response.body == b"<xml/>\n"
            assert response.headers["Content-Type"].startswith("text/plain")
            await AsyncHTTPClient().close()
    assert far.factory.requests[0].startswith(b"GET /xml/ HTTP/1.1")


async def test_nobody_is_blocked() -> None:
    """While the other server thinks, ours answers others."""
    crawler = loaded()
    asked: Deferred[None] = Deferred()
    thinking: Deferred[None] = Deferred()

    class Slow(RequestHandler):
        async def get(self) -> None:
            asked.callback(None)
            await thinking
            self.write("<xml/>")

    async with application(("/xml/", Slow)) as far:
        crawler.URL = far.url + "/xml/"
        async with serving(crawler.Application()) as served:
            first = served.fetch("/")
            await asked
            assert (await served.fetch("/other", raise_error=False)).code == 404
            assert not first.called
            thinking.callback(None)
            assert (await first).body == b"<xml/>"
            await AsyncHTTPClient().close()
