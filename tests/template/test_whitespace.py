"""White space: modes, by argument, by loader, by name and by tag."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.template import DictLoader, Template, TemplateError, filter_whitespace


@pytest.mark.parametrize(
    ("mode", "text", "expected"),
    [
        ("all", " \t\n a  b \n\n", " \t\n a  b \n\n"),
        ("single", "   \n\t\n asdf\t   ", "\nasdf "),
        ("single", "a \t b", "a b"),
        ("single", "a\x0b\x0b b", "a\x0b\x0b b"),
        ("single", "a\x0b\n\x0bb", "a\nb"),
        ("oneline", "   \n\t\n asdf\t   ", " asdf "),
        ("oneline", "a\u00a0\u2003b", "a b"),
    ],
)
def test_modes(mode: str, text: str, expected: str) -> None:
    assert filter_whitespace(mode, text) == expected


def test_there_are_no_other_modes() -> None:
    with pytest.raises(TemplateError, match="invalid whitespace mode some"):
        filter_whitespace("some", "")


@given(st.text(st.sampled_from("ab \t\r\n\x0b\u2003")))
def test_class_3_single_is_what_slow_expressions_say(text: str) -> None:
    slow = re.sub(r"(\s*\n\s*)", "\n", re.sub(r"([\t ]+)", " ", text))
    assert filter_whitespace("single", text) == slow


def test_by_name_of_the_file_also_of_included_ones() -> None:
    loader = DictLoader(
        {
            "foo.html": "   \n\t\n asdf\t   ",
            "bar.js": " \n\n\n\t qwer     ",
            "baz.txt": "\t    zxcv\n\n",
            "include.html": "  {% include baz.txt %} \n ",
            "include.txt": "\t\t{% include foo.html %}    ",
        }
    )
    pages = {name: loader.load(name).generate() for name in loader.dict}
    assert pages == {
        "foo.html": b"\nasdf ",
        "bar.js": b"\nqwer ",
        "baz.txt": b"\t    zxcv\n\n",
        "include.html": b" \t    zxcv\n\n\n",
        "include.txt": b"\t\t\nasdf     ",
    }


@pytest.mark.parametrize(("mode", "page"), [("all", b"\t\tx\n\n"), ("oneline", b" x ")])
def test_by_loader(mode: str, page: bytes) -> None:
    loader = DictLoader({"a.html": "\t\tx\n\n", "a.txt": "\t\tx\n\n"}, whitespace=mode)
    assert loader.load("a.html").generate() == loader.load("a.txt").generate() == page


def test_a_loader_refuses_unknown_modes() -> None:
    with pytest.raises(TemplateError):
        DictLoader({}, whitespace="some")


def test_by_tag_from_there_on() -> None:
    template = Template("a  b{% whitespace oneline %}\n a \n{% whitespace all %}\n a", "x.html")
    assert template.generate() == b"a b a \n a"


def test_preformatted_text_is_left_alone() -> None:
    assert Template("<pre>a\n\n  b</pre>", "x.html").generate() == b"<pre>a\n\n  b</pre>"
