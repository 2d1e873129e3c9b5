"""`Locale`: the language and conventions of a user, and its two kinds."""

from __future__ import annotations

import builtins
import datetime
import gettext
from collections.abc import Mapping, Sequence

from cyclone.log import gen_log

from . import formats
from .cldr import rules_of
from .formats import DateWords
from .names import LOCALE_NAMES
from .registry import Catalog, CSVTable, locale_for, registry

__all__ = ["CONTEXT_SEPARATOR", "CSVLocale", "GettextLocale", "Locale"]

#: Between a context and a message in gettext's catalogs.
CONTEXT_SEPARATOR = "\x04"

#: Languages that are written from right to left.
_RTL = ("ar", "fa", "he", "ur", "yi", "ps", "sd", "ug", "dv")


class Locale:
    """A language, and how its speakers write dates, numbers and lists (Tornado).

    `get` and `get_closest` return one of the two subclasses.

    Attributes:
        code (str): such as ``pt_BR``.
        name (str): what its speakers call it, ``Unknown`` if it is not in `LOCALE_NAMES`.
        rtl (bool): it is written from right to left.
    """

    def __init__(self, code: str) -> None:
        self.code = code
        self.name = LOCALE_NAMES.get(code, {}).get("name", "Unknown")
        self.rtl = code.partition("_")[0] in _RTL
        self._words = DateWords(code, self.translate)
        self._months = self._words.months
        self._weekdays = self._words.weekdays
        self._rules = rules_of(code)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.code}>"

    @classmethod
    def get_closest(cls, *locale_codes: str) -> Locale:
        """The locale for the first of some codes that is supported, exactly or as a language.

        ``pt-br`` finds ``pt_BR``, else ``pt``; ``zh-Hant-TW`` finds ``zh_Hant_TW``, ``zh_TW`` or
        ``zh``. If there is none, the default locale.
        """
        supported = registry.supported
        for given in locale_codes:
            for code in _candidates(given) if given else ():
                if code in supported:
                    return cls.get(code)
        return cls.get(registry.default)

    @classmethod
    def get(cls, code: str) -> Locale:
        """The locale of exactly this code.

        Raises:
            LookupError: it has no catalog and is not the default.
        """
        locale: Locale = locale_for(code, _make)
        return locale

    def translate(
        self, message: str, plural_message: str | None = None, count: int | None = None
    ) -> str:
        """Translate a message, or choose between two by a number.

        Args:
            message: in the default language; the singular if there is `plural_message`.
            count: the number that decides between the two.

        Returns:
            the translation, with the placeholders of the message; the message if there is none.

        Raises:
            ValueError: `plural_message` without `count`.
        """
        raise NotImplementedError

    def pgettext(
        self,
        context: str,
        message: str,
        plural_message: str | None = None,
        count: int | None = None,
    ) -> str:
        """`translate` a message that means different things in different contexts.

        A catalog of gettext has a translation for each context::

            locale.pgettext("law", "right")
            locale.pgettext("direction", "right")
            locale.pgettext("organization", "club", "clubs", len(clubs))
        """
        raise NotImplementedError

    # -- dates, numbers, lists

    def format_date(
        self,
        date: float | datetime.datetime,
        gmt_offset: float = 0,
        relative: bool = True,
        shorter: bool = False,
        full_format: bool = False,
    ) -> str:
        """Write a date in the past: ``2 minutes ago``, ``Sunday at 6:35 pm``.

        Args:
            date: seconds since 1970, or a datetime; a naive one counts as UTC.
            gmt_offset: minutes that the reader's clock is behind UTC.
            relative: "ago" and "yesterday" may be used.
            shorter: leave out the time of dates that are a day old or older.
            full_format: write the whole date. Dates in the future always are.
        """
        now = datetime.datetime.now(datetime.UTC)
        if isinstance(date, (int, float)):
            date = datetime.datetime.fromtimestamp(date, datetime.UTC)
        if date.tzinfo is None:
            date = date.replace(tzinfo=datetime.UTC)
        if date > now:
            if relative and (date - now).total_seconds() < 60:
                date = now  # clocks differ a little
            else:
                full_format = True
        ago = now - date
        if relative and not full_format and ago.days == 0:
            return self._since(ago.seconds)
        local = formats.localized(date, gmt_offset)
        message = formats.date_message(
            ago,
            local,
            formats.localized(now, gmt_offset),
            relative=relative,
            shorter=shorter,
            full=full_format,
        )
        return self._write_date(message, local)

    def format_day(self, date: datetime.datetime, gmt_offset: float = 0, dow: bool = True) -> str:
        """Write a day of the year: ``Sunday, April 28``.

        Args:
            gmt_offset: minutes that the reader's clock is behind that of `date`.
            dow: with the day of the week.
        """
        message = "%(month_name)s %(day)s"
        if dow:
            message = f"%(weekday)s, {message}"
        return self._write_date(message, formats.localized(date, gmt_offset))

    def list(self, parts: Sequence[str]) -> str:
        """Write a list: ``A, B and C``."""
        if self._rules is not None and not self._translates("%(commas)s and %(last)s"):
            return self._rules.joined(parts)
        return formats.joined(parts, self.code, self.translate)

    def friendly_number(self, value: int) -> str:
        """Write a whole number with separators: ``1,000,000``."""
        if self._rules is not None:
            return self._rules.number(value)
        return formats.grouped(value, self.code)

    def _translates(self, message: str) -> bool:
        """Whether the catalog has a translation that is no copy."""
        return self.translate(message) != message

    def _since(self, seconds: int) -> str:
        if self._rules is not None and not self._translates_since():
            return self._rules.since(seconds)
        return formats.since(seconds, self.translate)

    def _translates_since(self) -> bool:
        message, plural = "1 minute ago", "%(minutes)d minutes ago"
        return self.translate(message, plural, 2) != plural

    def _write_date(self, message: str, local: datetime.datetime) -> str:
        # A catalog that knows the months is meant to write dates.
        known = self._translates(message) or self._months != builtins.list(formats.MONTHS)
        if self._rules is not None and not known:
            return self._rules.date(message, local)
        return self._words.write(message, local)


