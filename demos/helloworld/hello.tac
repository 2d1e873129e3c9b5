"""Hello, world: a configuration of twistd.

::

    twistd -ny hello.tac                            (HELLO_PORT=8888)

twistd executes this file and starts what is called ``application`` in it: other services, of
whatever protocol, may stand beside the web server.
"""

import os

from twisted.application import service, strports

import cyclone.web


class Hello(cyclone.web.RequestHandler):
    def get(self):
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.write(f"Hello, {self.get_argument('name', 'world')}\n")


application = service.Application("hello")
strports.service(
    f"tcp:{os.environ.get('HELLO_PORT', '8888')}:interface=127.0.0.1",
    cyclone.web.Application([(r"/", Hello)]),
).setServiceParent(application)
