"""Hello, world: an application that a command serves.

::

    cyclone run app.py --reload                     (in this directory)
    twistd -n cyclone -r app.Application
"""

import cyclone.web


class Hello(cyclone.web.RequestHandler):
    def get(self):
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.write(f"Hello, {self.get_argument('name', 'world')}\n")


class Application(cyclone.web.Application):
    def __init__(self, **settings):
        super().__init__([(r"/", Hello)], **settings)
