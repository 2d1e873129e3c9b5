# run: twistd -n cyclone -r hello.Application

import cyclone.web


class MainHandler(cyclone.web.RequestHandler):
    def get(self):
        self.write("hello, world")


Application = lambda: cyclone.web.Application([(r"/", MainHandler)])  # noqa: E731
