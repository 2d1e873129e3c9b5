"""Tracebacks lead through the lines of the templates."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from cyclone.template import DictLoader, Loader, Template
from cyclone.util import ObjectDict


def places(error: BaseException) -> list[tuple[str, int | None, str | None]]:
    """The places in templates: file, line, and what stands there."""
    return [
        (frame.filename, frame.lineno, frame.line)
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.name == "<template>"
    ]


def failing(template: Any, **names: Any) -> ZeroDivisionError:
    with pytest.raises(ZeroDivisionError) as caught:
        template.generate(**names)
    return caught.value


def test_an_expression() -> None:
    error = failing(Template("one\ntwo{{1/0}}\nthree", name="t.html"))
    assert places(error) == [("t.html", 2, "two{{1/0}}")]
    printed = "".join(traceback.format_exception(error))
    assert "# t.html:2" in printed
    assert 'File "t.html", line 2, in <template>\n    two{{1/0}}\n' in printed


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n{% if 1/0 %}{% end %}", 2),
        ("\n\n{% set x = 1/0 %}", 3),
        ("\n{% for i in [1, 0] %}\n{{ 1/i }}{% end %}", 3),
        ("\n{% apply str %}\n{{ 1/0 }}{% end %}", 3),
        ("\n{% apply f %}\n{% end %}", 2),
        ("{{ [\n1,\n1/0] }}", 3),
        ("\n{% autoescape f %}\n{{ 1 }}", 3),
    ],
)
def test_other_tags(text: str, line: int) -> None:
    def f(value: bytes) -> float:
        return 1 / 0

    assert places(failing(Template(text, name="t"), f=f))[-1][:2] == ("t", line)


def test_includes_and_blocks_are_a_path() -> None:
    loader = DictLoader(
        {
            "base": "<h1>\n{% block a %}{% end %}",
            "page": "{% extends base %}\n\n{% block a %}\n{% include i %}{% end %}",
            "i": "\n\n{{ 1/0 }}",
        }
    )
    error = failing(loader.load("page"))
    assert places(error) == [
        ("base", 2, "{% block a %}{% end %}"),
        ("page", 4, "{% include i %}{% end %}"),
        ("i", 3, "{{ 1/0 }}"),
    ]
    assert "# i:3 (via page:4, base:2)" in "".join(traceback.format_exception(error))


def test_templates_in_files_are_shown_as_those(tmp_path: Path) -> None:
    (tmp_path / "t.html").write_text("a\nb{{ 1/0 }}c\n")
    error = failing(Loader(str(tmp_path)).load("t.html"))
    assert places(error) == [(str(tmp_path / "t.html"), 2, "b{{ 1/0 }}c")]


def test_modules_are_a_path_through_templates() -> None:
    loader = DictLoader({"base": "{% module T('sub') %}", "sub": "\n{{1/0}}"})
    names = {"_tt_modules": ObjectDict(T=lambda name: loader.load(name).generate())}
    error = failing(loader.load("base"), **names)
    assert places(error) == [("base", 1, "{% module T('sub') %}"), ("sub", 2, "{{1/0}}")]


def test_of_two_templates_with_one_name_the_right_one_is_shown() -> None:
    first, second = Template("\n{{ 1/0 }}", name="t"), Template("{{ 2/0 }}", name="t")
    assert places(failing(first)) == [("t", 2, "{{ 1/0 }}")]
    error = failing(second)
    assert places(error) == [("t", 1, "{{ 2/0 }}")]
    assert "_tt_0 = 2/0" in "".join(traceback.format_exception(error))


def test_templates_without_name_do_not_pass_for_other_code() -> None:
    error = failing(Template("{{ 1/0 }}"))
    assert places(error) == [("<template string>", 1, "{{ 1/0 }}")]
    with pytest.raises(ZeroDivisionError) as caught:
        exec("1/0")
    assert "{{" not in "".join(traceback.format_exception(caught.value))


def test_errors_after_waiting() -> None:
    late: Deferred[int] = Deferred()
    rendering = Template("\n{{ x }}\n{{ 1/0 }}", name="t").generate(x=late)
    late.callback(1)
    failures: list[Any] = []
    rendering.addErrback(failures.append)
    assert places(failures[0].value) == [("t", 3, "{{ 1/0 }}")]


def test_errors_of_what_has_come() -> None:
    error = failing(Template("{{ x }}\n{{ 1/0 }}", name="t"), x=succeed(1))
    assert places(error) == [("t", 2, "{{ 1/0 }}")]


def test_the_stack_shows_generated_code_too() -> None:
    shown: list[Any] = []
    Template("{{ f() }}", name="q.html").generate(f=lambda: shown.extend(traceback.extract_stack()))
    (frame,) = (frame for frame in shown if frame.filename == "q_html.generated.py")
    assert (frame.line or "").startswith("_tt_0 = f()  # q.html:1")


def test_context_and_cause_of_errors_stay() -> None:
    def f() -> None:
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise ZeroDivisionError from error

    assert isinstance(failing(Template("{{ f() }}"), f=f).__cause__, KeyError)
    error = failing(Template("{% try %}{{ {}[1] }}{% except %}{{ 1/0 }}{% end %}"))
    assert isinstance(error.__context__, KeyError)
    assert not error.__suppress_context__
