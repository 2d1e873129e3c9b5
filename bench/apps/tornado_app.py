"""The application on Tornado: ``python -m bench.apps.tornado_app PORT``."""

from __future__ import annotations

import asyncio
import logging
import sys

import tornado.web


class Main(tornado.web.RequestHandler):
    """Plaintext."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/plain")
        self.write("hello, world")


class Json(tornado.web.RequestHandler):
    """JSON."""

    def get(self) -> None:
        self.write({"message": "hello, world"})


class User(tornado.web.RequestHandler):
    """Path and query parameters."""

    def get(self, user: str) -> None:
        self.set_header("Content-Type", "text/plain")
        self.write(f"{user} {self.get_argument('q')}")


async def serve(port: int) -> None:
    """Serve on ``port`` for ever."""
    logging.getLogger("tornado.access").setLevel(logging.ERROR)
    application = tornado.web.Application([(r"/", Main), (r"/json", Json), (r"/user/(\w+)", User)])
    application.listen(port, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
