"""extends, block, super and include."""

from __future__ import annotations

import pytest

from cyclone.template import DictLoader, ParseError


def page(templates: dict[str, str], name: str = "page", **names: object) -> str:
    return str(DictLoader(templates).load(name).generate(**names), "utf-8")


BASE = "<title>{% block title %}default {{ x }}{% end %}</title>{% block body %}body{% end %}"


def test_blocks_replace_those_of_the_base() -> None:
    templates = {
        "base": BASE,
        "page": "{% extends 'base' %} lost {% block title %}mine {{ x }}{% end %}",
    }
    assert page(templates, x="<") == "<title>mine &lt;</title>body"
    assert page(templates, "base", x="<") == "<title>default &lt;</title>body"


def test_extends_needs_no_quotes_and_may_stand_anywhere_at_the_top() -> None:
    templates = {"base": BASE, "page": '{% block body %}b{% end %}{% extends "base" %}'}
    assert page(templates, x=1) == "<title>default 1</title>b"


def test_super_is_the_block_that_is_replaced() -> None:
    templates = {
        "a": "{% block x %}a{% end %}|{% block y %}A{% end %}",
        "b": "{% extends a %}{% block x %}{% super %}b{% end %}",
        "page": "{% extends b %}{% block x %}<{% super %}{% super %}>{% end %}"
        "{% block y %}{% if 1 %}{% apply up %}{% super %}z{% end %}{% end %}{% end %}",
    }
    assert page(templates, up=bytes.lower) == "<abab>|az"


def test_super_of_a_block_that_replaces_nothing_is_nothing() -> None:
    assert page({"page": "a{% block x %}b{% super %}c{% end %}d"}) == "abcd"


def test_super_in_nested_blocks_belongs_to_the_inner_one() -> None:
    templates = {
        "base": "{% block o %}({% block i %}i{% end %}){% end %}",
        "page": "{% extends base %}{% block o %}[{% super %}{% end %}"
        "{% block i %}{% super %}j{% end %}",
    }
    assert page(templates) == "[(ij)"


def test_of_two_blocks_with_one_name_the_last_counts() -> None:
    assert page({"page": "{% block x %}a{% end %}{% block x %}b{% end %}"}) == "bb"
    templates = {
        "base": "{% block x %}o{% end %}",
        "page": "{% extends base %}{% block x %}a{% end %}{% block x %}{% super %}b{% end %}",
    }
    assert page(templates) == "ob"


def test_includes_see_the_names_around_them() -> None:
    templates = {
        "page": "{% for i in [1, 2] %}{% include row %}{% end %}{{ last }}",
        "row": "<{{ i }}>{% set last = i %}",
    }
    assert page(templates) == "<1><2>2"


def test_blocks_of_included_templates_can_be_replaced() -> None:
    templates = {
        "base": "{% include head %}!",
        "head": "{% block h %}head{% end %}",
        "page": "{% extends base %}{% block h %}{% super %} mine{% end %}",
    }
    assert page(templates) == "head mine!"


def test_an_included_template_cannot_extend_another() -> None:
    templates = {"page": "{% include i %}", "i": "i\n{% extends base %}", "base": "base"}
    with pytest.raises(ParseError, match="an included template cannot extend another at i:2"):
        page(templates)
    assert page(templates, "i") == "base"


@pytest.mark.parametrize(
    ("autoescape", "expected"),
    [
        ("xhtml_escape", "escaped: &lt;\nunescaped: <\ndefault: &lt;\n"),
        (None, "escaped: &lt;\nunescaped: <\ndefault: <\n"),
    ],
)
def test_class_12_each_file_has_its_own_autoescape(autoescape: str | None, expected: str) -> None:
    loader = DictLoader(
        {
            "escaped": "{% autoescape xhtml_escape %}{{ x }}",
            "unescaped": "{% autoescape None %}{{ x }}",
            "default": "{{ x }}",
            "page": "escaped: {% include escaped %}\nunescaped: {% include unescaped %}\n"
            "default: {% include default %}\n",
        },
        autoescape=autoescape,
    )
    assert loader.load("page").generate(x="<") == expected.encode()


@pytest.mark.parametrize(
    ("base", "child", "own_block", "expected"),
    [
        ("None", "xhtml_escape", False, "base: <"),
        ("None", "xhtml_escape", True, "mine: &lt;base: <"),
        ("xhtml_escape", "None", False, "base: &lt;"),
        ("xhtml_escape", "None", True, "mine: <base: &lt;"),
    ],
)
def test_class_12_a_block_is_escaped_as_the_file_it_stands_in(
    base: str, child: str, own_block: bool, expected: str
) -> None:
    block = "{% block b %}mine: {{ x }}{% super %}{% end %}" if own_block else ""
    templates = {
        "base": f"{{% autoescape {base} %}}{{% block b %}}base: {{{{ x }}}}{{% end %}}",
        "page": f"{{% autoescape {child} %}}{{% extends base %}}{block}",
    }
    assert page(templates, x="<") == expected


@pytest.mark.parametrize(
    "templates",
    [
        {"page": "{% include page %}"},
        {"page": "{% extends page %}"},
        {"page": "{% include a %}", "a": "{% extends b %}", "b": "{% include page %}"},
    ],
)
def test_a_template_that_contains_itself_is_an_error(templates: dict[str, str]) -> None:
    with pytest.raises(ParseError, match="extends or includes itself"):
        page(templates)
    with pytest.raises(ParseError, match="extends or includes itself"):
        page(templates)


def test_a_block_that_contains_itself_is_an_error() -> None:
    templates = {
        "base": "{% block a %}{% block b %}{% end %}{% end %}",
        "page": "{% extends base %}{% block b %}{% block a %}{% super %}{% end %}{% end %}",
    }
    with pytest.raises(ParseError, match="block a contains itself at page:1"):
        page(templates)
