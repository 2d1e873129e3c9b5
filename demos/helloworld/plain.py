"""Hello, world: an application is a protocol factory, as any of Twisted's.

::

    python plain.py [PORT]
"""

import sys

from twisted.internet import endpoints, task
from twisted.python import log

import cyclone.web


class Hello(cyclone.web.RequestHandler):
    def get(self):
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.write(f"Hello, {self.get_argument('name', 'world')}\n")


async def main(reactor, port="8888"):
    log.startLogging(sys.stdout)
    endpoint = endpoints.serverFromString(reactor, f"tcp:{port}:interface=127.0.0.1")
    await endpoint.listen(cyclone.web.Application([(r"/", Hello)]))
    await task.Deferred()  # for ever


if __name__ == "__main__":
    task.react(lambda *args: task.ensureDeferred(main(*args)), sys.argv[1:])
