# run: twistd -n cyclone -r crawler.Application

from twisted.internet import defer

import cyclone.httpclient
import cyclone.web

URL = "http://freegeoip.net/xml/"


class MainHandler(cyclone.web.RequestHandler):
    @defer.inlineCallbacks
    def get(self):
        response = yield cyclone.httpclient.fetch(URL)
        self.set_header("Content-Type", "text/plain")
        self.write(response.body)


Application = lambda: cyclone.web.Application([("/", MainHandler)], debug=True)  # noqa: E731
