"""Messages in templates, found by Babel itself."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract, extract_from_dir
from babel.messages.frontend import CommandLineInterface
from babel.messages.pofile import read_po

from cyclone.template import ParseError, babel

TEMPLATE = """\
{% extends "base.html" %}
<h1>{{ _("Title") }}</h1>{{ _('a') }} {{ _("b") + gettext("c") }}
{% if _("really") == answer %}{{ ngettext("%d file", "%d files", n) % n }}{% end %}
{{ pgettext("menu", "Open") }}
{# NOTE: the name of the shop,
   not translated in Spanish #}
{{ _("Shop") }}
{# an ordinary comment #}{{ _("plain") }}
{% set x = [
   _("in a list"),
   escape(_("inside")),
] %}
{% for word in _("one two").split() %}{{ word }}{% end %}
{% module Menu(_("item"), title=_("nested")) %}{% raw _("raw") %}
{% apply shorten(_("applied")) %}{% end %}
{{ locale.translate("translated") }} {{ _("one", "many", n) }}
{{ pgettext("ctx", "one", "many", n) }} {{ _(variable) }} {{ name.translate(table) }}
{% comment NOTE: by tag %}{% raw _("tagged") %}
{# NOTE: far away #}


{{ _("near") }}
{{! _("escaped") }} {% try %}{% except KeyError if _("except") else ValueError %}{% end %}
{% block x %}{{ _("block") }}{% end %}
"""

EXPECTED = [
    (2, "Title", [], None),
    (2, "a", [], None),
    (2, "b", [], None),
    (2, "c", [], None),
    (3, "really", [], None),
    (3, ("%d file", "%d files"), [], None),
    (4, "Open", [], "menu"),
    (7, "Shop", ["NOTE: the name of the shop,", "not translated in Spanish"], None),
    (8, "plain", [], None),
    (10, "in a list", [], None),
    (11, "inside", [], None),
    (13, "one two", [], None),
    (14, "item", [], None),
    (14, "nested", [], None),
    (14, "raw", [], None),
    (15, "applied", [], None),
    (16, "translated", [], None),
    (16, ("one", "many"), [], None),
    (17, ("one", "many"), [], "ctx"),
    (18, "tagged", ["NOTE: by tag"], None),
    (22, "near", [], None),
    (23, "except", [], None),
    (24, "block", [], None),
]


def messages(text: str, **options: Any) -> list[Any]:
    return list(
        extract("cyclone", io.BytesIO(text.encode()), comment_tags=("NOTE:",), options=options)
    )


def test_babel_finds_the_messages() -> None:
    assert messages(TEMPLATE) == EXPECTED


def test_the_encoding_is_an_option() -> None:
    file = io.BytesIO('{{ _("é") }}'.encode("latin-1"))
    assert list(extract("cyclone", file, options={"encoding": "latin-1"})) == [(1, "é", [], None)]


def test_pybabel_extract_writes_a_catalogue(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text(TEMPLATE)
    (tmp_path / "babel.cfg").write_text("[cyclone: templates/**.html]\nencoding = utf-8\n")
    catalogue = tmp_path / "messages.pot"
    command = ["pybabel", "-q", "extract", "-F", str(tmp_path / "babel.cfg"), "-c", "NOTE:"]
    CommandLineInterface().run([*command, "-o", str(catalogue), str(tmp_path)])
    with catalogue.open("rb") as file:
        found = {(m.id, m.context) for m in read_po(file) if m.id}
    assert found == {(text, context) for _, text, _, context in EXPECTED}
    rows = extract_from_dir(tmp_path, [("**.html", "cyclone")])
    assert {row[0] for row in rows} == {"templates/page.html"}


def test_only_the_keywords_asked_for_are_found() -> None:
    def found(*keywords: str) -> list[Any]:
        text = '{{ _("a", "b", n) }}{{ tr("c") }}{{ locale.translate("d") }}'
        file = io.BytesIO(text.encode())
        return [row[:3] for row in babel.extract(file, keywords, (), {})]

    assert found("tr") == [(1, "tr", "c")]
    assert found(*DEFAULT_KEYWORDS) == [(1, "ngettext", ("a", "b", None)), (1, "_", "d")]
    assert found("translate") == [(1, "translate", "d")]
    assert found("_") == [(1, "_", ("a", "b", None)), (1, "_", "d")]


@pytest.mark.parametrize("text", ['{% if x %}\n{{ _("a" }}{% end %}', "\n{{ _('a }}"])
def test_what_is_no_python_is_told_with_its_place(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        messages(text)
    assert caught.value.lineno == 2


def test_what_is_no_template_is_told() -> None:
    with pytest.raises(ParseError, match="Missing end expression"):
        messages("{{ _('a')")
