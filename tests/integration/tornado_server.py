"""A server of Tornado's, run as a process: prints its port, then serves until it is ended."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler


class Echo(RequestHandler):
    SUPPORTED_METHODS = RequestHandler.SUPPORTED_METHODS

    def any(self) -> None:
        self.write({"method": self.request.method, "body": len(self.request.body)})

    get = post = put = delete = patch = options = any  # type: ignore[assignment]


class Stream(RequestHandler):
    async def get(self) -> None:
        for _ in range(50):
            self.write(b"x" * 10000)
            await self.flush()


class Hop(RequestHandler):
    def get(self) -> None:
        self.redirect("/echo")

    post = get


async def main() -> None:
    handlers: Any = [("/echo", Echo), ("/stream", Stream), ("/hop", Hop)]
    server = HTTPServer(Application(handlers, compress_response=True))
    [listening] = bind_sockets(0, "127.0.0.1")
    server.add_socket(listening)
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
