"""The first program of the tutorial."""

import cyclone.web


class Hello(cyclone.web.RequestHandler):
    def get(self):
        self.write("hello, world")


class Greet(cyclone.web.RequestHandler):
    def get(self, name):
        greeting = self.get_argument("greeting", "hello")
        self.write({greeting: name})


class Application(cyclone.web.Application):
    def __init__(self):
        super().__init__(
            [
                (r"/", Hello),
                (r"/(\w+)", Greet),
            ]
        )
