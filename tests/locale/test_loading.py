"""Catalogs from files, what they translate, and which locale comes closest."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone import locale
from cyclone.locale import CSVLocale, GettextLocale, Locale
from cyclone.locale.loading import read_rows
from tests.locale.catalogs import write_mo
from tests.web.support import recorded_log

SPANISH = """\
"Sign out","Salir"
"%(n)d file","%(n)d archivo","singular"
"%(n)d files","%(n)d archivos","plural"
"lonely"
"odd","raro","sometimes"
"""


def load_csv(
    path: Path, text: str = SPANISH, written: str = "utf-8", encoding: str | None = None
) -> Locale:
    (path / "es_LA.csv").write_bytes(text.encode(written))
    locale.load_translations(str(path), encoding)
    return locale.get("es_LA")


def test_csv(tmp_path: Path) -> None:
    with recorded_log() as lines:
        spanish = load_csv(tmp_path)
    assert isinstance(spanish, CSVLocale)
    assert repr(spanish) == "<CSVLocale es_LA>"
    assert spanish.name == "Español"
    assert spanish.translate("Sign out") == "Salir"
    assert spanish.translate("unknown") == "unknown"
    assert spanish.translate("%(n)d file", "%(n)d files", 1) == "%(n)d archivo"
    assert spanish.translate("%(n)d file", "%(n)d files", 0) == "%(n)d archivos"
    assert "odd" not in spanish.translations.get("unknown", {})
    assert any("Unrecognized plural indicator 'sometimes'" in str(line) for line in lines)
    assert locale.get_supported_locales() == {"es_LA", "en_US"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_csv_encodings(tmp_path: Path, encoding: str) -> None:
    # A file in UTF-16 does not decide for those after it.
    (tmp_path / "de.csv").write_bytes('"a","ä"'.encode("utf-16"))
    assert load_csv(tmp_path, '"school","école"\n', encoding).translate("school") == "école"
    assert locale.get("de").translate("a") == "ä"


def test_csv_encoding_given(tmp_path: Path) -> None:
    spanish = load_csv(tmp_path, '"n","ñ"\n', "latin-1", encoding="latin-1")
    assert spanish.translate("n") == "ñ"


@pytest.mark.parametrize("data", [b'"a","\xff"', b'"a","' + b"x" * 200_000 + b'"'])
def test_csv_that_cannot_be_read(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "es.csv").write_bytes(data)
    with pytest.raises(ValueError, match=r"cannot read the translations in .*es\.csv"):
        locale.load_translations(str(tmp_path))


def test_csv_names(tmp_path: Path) -> None:
    for name in ("readme.txt", "Spanish.csv", "es.old.csv", "zh_Hant_TW.csv", "es_419.csv"):
        (tmp_path / name).write_text('"a","b"')
    with recorded_log() as lines:
        locale.load_translations(str(tmp_path))
    assert locale.get_supported_locales() == {"zh_Hant_TW", "es_419", "en_US"}
    assert sum("Unrecognized locale" in str(line) for line in lines) == 2


@given(st.lists(st.lists(st.text(), max_size=5)))
def test_rows_of_any_kind(rows: list[list[str]]) -> None:
    catalog = read_rows(rows, "x.csv")
    assert set(catalog) <= {"plural", "singular", "unknown"}
    assert sum(map(len, catalog.values())) <= len(rows)


@given(st.dictionaries(st.text("abc%()d é,\"'"), st.text("xyz%()d é,\"'")))
def test_csv_round_trip(messages: dict[str, str]) -> None:
    file = io.StringIO()
    csv.writer(file).writerows(messages.items())
    file.seek(0)
    expected = {key.strip(): value.strip() for key, value in messages.items()}
    assert read_rows(csv.reader(file), "x.csv").get("unknown", {}) == expected


def test_csv_has_no_contexts(tmp_path: Path) -> None:
    spanish = load_csv(tmp_path)
    with recorded_log() as lines:
        assert spanish.pgettext("menu", "Sign out") == "Salir"
    assert any("pgettext is not supported" in str(line) for line in lines)
    with recorded_log() as lines:
        assert locale.get("en_US").pgettext("menu", "a", "b", 2) == "b"
    assert not lines


MESSAGES = {
    "school": "école",
    "%(n)d file\0%(n)d files": "%(n)d fichier\0%(n)d fichiers",
    "law\x04right": "droit",
    "stick\x04club\0clubs": "bâton\0bâtons",
}


def test_gettext(tmp_path: Path) -> None:
    write_mo(tmp_path, "fr_FR", MESSAGES)
    (tmp_path / "empty").mkdir()
    locale.load_gettext_translations(str(tmp_path))  # the domain is that of cyclone 1.x
    french = locale.get("fr-fr")
    assert isinstance(french, GettextLocale)
    assert french.translate("school") == french.gettext("school") == "école"
    assert french.translate("") == ""
    assert french.translate("%(n)d file", "%(n)d files", 1) == "%(n)d fichier"
    assert french.translate("%(n)d file", "%(n)d files", 3) == "%(n)d fichiers"
    assert french.ngettext("a", "b", 2) == "b"
    assert french.pgettext("law", "right") == "droit"
    assert french.pgettext("direction", "right") == "right"
    assert french.pgettext("stick", "club", "clubs", 1) == "bâton"
    assert french.pgettext("stick", "club", "clubs", 2) == "bâtons"
    assert french.pgettext("night", "club", "clubs", 2) == "clubs"


def test_gettext_domain(tmp_path: Path) -> None:
    write_mo(tmp_path, "fr", MESSAGES, domain="site")
    locale.load_gettext_translations(str(tmp_path))
    assert locale.get_supported_locales() == {"en_US"}
    locale.load_gettext_translations(str(tmp_path), "site")
    assert locale.get("fr_CA").code == "fr"


def test_gettext_file_that_cannot_be_read(tmp_path: Path) -> None:
    write_mo(tmp_path, "fr", MESSAGES).write_bytes(b"no catalog")
    write_mo(tmp_path, "de", {"school": "Schule"})
    with recorded_log() as lines:
        locale.load_gettext_translations(str(tmp_path))
    assert any("Cannot load translation for 'fr'" in str(line) for line in lines)
    assert locale.get("fr", "de").translate("school") == "Schule"


def test_a_plural_needs_its_count(tmp_path: Path) -> None:
    write_mo(tmp_path, "fr", MESSAGES)
    locale.load_gettext_translations(str(tmp_path))
    for found in (locale.get("fr"), locale.get("en_US")):
        with pytest.raises(ValueError, match="needs the count"):
            found.translate("a", "b")


def test_a_locale_of_ones_own() -> None:
    with pytest.raises(NotImplementedError):
        Locale("xx")


class Shouting(CSVLocale):
    def translate(self, message: str, *args: object) -> str:
        return message.upper()


def test_subclasses() -> None:
    assert Shouting("xx", {}).name == "Unknown"
    assert Locale.pgettext.__doc__
    with pytest.raises(NotImplementedError):
        Locale.pgettext(Shouting("xx", {}), "a", "b")


def test_loading_again_forgets(tmp_path: Path) -> None:
    first = load_csv(tmp_path)
    assert locale.get("es_LA") is first
    second = load_csv(tmp_path, '"Sign out","Cerrar sesión"')
    assert second.translate("Sign out") == "Cerrar sesión"
    assert first.translate("Sign out") == "Salir"  # requests that run keep what they have


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (["pt_BR"], "pt_BR"),
        (["pt-br"], "pt_BR"),
        (["PT"], "en_US"),
        (["es-MX"], "es"),
        (["ES"], "es"),
        (["", "xx", "es"], "es"),
        (["xx", "pt-BR", "es"], "pt_BR"),
        (["zh-hant-tw"], "zh_Hant"),
        (["zh-Hant"], "zh_Hant"),
        (["sr-Latn-RS"], "sr_RS"),
        (["a-b-c-d-e-f"], "en_US"),
        (["de-DE-1996"], "de"),
        (["-"], "en_US"),
        ([], "en_US"),
    ],
)
def test_closest(tmp_path: Path, codes: list[str], expected: str) -> None:
    for code in ("pt_BR", "es", "zh_Hant", "sr_RS", "de"):
        (tmp_path / f"{code}.csv").write_text('"a","b"')
    locale.load_translations(str(tmp_path))
    assert Locale.get_closest(*codes).code == expected


@given(st.text())
def test_closest_to_anything(code: str) -> None:
    assert Locale.get_closest(code).code == "en_US"


def test_exactly() -> None:
    assert Locale.get("en_US") is locale.get("tlh")
    with pytest.raises(LookupError, match="'tlh' is not supported"):
        Locale.get("tlh")


def test_default_locale(tmp_path: Path) -> None:
    load_csv(tmp_path)
    locale.set_default_locale("pt_BR")
    assert locale.get("xx").code == "pt_BR"
    assert locale.get("es_LA").translate("Sign out") == "Salir"
    assert locale.get_supported_locales() == {"es_LA", "pt_BR"}


def test_names_of_languages() -> None:
    assert locale.LOCALE_NAMES["es_LA"] == {"name_en": "Spanish", "name": "Español"}
    assert all(set(names) == {"name", "name_en"} for names in locale.LOCALE_NAMES.values())
    assert CSVLocale("he_IL", {}).rtl
    assert not CSVLocale("es_LA", {}).rtl
