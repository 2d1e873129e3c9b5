"""Translations, and dates, numbers and lists as people write them (Tornado, cyclone 1.x).

Load the catalogs when the program starts, then ask for the locale of a user::

    cyclone.locale.load_gettext_translations("locale")  # locale/pt_BR/LC_MESSAGES/cyclone.mo
    user_locale = cyclone.locale.get("pt-BR", "pt", "es")
    user_locale.translate("Sign out")
    user_locale.translate("%(num)d file", "%(num)d files", count) % {"num": count}

Handlers have `RequestHandler.locale`, and templates ``{{ _("Sign out") }}``.

Catalogs are those of gettext, or simple CSV files (`load_translations`). With ``pip install
cyclone[locale]`` dates, numbers and lists follow the conventions of each language (Unicode CLDR,
by Babel), as far as the catalog does not say it itself; without it they are in English wording.

    registry   which catalogs are loaded
    loading    catalogs from files
    classes    Locale and its two kinds
    formats    dates, numbers and lists by messages that catalogs can translate
    cldr       the same by Babel
    names      names of languages
"""

from __future__ import annotations

from .classes import CONTEXT_SEPARATOR, CSVLocale, GettextLocale, Locale
from .loading import load_gettext_translations, load_translations
from .names import LOCALE_NAMES
from .registry import get_supported_locales, set_default_locale

__all__ = [
    "CONTEXT_SEPARATOR",
    "LOCALE_NAMES",
    "CSVLocale",
    "GettextLocale",
    "Locale",
    "get",
    "get_supported_locales",
    "load_gettext_translations",
    "load_translations",
    "set_default_locale",
]


def get(*locale_codes: str) -> Locale:
    """The closest supported locale to the first code that has one; see `Locale.get_closest`."""
    return Locale.get_closest(*locale_codes)
