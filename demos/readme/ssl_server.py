# run: python ssl_server.py   (with server.key and server.crt beside it; mkcert.sh makes them)

import sys

from twisted.internet import reactor, ssl
from twisted.python import log

import cyclone.web


class MainHandler(cyclone.web.RequestHandler):
    def get(self):
        self.write("Hello, world")


def main():
    log.startLogging(sys.stdout)
    application = cyclone.web.Application([(r"/", MainHandler)])

    interface = "127.0.0.1"
    reactor.listenTCP(8888, application, interface=interface)
    reactor.listenSSL(
        8443,
        application,
        ssl.DefaultOpenSSLContextFactory("server.key", "server.crt"),
        interface=interface,
    )
    reactor.run()


if __name__ == "__main__":
    main()
