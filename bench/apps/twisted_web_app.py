"""The application on twisted.web: ``python -m bench.apps.twisted_web_app PORT``."""

from __future__ import annotations

import json
import sys

from twisted.application.reactors import installReactor
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import Site


class Main(Resource):
    """Plaintext."""

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"content-type", b"text/plain")
        return b"hello, world"


class Json(Resource):
    """JSON."""

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"content-type", b"application/json")
        return json.dumps({"message": "hello, world"}).encode()


class User(Resource):
    """Path and query parameters of one user."""

    isLeaf = True

    def __init__(self, user: bytes) -> None:
        super().__init__()
        self.user = user

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"content-type", b"text/plain")
        return self.user + b" " + request.args[b"q"][0]


class Users(Resource):
    """The parent of all users."""

    def getChild(self, path: bytes, request: Request) -> Resource:
        return User(path)


class QuietSite(Site):
    """A site without an access log."""

    def log(self, request: Request) -> None:
        pass


def main(port: int) -> None:
    """Serve on ``port`` for ever."""
    installReactor("epoll")
    from twisted.internet import reactor

    root = Resource()
    root.putChild(b"", Main())
    root.putChild(b"json", Json())
    root.putChild(b"user", Users())
    reactor.listenTCP(port, QuietSite(root), interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