class CSVLocale(Locale):
    """A locale with a catalog from `load_translations`, or with none."""

    def __init__(self, code: str, translations: CSVTable) -> None:
        self.translations = translations
        super().__init__(code)

    def translate(
        self, message: str, plural_message: str | None = None, count: int | None = None
    ) -> str:
        """See `Locale.translate`."""
        kind = "unknown"
        if plural_message is not None:
            if _checked(count) == 1:
                kind = "singular"
            else:
                kind, message = "plural", plural_message
        return self.translations.get(kind, {}).get(message, message)

    def pgettext(
        self,
        context: str,
        message: str,
        plural_message: str | None = None,
        count: int | None = None,
    ) -> str:
        """As `translate`: CSV files have no contexts, which is said in the log."""
        if self.translations:
            gen_log.warning("pgettext is not supported by CSVLocale")
        return self.translate(message, plural_message, count)


class GettextLocale(Locale):
    """A locale with a catalog from `load_gettext_translations`.

    Attributes:
        gettext, ngettext: the methods of the catalog.
    """

    def __init__(self, code: str, translations: gettext.NullTranslations) -> None:
        self.gettext = translations.gettext
        self.ngettext = translations.ngettext
        self._pgettext = translations.pgettext
        self._npgettext = translations.npgettext
        super().__init__(code)

    def translate(
        self, message: str, plural_message: str | None = None, count: int | None = None
    ) -> str:
        """See `Locale.translate`."""
        if plural_message is not None:
            return self.ngettext(message, plural_message, _checked(count))
        # gettext keeps the head of the catalog as the translation of nothing.
        return self.gettext(message) if message else ""

    def pgettext(
        self,
        context: str,
        message: str,
        plural_message: str | None = None,
        count: int | None = None,
    ) -> str:
        """See `Locale.pgettext`."""
        if plural_message is not None:
            return self._npgettext(context, message, plural_message, _checked(count))
        return self._pgettext(context, message)


def _checked(count: int | None) -> int:
    if count is None:
        raise ValueError("a plural message needs the count that decides")
    return count


def _make(code: str, catalog: Catalog) -> Locale:
    if isinstance(catalog, Mapping):
        return CSVLocale(code, catalog)
    return GettextLocale(code, catalog)


def _candidates(code: str) -> Sequence[str]:
    """The codes that come closest to one, the best first."""
    parts = code.replace("-", "_").split("_", 3)
    language = parts[0].lower()
    if len(parts) == 1:
        return (language,)
    region = parts[-1].upper()
    if len(parts) == 2:
        return (f"{language}_{region}", f"{language}_{parts[1].title()}", language)
    script = parts[1].title()
    return (
        f"{language}_{script}_{region}",
        f"{language}_{script}",
        f"{language}_{region}",
        language,
    )
