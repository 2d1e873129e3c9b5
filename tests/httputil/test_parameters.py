"""Header values with parameters."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.httputil import HTTPInputError, parse_parameters
from tests.web.counting import steps

TOKENS = st.from_regex(r"[!#$%&'+\-.^_`|~0-9A-Za-z]+", fullmatch=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ("", {})),
        ("text/html", ("text/html", {})),
        ("text/html;", ("text/html", {})),
        ("text/html ; charset=utf-8", ("text/html", {"charset": "utf-8"})),
        ('form-data; name="a"; filename="b c"', ("form-data", {"name": "a", "filename": "b c"})),
        ("form-data;NAME=a;filename=b c.txt ", ("form-data", {"name": "a", "filename": "b c.txt"})),
        ('x; a="b;c=\\"d\\""', ("x", {"a": 'b;c="d"'})),
        (r'x; a="C:\dir\\file"', ("x", {"a": r"C:\dir\file"})),
        ('x; a=""; b=', ("x", {"a": "", "b": ""})),
        (
            "permessage-deflate; client_max_window_bits; a=1",
            ("permessage-deflate", {"client_max_window_bits": "", "a": "1"}),
        ),
        ("x;; a=1 ;", ("x", {"a": "1"})),
        ("x; a = 1", ("x", {"a": "1"})),
        ("x; file*=utf-8''T%C3%A4st", ("x", {"file": "Täst"})),
        ("x; file=plain; file*=UTF-8'en'T%C3%A4st", ("x", {"file": "Täst"})),
        ("x; file*=ISO-8859-1''%E4; file=plain", ("x", {"file": "ä"})),
        ("a; boundary=a=b", ("a", {"boundary": "a=b"})),
    ],
)
def test_values(value: str, expected: tuple[str, dict[str, str]]) -> None:
    assert parse_parameters(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        'x; a="b',
        'x; a="b\\"',
        'x; a="b"c',
        'x; a=b"c',
        "x; =b",
        'x; "a"=b',
        "x; a=1; a=2",
        "x; a=1; A=2",
        "x; a(=b",
        "x; a*=b",
        "x; a*=utf-16''b",
        "x; a*=utf-8''%FF",
        "x; a*=utf-8'b",
        "x; a*=utf-8''a b",
        "x; a*=utf-8''\xe9",
        "x; \xe9=1",
        "x; a*=utf-8''a; a*=utf-8''b",
    ],
)
def test_malformed_values(value: str) -> None:
    with pytest.raises(HTTPInputError, match="parameter of a header value"):
        parse_parameters(value)


@given(TOKENS, st.dictionaries(TOKENS.map(str.lower), st.text()))
def test_round_trip(main: str, parameters: dict[str, str]) -> None:
    value = main + "".join(
        '; {}="{}"'.format(name, text.replace("\\", "\\\\").replace('"', '\\"'))
        for name, text in parameters.items()
    )
    assert parse_parameters(value) == (main, parameters)


@given(
    st.text()
    | st.lists(
        st.sampled_from([";", "a", "=", '"', "\\", " ", "*", "utf-8''", "%", "41"]), max_size=20
    ).map("".join)
)
def test_any_text_is_refused_or_parsed(text: str) -> None:
    try:
        main, parameters = parse_parameters(text)
    except HTTPInputError:
        return
    assert ";" not in main
    assert all(name == name.lower() for name in parameters)


@pytest.mark.parametrize(
    "template",
    [
        'x; a="{}"',
        'x; a="{}',
        "x; a={}",
        "x{}",
        "x; {}",
        "x;{}=1",
        "x; a*=utf-8''{}",
        "x; a{}",
    ],
)
@pytest.mark.parametrize(
    "unit", [";", "\\", '\\"', " ", "a", "=", '"', ";a", "; ", "%41", "'", "*"]
)
def test_class_3_linear_time(template: str, unit: str) -> None:
    def parse(count: int) -> None:
        with suppress(HTTPInputError):
            parse_parameters(template.format(unit * count))

    assert steps(lambda: parse(2000)) <= 4.2 * steps(lambda: parse(500)) + 100
    parse(100_000)  # would not end before the timeout
