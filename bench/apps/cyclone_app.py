"""The application on cyclone: ``python -m bench.apps.cyclone_app PORT [REACTOR]``.

REACTOR is the short name of a Twisted reactor, as ``twistd --reactor`` takes it (epoll).
"""

from __future__ import annotations

import sys

from twisted.application.reactors import installReactor

import cyclone.web


class Main(cyclone.web.RequestHandler):
    """Plaintext."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/plain")
        self.write("hello, world")


class Json(cyclone.web.RequestHandler):
    """JSON."""

    def get(self) -> None:
        self.write({"message": "hello, world"})


class User(cyclone.web.RequestHandler):
    """Path and query parameters."""

    def get(self, user: str) -> None:
        self.set_header("Content-Type", "text/plain")
        self.write(f"{user} {self.get_argument('q')}")


def make_application() -> cyclone.web.Application:
    """Return the application, which is the factory to listen with; nothing is started."""
    return cyclone.web.Application(
        [(r"/", Main), (r"/json", Json), (r"/user/(\w+)", User)],
        log_function=lambda handler: None,
    )


def main(port: int, reactor_name: str = "epoll") -> None:
    """Serve on ``port`` for ever."""
    installReactor(reactor_name)
    from twisted.internet import reactor

    reactor.listenTCP(port, make_application(), interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
