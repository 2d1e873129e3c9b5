"""Serving a resource of twisted.web, for it and Klein, on the default reactor: epoll on Linux."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.web.http import Request
from twisted.web.resource import IResource
from twisted.web.server import Site

from bench.apps.common import HOST, port, tls_files


class QuietSite(Site):
    """A site without an access log."""

    def log(self, request: Request) -> None:
        pass


def serve(root: IResource) -> None:
    """Serve for ever."""
    text = f"tcp:{port()}:interface={HOST}"
    if files := tls_files():
        certificate, key = files
        text = f"ssl:{port()}:interface={HOST}:privateKey={key}:certKey={certificate}"
    serverFromString(reactor, text).listen(QuietSite(root))
    reactor.run()
