"""What all pages share."""

import cyclone.web
from cyclone.sessions import SessionMixin


class Page(SessionMixin, cyclone.web.RequestHandler):
    async def prepare(self):
        await self.session

    def get_current_user(self):
        return self.session.owner

    def set_default_headers(self):
        self.set_header("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")
