"""Translations: gettext's text files, compiled when the blog starts if they are newer."""

from __future__ import annotations

from pathlib import Path

import cyclone.locale
from cyclone.log import app_log

__all__ = ["LANGUAGES", "load"]

#: The language of the messages in the code, and those in the directory locale, by code.
LANGUAGES = {"en": "English", "de": "Deutsch", "es": "Español", "pt_BR": "Português (Brasil)"}


def load(sources: Path, compiled: Path) -> None:
    """Load the catalogs ``{sources}/{code}.po`` by way of ``.mo`` files below `compiled`.

    Without Babel the blog speaks English, and says so in the log.
    """
    for source in sorted(sources.glob("*.po")):
        target = compiled / source.stem / "LC_MESSAGES" / "blog.mo"
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            target.parent.mkdir(parents=True, exist_ok=True)
            _compile(source, target)
    compiled.mkdir(parents=True, exist_ok=True)
    cyclone.locale.load_gettext_translations(str(compiled), "blog")
    cyclone.locale.set_default_locale("en")


def _compile(source: Path, target: Path) -> None:
    try:
        from babel.messages.mofile import write_mo
        from babel.messages.pofile import read_po
    except ImportError:
        app_log.warning("No translation from %s: pip install cyclone[locale]", source.name)
        return
    with source.open("rb") as file:
        catalog = read_po(file, locale=source.stem, domain="blog")
    draft = target.with_suffix(".new")
    with draft.open("wb") as file:
        write_mo(file, catalog)
    draft.replace(target)
