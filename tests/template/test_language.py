"""The template language: each construct, as Tornado has it."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone import escape
from cyclone.template import (
    CodeError,
    DictLoader,
    ParseError,
    Template,
    TemplateError,
    parser,
)
from cyclone.template.nodes import Source
from tests.web.counting import steps

#: template, names, page
PAGES: list[tuple[str, dict[str, Any], str]] = [
    ("", {}, ""),
    ("text", {}, "text"),
    ("Hello {{ name }}!", {"name": "Ben"}, "Hello Ben!"),
    ("Hello {{name}}!", {"name": b"Ben"}, "Hello Ben!"),
    ("{{ 2 + 2 }}", {}, "4"),
    ("{{ x }}", {"x": None}, "None"),
    ("{{ x }}", {"x": True}, "True"),
    ("{{ x }}", {"x": 1.5}, "1.5"),
    ("{{ x }}", {"x": ["<", 1]}, "[&#x27;&lt;&#x27;, 1]"),
    ("{{ a, b }}", {"a": 1, "b": 2}, "(1, 2)"),
    ("{{ '\u00e9' }}\u00e9", {}, "\u00e9\u00e9"),
    # several lines
    ("{{ [1,\n 2]\n}}", {}, "[1, 2]"),
    ("{{ a +\n b }}", {"a": 1, "b": 2}, "3"),
    ("{{ f(1, # one\r\n 2) }}", {"f": lambda a, b: a + b}, "3"),
    ("{{ x # why }}", {"x": 1}, "1"),
    # braces that are none
    ("{ {a} %} }} #} {", {}, "{ {a} %} }} #} {"),
    ("{{!", {}, "{{"),
    ("{%! x %}", {}, "{% x %}"),
    ("{#! x #}", {}, "{# x #}"),
    ("{{ 'expr' }} {{!jquery expr}}", {}, "expr {{jquery expr}}"),
    ("{{{x}}}", {"x": 1}, "{1}"),
    ("{{{{{x}}", {"x": 1}, "{{{1"),
    # comments
    ("a{# no #}b", {}, "ab"),
    ("a{#\n{{ x }}\n#}b", {}, "ab"),
    ("a{% comment anything at all %}b", {}, "ab"),
    ("a{% comment %}b", {}, "ab"),
    # escaping
    ("{{ x }}", {"x": "&<>\"'"}, "&amp;&lt;&gt;&quot;&#x27;"),
    ("{{ x }}", {"x": b"<\xc3\xa9>"}, "&lt;\u00e9&gt;"),
    ("{% raw x %}", {"x": "<b>"}, "<b>"),
    ("{% raw x %}", {"x": 5}, "5"),
    ("{% autoescape None %}{{ x }}", {"x": "<b>"}, "<b>"),
    ("{{ x }}{% autoescape None %}", {"x": "<b>"}, "<b>"),
    ("{% autoescape json_encode %}{{ x }}", {"x": '"'}, '"\\""'),
    ("{% autoescape url_escape %}{{ x }}-{{ x }}", {"x": "a b"}, "a+b-a+b"),
    ("{% autoescape h.esc %}{{ x }}", {"x": "a", "h": type("H", (), {"esc": repr})}, "b'a'"),
    # control
    ("{% if x > 4 %}yes{% else %}no{% end %}", {"x": 5}, "yes"),
    ("{% if x > 4 %}yes{% else %}no{% end %}", {"x": 3}, "no"),
    ("{% if x == 1 %}a{% elif x == 2 %}b{% else %}c{% end %}", {"x": 2}, "b"),
    ("{% if True %}{% else %}{% end %}", {}, ""),
    ("{% if\tTrue %}x{% end if %}", {}, "x"),
    ("{% for i in range(3) %}{{ i }}{% end %}", {}, "012"),
    ("{% for i in [] %}x{% else %}none{% end %}", {}, "none"),
    ("{% for i in x %}{% for j in x %}{{ i*j }},{% end %};{% end %}", {"x": [1, 2]}, "1,2,;2,4,;"),
    ("{% set n = 3 %}{% while n %}{{ n }}{% set n -= 1 %}{% end %}", {}, "321"),
    ("{% for i in range(9) %}{% if i == 3 %}{% break %}{% end %}{{ i }}{% end %}", {}, "012"),
    ("{% for i in range(4) %}{% if i % 2 %}{% continue %}{% end %}{{ i }}{% end %}", {}, "02"),
    ("{% for i in [] %}{% end %}{% while 0 %}{% end %}", {}, ""),
    ("{% for i in [1] %}{% if 0 %}{% end %}{% end %}", {}, ""),
    ("{% for i in [1] %}{# only a comment #}{% end %}x", {}, "x"),
    ("{% try %}a{{ 1/x }}b{% except ZeroDivisionError as e %}c{% end %}", {"x": 0}, "ac"),
    ("{% try %}a{{ 1/x }}{% except %}b{% else %}c{% finally %}d{% end %}", {"x": 1}, "a1.0cd"),
    ("{% try %}{% except %}{% end %}", {}, ""),
    ("{% try %}{% if x %}a{{ 1/0 }}{% end %}{% except %}b{% end %}", {"x": 1}, "ab"),
    # names
    ("{% set a, b = 1, 2 %}{{ b }}{{ a }}", {}, "21"),
    ("{% import os.path %}{{ os.path.join('a', 'b') }}", {}, "a/b"),
    ("{% from os.path import join as j %}{{ j('a', 'b') }}", {}, "a/b"),
    ("{{ datetime.date(2020, 1, 2) }}", {}, "2020-01-02"),
    ("{{ escape('<') }}", {}, "&amp;lt;"),
    ("{% raw escape('<') + squeeze(' a  b ') + url_escape('a b') %}", {}, "&lt;a ba+b"),
    ("{% raw linkify('http://a.b') %}", {}, '<a href="http://a.b">http://a.b</a>'),
    ("{{ [y for y in x if y != z] }}", {"x": [1, 2], "z": 1}, "[2]"),
    ("{% set f = lambda y: y + z %}{{ f(1) }}", {"z": 2}, "3"),
    # names of Python's own that a template shadows
    ("{{ str }}{{ type }}{{ 5 }}", {"str": "a", "type": "b"}, "ab5"),
    # apply
    ("{% apply upper %}foo {{ x }}{% end %}!", {"x": "<é", "upper": bytes.upper}, "FOO &LT;é!"),
    ("{% apply u %}é{% end %}", {"u": lambda s: s.decode().upper()}, "É"),
    ("{% apply u %}a{% apply u %}b{% end %}c{% end %}", {"u": lambda s: b"[%s]" % s}, "[a[b]c]"),
    ("{% for i in range(3) %}{% apply u %}{{ i }}{% end %}{% end %}", {"u": lambda s: s * 2},
     "001122"),
    ("a{% apply f(1) %}x{% end %}b", {"f": lambda n: lambda s: n}, "a1b"),
    ("{% apply u %}{% end %}", {"u": lambda s: len(s)}, "0"),
    # modules
    ("{% module M(1) %}", {"_tt_modules": type("T", (), {"M": staticmethod(lambda n: "<b>")})},
     "<b>"),
]  # fmt: skip


@pytest.mark.parametrize(("template", "names", "page"), PAGES)
def test_a_template_makes_its_page(template: str, names: dict[str, Any], page: str) -> None:
    assert Template(template).generate(**names) == page.encode()
    assert Template(template.encode(), autoescape="xhtml_escape").generate(**names) == page.encode()


#: template, message, line
MISTAKES = [
    ("{{", "Missing end expression }}", 1),
    ("\n\n{{ x", "Missing end expression }}", 3),
    ("{%", "Missing end block %}", 1),
    ("\n{# x", "Missing end comment #}", 2),
    ("{{ }}", "Empty expression", 1),
    ("{% %}", "Empty block tag ({% %})", 1),
    ("a\n{% if x %}\n\nb", "Missing {% end %} block for if", 2),
    ("{% end %}", "Extra {% end %} block", 1),
    ("{% if x %}{% end %}\n{% end %}", "Extra {% end %} block", 2),
    ("{% else %}", "else outside if or for or while or try block", 1),
    ("{% for x in y %}{% elif z %}{% end %}", "elif block cannot be attached to for block", 1),
    ("{% apply f %}{% else %}{% end %}", "else block cannot be attached to apply block", 1),
    ("{% break %}", "break outside for or while block", 1),
    ("{% continue %}", "continue outside for or while block", 1),
    ("{% for i in x %}{% apply f %}{% break %}{% end %}{% end %}",
     "break outside for or while block", 1),
    ("{% extends %}", "extends missing file path", 1),
    ("{% if 1 %}{% extends x %}{% end %}", "extends inside if block", 1),
    ('{% include "" %}', "include missing file path", 1),
    ("{% import %}", "import missing statement", 1),
    ("{% from %}", "import missing statement", 1),
    ("{% set %}", "set missing statement", 1),
    ("{% raw %}", "raw missing expression", 1),
    ("{% module %}", "module missing expression", 1),
    ("{% apply %}{% end %}", "apply missing method name", 1),
    ("{% block %}{% end %}", "block missing name", 1),
    ("{% super %}", "super outside block", 1),
    ("{% whitespace some %}", "invalid whitespace mode some: there are all, single, oneline", 1),
    ("{% autoescape %}", "autoescape takes the name of a function or None, not ''", 1),
    ("{% autoescape f() %}", "autoescape takes the name of a function or None, not 'f()'", 1),
    ("\n{{ a\0b }}", "a tag holds a NUL character", 2),
    ("{% nonsense x %}", "unknown operator: 'nonsense'", 1),
    ("{% extends a.html %}", "a.html is needed, but there is no template loader", 0),
    ("{% include a.html %}", "a.html is needed, but there is no template loader", 0),
]  # fmt: skip


@pytest.mark.parametrize(("template", "message", "line"), MISTAKES)
def test_a_mistake_is_told_with_its_place(template: str, message: str, line: int) -> None:
    with pytest.raises(ParseError) as caught:
        Template(template, name="t.html")
    error = caught.value
    assert (error.message, error.filename, error.lineno) == (message, "t.html", line)
    assert str(error) == f"{message} at t.html:{line}"


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("\n\n{{ 1 + }}", 3),
        ("\n{{ a b }}", 2),
        ("\n{{ [1,\n2,\n3 4] }}", 4),
        ("{% for %}\n{% end %}", 1),
        ("{% if x %}{% else %}\n{% else %}{% end %}", 2),
        ("{{ lambda: await x }}", 1),
    ],
)
def test_what_is_no_python_is_told_with_its_place(template: str, line: int) -> None:
    with pytest.raises(SyntaxError) as caught:
        Template(template, name="t.html")
    assert isinstance(caught.value, CodeError)
    assert (caught.value.filename, caught.value.lineno) == ("t.html", line)
    assert str(caught.value).endswith(f"at t.html:{line}")


def test_a_template_cannot_yield() -> None:
    with pytest.raises(CodeError, match="async generator"):
        Template("{{ (yield 1) }}")


def test_much_nested_templates_are_refused_or_work() -> None:
    def nested(depth: int) -> str:
        return "{% if 1 %}" * depth + "x" + "{% end %}" * depth

    assert Template(nested(90)).generate() == b"x"
    with pytest.raises(ParseError, match="tags are nested too deeply"):
        Template(nested(500))
    with pytest.raises(CodeError, match="too many levels of indentation"):
        DictLoader({"a": nested(90), "b": nested(90).replace("x", "{% include a %}")}).load("b")
    with pytest.raises(CodeError):
        Template("{{ " + "(" * 500 + ")" * 500 + " }}")


def test_errors_without_place() -> None:
    assert str(ParseError("oh")) == "oh at None:0"


def test_bytes_that_are_no_utf8_are_an_error() -> None:
    with pytest.raises(UnicodeDecodeError):
        Template("{% raw x %}").generate(x=b"\xff")
    with pytest.raises(UnicodeDecodeError):
        Template(b"\xff")


def test_subclasses_of_str_are_what_they_hold_and_are_escaped() -> None:
    class Odd(str):
        def __str__(self) -> str:
            return "other"

        def __html__(self) -> str:
            return "<unsafe>"

    assert Template("{{ x }}").generate(x=Odd("<b>")) == b"&lt;b&gt;"
    assert Template("{{ x }}").generate(x=type("T", (), {"__str__": lambda s: Odd("<i>")})()) == (
        b"&lt;i&gt;"
    )


def test_generators_are_not_run() -> None:
    page = Template("{{ x }}").generate(x=(i for i in []))
    assert page.startswith(b"&lt;generator object")


# -- escaping at once


def test_values_with_nul_characters_are_escaped_too() -> None:
    page = Template("{{ a }}-{{ b }}-{{ a }}").generate(a="<\0>", b="\0\0")
    assert page == b"&lt;\0&gt;-\0\0-&lt;\0&gt;"


def test_an_xhtml_escape_of_the_application_is_used() -> None:
    seen = []

    def own(value: bytes) -> bytes:
        seen.append(value)
        return b"[" + value + b"]"

    assert Template("{{ a }}{{ 1 }}x").generate(a="<", xhtml_escape=own) == b"[<][1]x"
    assert seen == [b"<", b"1"]
    loader = DictLoader({"a": "{{ a }}"}, namespace={"xhtml_escape": lambda value: "!"})
    assert loader.load("a").generate(a="<") == b"!"


@pytest.mark.parametrize(
    "template",
    [
        "{% set xhtml_escape = own %}{{ '<' }}",
        "{% for xhtml_escape in [own] %}{{ '<' }}{% end %}",
        "{% set xhtml_escape = own %}{% apply same %}{{ '<' }}{% end %}",
    ],
)
def test_an_xhtml_escape_of_the_template_is_used(template: str) -> None:
    names = {"own": lambda value: "own", "same": lambda value: value}
    assert Template(template).generate(**names) == b"own"


_TEXTS = st.text(st.sampled_from("ab<>&\"'\0\u00e9"))


@given(st.lists(st.tuples(_TEXTS, st.booleans())), _TEXTS)
def test_class_12_values_are_escaped_one_by_one_or_at_once_alike(
    values: list[tuple[str, bool]], between: str
) -> None:
    template = Template(
        between.join("{% raw v[0] %}{{ v.pop(0) }}" if raw else "{{ v.pop(0) }}"
                     for _, raw in values)
    )  # fmt: skip
    expected = between.join(
        (value if raw else "") + escape.xhtml_escape(value) for value, raw in values
    )
    assert template.generate(v=[value for value, _ in values]) == expected.encode()


@given(st.text())
def test_any_text_without_tags_comes_out_again(text: str) -> None:
    text = text.replace("{", "(")
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        return
    assert Template(text, whitespace="all").generate() == encoded
    assert Template("{% raw x %}").generate(x=text) == encoded


_PIECES = st.sampled_from(
    ["{{", "}}", "{%", "%}", "{#", "#}", "!", "x", " ", "\n", "if x", "end", "for i in x", "else",
     "block a", "super", "apply f", "try", "except", "set x = 1", "'", '"', "(", "autoescape None"]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=30).map("".join))
def test_any_text_is_a_template_or_an_error(text: str) -> None:
    try:
        template = Template(text)
    except TemplateError:
        return
    assert "async def _tt_execute" in template.code


# -- the constructor


def test_the_constructor_tells_white_space() -> None:
    text = "a  b"
    assert Template(text).generate() == b"a  b"
    assert Template(text, "a.html").generate() == b"a b"
    assert Template(text, compress_whitespace=True).generate() == b"a b"
    assert Template(text, "a.html", compress_whitespace=False).generate() == b"a  b"
    assert Template(text, whitespace="oneline").generate() == b"a b"
    with pytest.raises(ValueError, match="cannot set both"):
        Template(text, compress_whitespace=True, whitespace="all")
    with pytest.raises(TemplateError, match="invalid whitespace mode none"):
        Template(text, whitespace="none")


def test_attributes() -> None:
    loader = DictLoader({}, namespace={"a": 1})
    template = Template("{% autoescape f %}", "n", loader)
    assert (template.name, template.loader, template.namespace) == ("n", loader, {"a": 1})
    assert template.autoescape == "f"
    assert Template("", autoescape=None).autoescape is None
    assert Template("").autoescape == "xhtml_escape"


def test_names_of_templates_end_no_line_of_code() -> None:
    template = Template("{{ 1 }}", name="a\nimport os\r\x0c.html")
    assert "# a?import os??.html:1" in template.code
    assert template.generate() == b"1"


def test_templates_do_not_inherit_future_imports() -> None:
    # This file has one that makes an annotation a str.
    template = "{% set f = lambda: 0 %}{% set x: f.__name__ = 1 %}{{ x }}{{ datetime.MAXYEAR }}"
    assert Template(template).generate() == b"19999"
    assert datetime.MAXYEAR == 9999


# -- cost


@pytest.mark.parametrize(
    "piece",
    ["{{ x }}", "{% if x %}y{% end %}", "{# c #}", "{{!", " \r", "\n ", "{ ", "text\n"],
)
def test_class_3_parsing_takes_linear_time(piece: str) -> None:
    def cost(count: int) -> int:
        source = Source("n", "n", piece * count, None)
        return steps(lambda: parser.parse(source, "single"))

    assert cost(400) < 4.5 * cost(100) + 100
