"""One page in six languages: plural forms, dates, numbers, lists, and words that mean two things.

::

    cyclone run app.py --reload                     (in this directory)
    twistd -n cyclone -r app.Application

The translations need Babel (``pip install 'cyclone[locale]'``); without it the page is in English.
"""

from __future__ import annotations

import gettext
import io
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cyclone.locale import GettextLocale, Locale
from cyclone.log import app_log
from cyclone.web import Application as CycloneApplication
from cyclone.web import HTTPError, RequestHandler, url

HERE = Path(__file__).parent
#: The language of the messages in the templates, and those in the directory locale: by their codes
#: in addresses, with the codes of their catalogs, and what they call themselves.
LANGUAGES = {
    "en": ("en", "English"),
    "de": ("de", "Deutsch"),
    "es": ("es", "Español"),
    "pl": ("pl", "Polski"),
    "ar": ("ar", "العربية"),
    "ja": ("ja", "日本語"),
}
RIGHT_TO_LEFT = {"ar"}
MOST_APPLES = 10**9
#: Numbers at which languages change their minds.
EXAMPLES = (1, 2, 3, 5, 11, 21, 22, 100, 101, 1000000)
COOKIE = "locale_demo_language"

POLICY = "; ".join(
    [
        *("default-src 'none'", "style-src 'self'", "img-src 'self'", "form-action 'self'"),
        *("base-uri 'none'", "frame-ancestors 'none'"),
    ]
)


def load(directory: Path) -> dict[str, Locale]:
    """The languages, from the catalogs ``{directory}/{code}.po``, which are compiled in memory.

    Most programs have one set of catalogs, and load it with
    `cyclone.locale.load_gettext_translations`, from files that ``pybabel compile`` has made.  This
    set is the application's own: others in the same process may have theirs.
    """
    found: dict[str, Locale] = {}
    for tag, (code, _) in LANGUAGES.items():
        source = directory / f"{code}.po"
        catalog = _compiled(source, code) if source.exists() else gettext.NullTranslations()
        if catalog is not None:
            found[tag] = GettextLocale(code, catalog)
    return found


def _compiled(source: Path, code: str) -> gettext.NullTranslations | None:
    try:
        from babel.messages.mofile import write_mo
        from babel.messages.pofile import read_po
    except ImportError:
        app_log.warning("No translation from %s: pip install 'cyclone[locale]'", source.name)
        return None
    with source.open("rb") as file:
        catalog = read_po(file, locale=code)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def preferred(accepted: str, offered: Any) -> str | None:
    """The language that a browser likes best (RFC 9110 section 12.5.4), of those offered."""
    wishes: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted.split(",")[:30]):
        tag, _, weight = part.partition(";")
        name, _, number = weight.strip().partition("=")
        try:
            quality = float(number) if name.strip().lower() == "q" else 1.0
        except ValueError:
            quality = 0.0
        if 0 < quality <= 1:
            wishes.append((-quality, place, tag.strip().lower().partition("-")[0]))
    return next((language for _, _, language in sorted(wishes) if language in offered), None)


class Page(RequestHandler):
    """What pages have in common."""

    application: Application

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")


class Start(Page):
    """Leads to the language that was chosen last, or that the browser asks for."""

    def get(self) -> None:
        offered = self.application.locales
        chosen = self.get_cookie(COOKIE)
        if chosen not in offered:
            chosen = preferred(self.request.headers.get("Accept-Language", ""), offered)
        self.set_header("Vary", "Accept-Language, Cookie")
        self.set_header("Cache-Control", "no-store")
        self.redirect(self.reverse_url("basket", chosen or "en"))


class Basket(Page):
    """The page.  Its language is in its address: it can be linked to, and found."""

    tag = "en"

    def get_user_locale(self) -> Locale:
        return self.application.locales[self.tag]

    def get(self, tag: str) -> None:
        if tag not in self.application.locales:
            raise HTTPError(404)
        self.tag = tag
        self.set_cookie(COOKIE, tag, expires_days=365, httponly=True, samesite="Lax")
        self.set_header("Content-Language", tag)
        now = time.time()
        self.render(
            "basket.html",
            tag=tag,
            direction="rtl" if tag in RIGHT_TO_LEFT else "ltr",
            languages={key: LANGUAGES[key][1] for key in self.application.locales},
            count=self._count(),
            most=MOST_APPLES,
            examples=EXAMPLES,
            today=datetime.now(UTC),
            moments=[now - ago for ago in (5, 130, 3 * 3600, 86400 * 1.2, 86400 * 40)],
        )

    def _count(self) -> int:
        text = self.get_query_argument("apples", "3")
        if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= MOST_APPLES):
            raise HTTPError(400, f"apples is a number of up to {MOST_APPLES}")
        return int(text)


class Application(CycloneApplication):
    """The demo.

    Args:
        settings: of cyclone, beyond those below.

    Attributes:
        locales: the languages that have a catalog, and English, by their tags.
    """

    def __init__(self, **settings: Any) -> None:
        self.locales = load(HERE / "locale")
        routes = [
            url(r"/", Start, name="start"),
            url(r"/([a-z]{2})/", Basket, name="basket"),
        ]
        super().__init__(
            routes,
            template_path=str(HERE / "templates"),
            static_path=str(HERE / "static"),
            **settings,
        )
