"""What all pages of the blog have in common."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import cyclone.locale
from cyclone.web import HTTPError, RequestHandler, StaticFileHandler

from .catalogs import LANGUAGES
from .store import Store, User
from .texts import BODY_LENGTH, NAME_LENGTH, PASSWORD_LENGTH, TITLE_LENGTH, local_url

__all__ = ["NotFound", "Page", "StaticFile"]

_POLICY = "; ".join(
    [
        *("default-src 'none'", "style-src 'self'", "img-src 'self'", "form-action 'self'"),
        *("base-uri 'none'", "frame-ancestors 'none'"),
    ]
)


class Page(RequestHandler):
    """A page: who looks at it, in which language, and what happens when something is wrong."""

    application: Any

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", _POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")

    @property
    def store(self) -> Store:
        store: Store = self.application.store
        return store

    # -- who

    async def get_current_user(self) -> User | None:
        number = self.get_signed_cookie("user", min_version=2)
        return None if number is None else await self.store.user(int(number))

    def log_in(self, user_id: int) -> None:
        secure = self.request.protocol == "https"
        self.set_signed_cookie("user", str(user_id), httponly=True, samesite="Lax", secure=secure)

    # -- in which language

    def get_user_locale(self) -> cyclone.locale.Locale | None:
        code = self.get_cookie("language")
        return cyclone.locale.get(code) if code in LANGUAGES else None

    def day(self, seconds: int) -> str:
        """A day in words of the reader's language."""
        words: str = self.locale.format_date(
            seconds, relative=False, shorter=True, full_format=True
        )
        return words

    def get_template_namespace(self) -> dict[str, Any]:
        return {
            **super().get_template_namespace(),
            "day": self.day,
            "iso": lambda seconds: datetime.fromtimestamp(seconds, UTC).isoformat(),
            "languages": LANGUAGES,
            "limits": {
                "name": NAME_LENGTH,
                "password": PASSWORD_LENGTH,
                "title": TITLE_LENGTH,
                "body": BODY_LENGTH,
            },
        }

    # -- pages that have not changed

    def is_known(self, *shown: object) -> bool:
        """Answer 304 if the browser has this page; say how to ask next time if not.

        A page contains a token against forged requests that looks different each time, so its
        bytes do not tell.  What tells is what it shows, to whom, and with which token.

        Args:
            shown: what the page shows; its ``repr`` counts.
        """
        self.set_header("Vary", "Cookie, Accept-Language")
        self.set_header("Cache-Control", "private, no-cache")
        token = self.get_cookie("_xsrf")
        if token is None:
            return False  # this response brings one
        reader = (self.get_cookie("user"), self.locale.code, token, self.request.uri)
        version = repr((self.application.started, reader, shown)).encode()
        self.set_header("Etag", f'W/"{hashlib.sha256(version).hexdigest()[:40]}"')
        if not self.check_etag_header():
            return False
        self.set_status(304)
        self.finish()
        return True

    def compute_etag(self) -> str | None:
        return None  # see is_known

    # -- the way back

    def next_url(self) -> str:
        """Where somebody wanted to go; never to another site."""
        return local_url(self.get_argument("next", None))

    def see(self, url: str) -> None:
        """Go on with another page (RFC 9110 section 15.4.4)."""
        self.redirect(url, status=303)

    # -- when something is wrong

    def write_error(self, status_code: int, **kwargs: Any) -> Any:
        if status_code >= 500:
            self.current_user = None  # it may be the database that is out of order
        self.set_header("Cache-Control", "no-store")
        title, words = self._apology(status_code)
        return self.render("error.html", status=status_code, heading=title, words=words)

    def _apology(self, status_code: int) -> tuple[str, str]:
        _ = self.locale.translate
        if status_code == 404:
            return _("Not found"), _("There is no such page. It may have been deleted.")
        if status_code == 403:
            return _("Not allowed"), _(
                "You may not do this. If you have waited long, go back, load the page anew "
                "and try again."
            )
        if status_code >= 500:
            return _("Our mistake"), _("Something broke, and it has been written down for us.")
        return _("This did not work"), _("The request could not be understood.")


class NotFound(Page):
    """What no route leads to."""

    def prepare(self) -> None:
        raise HTTPError(404)


class StaticFile(Page, StaticFileHandler):
    """Files, with the blog's error pages."""

    def compute_etag(self) -> str | None:
        return StaticFileHandler.compute_etag(self)
