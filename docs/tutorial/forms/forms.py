"""A noticeboard with a form and a database."""

from pathlib import Path

from store import Store

import cyclone.web
from cyclone.storage import database_safe
from cyclone.web import url

HERE = Path(__file__).parent
LONGEST = 500


class Index(cyclone.web.RequestHandler):
    @database_safe
    async def get(self):
        await self.show()

    @database_safe
    async def post(self):
        text = self.get_body_argument("text", "")
        if not 0 < len(text) <= LONGEST:
            self.set_status(400)
            await self.show(error=f"A note has 1 to {LONGEST} characters.", text=text)
            return
        await self.application.store.add(text)
        self.redirect(self.reverse_url("index"))

    async def show(self, error=None, text=""):
        notes = await self.application.store.newest()
        self.render("index.html", notes=notes, error=error, text=text)


class Application(cyclone.web.Application):
    def __init__(self, path="notes.db", **settings):
        self.store = Store(path)
        super().__init__(
            [url(r"/", Index, name="index")],
            template_path=str(HERE / "templates"),
            static_path=str(HERE / "static"),
            xsrf_cookies=True,
            xsrf_cookie_kwargs={"httponly": True, "samesite": "Lax"},
            **settings,
        )
