"""``@@name@@`` in skeletons."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.app.rendering import RenderingError, render

VALUES = {"a": "@@b@@", "b": "x", "modname": "foo"}


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("", ""),
        ("@@modname@@", "foo"),
        ("@@modname@@@.service", "foo@.service"),
        ("$@@modname@@_connection", "$foo_connection"),
        ("@@a@@", "@@b@@"),  # values are put in once
        ("@@b@@@@b@@", "xx"),
        ("@@b @@ b@@ @b@ @ @@", "@@b @@ b@@ @b@ @ @@"),
        ("{{ x }} {% y %} ${z} $(w) %i {@b@} #{v}", "{{ x }} {% y %} ${z} $(w) %i {@b@} #{v}"),
    ],
)
def test_table(text: str, rendered: str) -> None:
    assert render(text, VALUES) == rendered


@pytest.mark.parametrize("text", ["@@c@@", "@@@@", "x@@modnam@@"])
def test_names_without_a_value(text: str) -> None:
    with pytest.raises(RenderingError, match="has no value"):
        render(text, VALUES)


@given(st.text().filter(lambda text: "@@" not in text))
def test_other_text_stays(text: str) -> None:
    assert render(text, {}) == text


@given(st.text(), st.text())
def test_values_are_taken_as_they_are(one: str, other: str) -> None:
    assert render("<@@one@@|@@other@@>", {"one": one, "other": other}) == f"<{one}|{other}>"
