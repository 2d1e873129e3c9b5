"""demos/locale: every language of it, and how one gets there."""

from __future__ import annotations

import importlib
import re
import sys
from typing import Any

import pytest

from cyclone.testing import Client
from tests.demos.loading import DEMOS, load

LOCALE = DEMOS / "locale"
NEEDED = pytest.importorskip("babel")


@pytest.fixture(scope="module")
def demo() -> Any:
    return load("locale")


@pytest.fixture(scope="module")
def app(demo: Any) -> Any:
    return demo.Application()


@pytest.fixture
def client(app: Any) -> Client:
    return Client(app)


def says(client: Client, language: str, count: int) -> str:
    page = client.get(f"/{language}/?apples={count}")
    assert page.status == 200 and page.headers["Content-Language"] == language
    found = re.search(r'id="says">([^<]*)<', page.text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("language", "count", "expected"),
    [
        ("en", 0, "The basket is empty."),
        ("en", 1, "There is 1 apple in the basket."),
        ("en", 1000, "There are 1,000 apples in the basket."),
        ("de", 1000, "Im Korb sind 1.000 Äpfel."),
        ("pl", 1, "W koszu jest 1 jabłko."),
        ("pl", 22, "W koszu są 22 jabłka."),
        ("pl", 12, "W koszu jest 12 jabłek."),
        ("ar", 2, "في السلة تفاحتان (2)."),
        ("ja", 7, "かごにはりんごが7個あります。"),
        ("es", 1, "Hay 1 manzana en la cesta."),
    ],
)
def test_plural_forms(client: Client, language: str, count: int, expected: str) -> None:
    digits = str.maketrans("٠١٢٣٤٥٦٧٨٩", "0123456789")  # whichever CLDR has for Arabic
    assert says(client, language, count).translate(digits) == expected


def test_words_and_directions(client: Client) -> None:
    german, arabic = client.get("/de/").text, client.get("/ar/").text
    assert '<dd id="state">geöffnet</dd>' in german and '<dd id="action">Öffnen</dd>' in german
    assert "Birnen, Pflaumen und Kirschen" in german and "1.234.567" in german
    assert '<html lang="de" dir="ltr">' in german and '<html lang="ar" dir="rtl">' in arabic
    assert 'lang="ja">日本語</a>' in german and 'hreflang="pl"' in german


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr, ja;q=0.5, pl;q=0.7", "pl"),
        ("fr;q=1, *;q=0.1", "en"),
        ("de;q=0, es", "es"),
        ("DE", "de"),
        ("de;q=x, ;;;, =, ja;q=0.1", "ja"),
        ("de;q=2", "en"),
        ("de;q=nan", "en"),
    ],
)
def test_the_browser_is_asked(client: Client, accepted: str, language: str) -> None:
    answer = client.get("/", headers={"Accept-Language": accepted}, follow_redirects=False)
    assert answer.status == 302 and answer.headers["Location"] == f"/{language}/"
    assert answer.headers["Vary"] == "Accept-Language, Cookie"


def test_what_was_chosen_is_remembered(client: Client) -> None:
    client.get("/ja/")
    answer = client.get("/", headers={"Accept-Language": "de"}, follow_redirects=False)
    assert answer.headers["Location"] == "/ja/"
    field = {"Accept-Language": "de", "Cookie": "locale_demo_language=xx"}
    fresh = Client(client.app).get("/", headers=field, follow_redirects=False)
    assert fresh.headers["Location"] == "/de/"


@pytest.mark.parametrize("apples", ["-1", "x", "1.5", "1000000001", "9" * 30, "٣"])
def test_what_is_no_number(client: Client, apples: str) -> None:
    assert client.get(f"/en/?apples={apples}").status == 400
    assert client.get("/xx/").status == 404


def test_catalogs_are_complete() -> None:
    pofile = importlib.import_module("babel.messages.pofile")
    extract = importlib.import_module("babel.messages.extract")
    keywords = {**extract.DEFAULT_KEYWORDS, "pgettext": ((1, "c"), 2)}
    methods = [("templates/**.html", "cyclone")]
    found = {
        (message, context)
        for _, _, message, _, context in extract.extract_from_dir(
            str(LOCALE), methods, keywords=keywords
        )
    }
    assert len(found) > 20
    catalogs = sorted((LOCALE / "locale").glob("*.po"))
    assert [path.stem for path in catalogs] == ["ar", "de", "es", "ja", "pl"]
    for path in catalogs:
        with path.open("rb") as file:
            catalog = pofile.read_po(file, locale=path.stem)
        assert {(message.id, message.context) for message in catalog if message.id} == found
        for message in catalog:
            if message.id:
                strings = [message.string] if isinstance(message.string, str) else message.string
                assert all(strings) and not message.fuzzy, message
                assert not list(message.check(catalog)), message


def test_without_babel(demo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "babel.messages.mofile", None)
    client = Client(demo.Application())
    assert says(client, "en", 2) == "There are 2 apples in the basket."
    assert client.get("/de/").status == 404
