"""Dates, numbers and lists: in Tornado's words, in those of a catalog, and by CLDR."""

from __future__ import annotations

import datetime
from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.locale import CSVLocale, cldr
from cyclone.locale.classes import Locale
from cyclone.locale.formats import date_message

SUNDAY = datetime.datetime(2013, 4, 28, 18, 35)
NOW = datetime.datetime(2020, 6, 15, 12, 0, tzinfo=UTC)


@pytest.fixture
def without_babel(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(cldr, "babel", None)
    cldr.rules_of.cache_clear()
    yield
    cldr.rules_of.cache_clear()


def english() -> Locale:
    return CSVLocale("en_US", {})


def ago(locale: Locale, **kwargs: Any) -> str:
    """A date some time ago, counted from now."""
    options = {name: kwargs.pop(name) for name in ("relative", "shorter") if name in kwargs}
    date = datetime.datetime.now(UTC) - timedelta(**kwargs)
    return locale.format_date(date, **options)


def test_how_long_ago() -> None:
    assert ago(english(), seconds=1) == "1 second ago"
    assert ago(english(), seconds=30) == "30 seconds ago"
    assert ago(english(), seconds=50) == "1 minute ago"
    assert ago(english(), minutes=10) == "10 minutes ago"
    assert ago(english(), minutes=55) == "1 hour ago"
    assert ago(english(), hours=5) == "5 hours ago"


def test_numbers_and_naive_dates_are_utc() -> None:
    now = datetime.datetime.now(UTC)
    assert english().format_date((now - timedelta(hours=2)).timestamp()) == "2 hours ago"
    assert english().format_date(int(now.timestamp()) - 7200) == "2 hours ago"
    assert english().format_date(now.replace(tzinfo=None) - timedelta(hours=2)) == "2 hours ago"


def test_the_future_is_written_in_full() -> None:
    date = datetime.datetime(2999, 1, 2, 15, 4, tzinfo=UTC)
    assert english().format_date(date) == "January 2, 2999 at 3:04 pm"
    assert english().format_date(date, shorter=True) == "January 2, 2999"


def test_clocks_may_differ_by_a_minute() -> None:
    date = datetime.datetime.now(UTC) + timedelta(seconds=20)
    assert english().format_date(date) == "0 seconds ago"
    assert english().format_date(date, relative=False).endswith("m")


def test_full_dates() -> None:
    assert english().format_date(SUNDAY, full_format=True) == "April 28, 2013 at 6:35 pm"
    assert english().format_date(SUNDAY, gmt_offset=600, full_format=True) == (
        "April 28, 2013 at 8:35 am"
    )
    assert english().format_date(SUNDAY, shorter=True) == "April 28, 2013"


def message(relative: bool = True, shorter: bool = False, full: bool = False, **ago: float) -> str:
    delta = timedelta(**ago)
    return date_message(delta, NOW - delta, NOW, relative=relative, shorter=shorter, full=full)


def test_which_message() -> None:
    assert message(hours=3) == message(hours=3, shorter=True) == "%(time)s"
    assert message(hours=25) == "yesterday at %(time)s"
    assert message(hours=25, shorter=True) == "yesterday"
    assert message(hours=25, relative=False) == "%(weekday)s at %(time)s"
    assert message(hours=47) == "%(weekday)s at %(time)s"  # the day before yesterday
    assert message(days=4, shorter=True) == "%(weekday)s"
    assert message(days=5) == "%(month_name)s %(day)s at %(time)s"
    assert message(days=333, shorter=True) == "%(month_name)s %(day)s"
    assert message(days=334) == "%(month_name)s %(day)s, %(year)s at %(time)s"
    assert message(hours=1, full=True) == "%(month_name)s %(day)s, %(year)s at %(time)s"


def test_days() -> None:
    assert english().format_day(SUNDAY) == "Sunday, April 28"
    assert english().format_day(SUNDAY, dow=False) == "April 28"
    assert english().format_day(SUNDAY, gmt_offset=24 * 60) == "Saturday, April 27"


def test_lists_and_numbers() -> None:
    locale = english()
    assert [locale.list(["A", "B", "C"][:n]) for n in range(4)] == [
        "",
        "A",
        "A and B",
        "A, B and C",
    ]
    assert locale.friendly_number(1000000) == "1,000,000"
    assert locale.friendly_number(-1234) == "-1,234"


# --- a catalog -----------------------------------------------------------------------------------

CATALOG = {
    "unknown": {
        "April": "abril",
        "Sunday": "domingo",
        "%(month_name)s %(day)s": "%(day)s de %(month_name)s",
        "%(weekday)s, %(month_name)s %(day)s": "%(weekday)s %(day)s de %(month_name)s",
        "%(commas)s and %(last)s": "%(commas)s e %(last)s",
    },
    "plural": {"%(minutes)d minutes ago": "faz %(minutes)d minutos"},
}


def test_the_catalog_has_the_first_word() -> None:
    locale = CSVLocale("pt_BR", CATALOG)
    assert locale.format_day(SUNDAY) == "domingo 28 de abril"
    assert locale.format_day(SUNDAY, dow=False) == "28 de abril"
    assert locale.list(["a", "b", "c"]) == "a, b e c"
    assert ago(locale, minutes=7) == "faz 7 minutos"
    assert locale.format_date(SUNDAY, full_format=True) == "abril 28, 2013 at 18:35"


# --- CLDR ----------------------------------------------------------------------------------------


def test_cldr() -> None:
    locale = CSVLocale("de_DE", {})
    assert locale.format_day(SUNDAY) == "Sonntag, 28. April"
    assert locale.format_day(SUNDAY, dow=False) == "28. April"
    assert locale.format_date(SUNDAY, full_format=True) == "28. April 2013, 18:35"
    assert locale.format_date(SUNDAY, shorter=True) == "28. April 2013"
    assert ago(locale, minutes=2) == "vor 2 Minuten"
    assert ago(locale, seconds=2) == "vor 2 Sekunden"
    assert locale.list(["A", "B", "C"]) == "A, B und C"
    assert locale.friendly_number(1234567) == "1.234.567"
    assert locale._rules is not None
    assert not locale._rules.rtl()
    assert CSVLocale("he_IL", {})._rules.rtl()  # type: ignore[union-attr]


def test_cldr_dates_of_this_week_and_year() -> None:
    rules = cldr.rules_of("de")
    assert rules is not None
    at_half_past_six = datetime.datetime(2013, 4, 28, 18, 35, tzinfo=UTC)
    assert rules.date("%(time)s", at_half_past_six) == "18:35"
    assert rules.date("%(weekday)s", at_half_past_six) == "Sonntag"
    assert rules.date("%(weekday)s at %(time)s", at_half_past_six) == "Sonntag, 18:35"
    assert rules.date("%(month_name)s %(day)s at %(time)s", at_half_past_six) == "28. April, 18:35"
    assert rules.date("yesterday", at_half_past_six) == "vor 1 Tag"
    assert rules.date("yesterday at %(time)s", at_half_past_six) == "vor 1 Tag, 18:35"


@pytest.mark.parametrize("code", ["en_US", "en", "en_GB"])
def test_english_is_tornados(code: str) -> None:
    assert cldr.rules_of(code) is None


@pytest.mark.parametrize("code", ["xx_YY", "es_LA_", "not a code", ""])
def test_unknown_languages(code: str) -> None:
    assert cldr.rules_of(code) is None


def test_a_language_without_the_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cldr.dates, "match_skeleton", lambda *args: None)
    rules = cldr.Rules(cldr.babel.Locale.parse("de"))
    assert rules.date("%(month_name)s %(day)s", SUNDAY) == "28. April 2013"


@pytest.mark.usefixtures("without_babel")
def test_without_babel() -> None:
    locale = CSVLocale("de_DE", {})
    assert locale.format_day(SUNDAY) == "Sunday, April 28"
    assert locale.format_date(SUNDAY, full_format=True) == "April 28, 2013 at 18:35"
    assert locale.friendly_number(1234567) == "1234567"
    assert ago(locale, minutes=2) == "2 minutes ago"
    assert CSVLocale("fa_IR", {}).list(["a", "b", "c"]) == "a و b and c"
    chinese = CSVLocale("zh_CN", {})
    assert chinese.format_date(SUNDAY, full_format=True).endswith("下午6:35")


@given(
    st.sampled_from(["en_US", "de", "fa_IR", "ja", "pt_BR", "xx"]),
    st.datetimes(min_value=datetime.datetime(1970, 1, 3), max_value=datetime.datetime(2900, 1, 1)),
    st.integers(-840, 840),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_any_date(
    code: str, date: datetime.datetime, offset: int, relative: bool, shorter: bool, full: bool
) -> None:
    text = CSVLocale(code, {}).format_date(date, offset, relative, shorter, full)
    assert text
    assert "%(" not in text
