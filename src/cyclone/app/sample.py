"""The program that ``--new`` prints."""

from __future__ import annotations

__all__ = ["SAMPLE"]

SAMPLE = '''\
"""Hello, world.

Start it with:

    cyclone run hello.py --reload
"""

import cyclone.web


class MainHandler(cyclone.web.RequestHandler):
    def get(self):
        self.write("Hello, world")


class Application(cyclone.web.Application):
    def __init__(self):
        handlers = [
            (r"/", MainHandler),
        ]
        settings = {
            "xheaders": False,
            "static_path": "static",
            "template_path": "templates",
        }
        super().__init__(handlers, **settings)
'''
