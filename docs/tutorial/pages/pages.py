"""A noticeboard whose notes are a list: routes, templates and static files."""

from pathlib import Path

import cyclone.web
from cyclone.web import url

HERE = Path(__file__).parent
NOTES = ["Bicycle for sale", "Lost: a <red> scarf"]


class Index(cyclone.web.RequestHandler):
    def get(self):
        self.render("index.html", notes=NOTES)


class Note(cyclone.web.RequestHandler):
    def get(self, number):
        if int(number) >= len(NOTES):
            raise cyclone.web.HTTPError(404)
        self.render("note.html", text=NOTES[int(number)])


class Application(cyclone.web.Application):
    def __init__(self):
        super().__init__(
            [
                url(r"/", Index, name="index"),
                url(r"/note/([0-9]{1,9})", Note, name="note"),
            ],
            template_path=str(HERE / "templates"),
            static_path=str(HERE / "static"),
        )
