# run: twistd -n cyclone -r delayed.Application

from twisted.internet import defer, reactor

import cyclone.web


def sleep(n):
    d = defer.Deferred()
    reactor.callLater(n, lambda: d.callback(None))
    return d


class MainHandler(cyclone.web.RequestHandler):
    @defer.inlineCallbacks
    def get(self):
        yield sleep(5)
        self.write("hello, world")


Application = lambda: cyclone.web.Application([("/", MainHandler)], debug=True)  # noqa: E731
