"""Hello, world: a program with options, and a server that it starts (Tornado's way).

::

    python simple.py [--port=PORT]
"""

import sys

from twisted.internet import reactor
from twisted.python import log

import cyclone.web
from cyclone.httpserver import HTTPServer
from cyclone.options import define, options, parse_command_line


class Hello(cyclone.web.RequestHandler):
    def get(self):
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.write(f"Hello, {self.get_argument('name', 'world')}\n")


def main():
    define("port", default=8888, help="listen at this port", type=int)
    parse_command_line()
    log.startLogging(sys.stdout)
    HTTPServer(cyclone.web.Application([(r"/", Hello)])).listen(options.port, "127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main()
