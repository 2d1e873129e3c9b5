"""The notes, and the form for new ones."""

from cyclone.storage import database_safe
from cyclone.web import authenticated

from .base import Page

LONGEST = 500


class Index(Page):
    @database_safe
    async def get(self):
        await self.show()

    @authenticated
    @database_safe
    async def post(self):
        text = self.get_body_argument("text", "")
        if not 0 < len(text) <= LONGEST:
            self.set_status(400)
            error = self.locale.translate("A note has 1 to %(longest)d characters.")
            await self.show(error % {"longest": LONGEST}, text)
            return
        await self.application.store.add(self.current_user, text)
        self.redirect(self.reverse_url("index"))

    async def show(self, error=None, text=""):
        notes = await self.application.store.newest()
        self.render("index.html", notes=notes, error=error, text=text)
