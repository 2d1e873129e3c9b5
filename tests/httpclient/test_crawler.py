"""demos/readme/crawler.py, with a server of ours in the place of the one that is asked."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from cyclone.httpclient import AsyncHTTPClient

from .support import script, serving

CRAWLER = Path(__file__).parents[2] / "demos" / "readme" / "crawler.py"


async def test_the_crawler() -> None:
    spec: Any = importlib.util.spec_from_file_location("crawler", CRAWLER)
    crawler: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(crawler)
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 7\r\n\r\n<xml/>\n"
    async with script(answer) as far:
        crawler.URL = far.url + "/xml/"
        async with serving(crawler.Application()) as served:
            response = await served.fetch("/")
            assert response.body == b"<xml/>\n"
            assert response.headers["Content-Type"].startswith("text/plain")
            await AsyncHTTPClient().close()
    assert far.factory.requests[0].startswith(b"GET /xml/ HTTP/1.1")
