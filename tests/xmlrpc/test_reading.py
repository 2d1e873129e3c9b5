"""What counts as a call, and what does not."""

from __future__ import annotations

import datetime
from typing import Any
from xmlrpc.client import Binary, DateTime, Fault, dumps, loads

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cyclone.xmlrpc.reading import read_call
from cyclone.xmlrpc.writing import plain, result_text
from tests.web.support import problems, recorded_log

from .support import Caller, document

SERVICE = Caller()


def refused(body: str | bytes, **options: Any) -> tuple[int, str]:
    data = body.encode() if isinstance(body, str) else body
    with pytest.raises(Fault) as caught:
        read_call(data, **{"max_depth": 5, **options})
    return caught.value.faultCode, caught.value.faultString


def values(*elements: str, **options: Any) -> tuple[Any, ...]:
    return read_call(document(*elements).encode(), **{"max_depth": 5, **options})[1]


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ("text", "text"),
        ("", ""),
        (" a ", " a "),
        ("<string/>", ""),
        ("<string> é&lt;&#13;</string>", " é<\r"),
        ("<string><![CDATA[<int>]]></string>", "<int>"),
        (" <int>5</int> ", 5),
        ("<i4> -7\n</i4>", -7),
        ("<int>+12</int>", 12),
        ("<i8>9223372036854775807</i8>", 2**63 - 1),
        ("<int>99999999999999999999</int>", 99999999999999999999),
        ("<boolean>1</boolean>", True),
        ("<boolean>0</boolean>", False),
        ("<double>-1.5e3</double>", -1500.0),
        ("<double>.5</double>", 0.5),
        ("<double> 5. </double>", 5.0),
        ("<nil/>", None),
        ("<ex:nil xmlns:ex='urn:x'/>", None),
        ("<ex:i8 xmlns:ex='urn:x'>5</ex:i8>", 5),
        ("<array><data/></array>", []),
        ("<array><data><value>a</value><value><int>1</int></value></data></array>", ["a", 1]),
        ("<struct/>", {}),
        ("<struct><member><name/><value>x</value></member></struct>", {"": "x"}),
        (
            "<struct>\n<member>\n<name>é</name>\n<value><nil/></value></member></struct>",
            {"é": None},
        ),
    ],
)
def test_values(element: str, value: Any) -> None:
    (got,) = values(element)
    assert (got, type(got)) == (value, type(value))


def test_bytes_dates_and_decimals() -> None:
    elements = (
        "<base64>\nAP8=\n</base64>",
        "<dateTime.iso8601>20200102T03:04:05</dateTime.iso8601>",
    )
    assert values(*elements) == (Binary(b"\x00\xff"), DateTime("20200102T03:04:05"))
    when = datetime.datetime(2020, 1, 2, 3, 4, 5)
    assert values(*elements, use_datetime=True) == (Binary(b"\x00\xff"), when)
    assert values(*elements, use_builtin_types=True) == (b"\x00\xff", when)
    assert str(values("<bigdecimal>1.10</bigdecimal>")[0]) == "1.10"


@pytest.mark.parametrize(
    "document_",
    [
        "<methodCall><methodName>a</methodName></methodCall>",
        "<methodCall><methodName>a</methodName><params/></methodCall>",
        "<?xml version='1.0'?>\n<!-- x --><?pi x?><methodCall a='b'> <methodName>a</methodName>\n"
        "<params>\n</params> </methodCall>\n<!-- y -->",
    ],
)
def test_calls_without_arguments(document_: str) -> None:
    for encoding in ("utf-8", "utf-16"):
        data = document_.encode(encoding)
        if encoding == "utf-16" and document_.startswith("<?xml"):
            data = document_.replace("'?>", "' encoding='utf-16'?>", 1).encode("utf-16")
        assert read_call(data, max_depth=1) == ("a", ())


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "cp1252", "utf-16"])
def test_encodings(encoding: str) -> None:
    text = f"<?xml version='1.0' encoding='{encoding}'?>{document('é')}"
    assert read_call(text.encode(encoding), max_depth=1) == ("kind", ("é",))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"   ", -32700),
        (b"\x00\xff", -32700),
        ("<", -32700),
        ("<methodCall>", -32700),
        ("<methodCall></methodcall>", -32700),
        ("{}", -32700),
        (document("\x00"), -32700),
        (document("&#0;"), -32700),
        (document("&nbsp;"), -32700),
        (document("é").encode("latin-1"), -32700),
        (document("1") + "x", -32700),
        (document("1") * 2, -32700),
        ("<?xml version='1.0' encoding='nonsense'?>" + document("1"), -32701),
        ("<?xml version='1.0' encoding='zlib'?>" + document("1"), -32701),
        ("<?xml version='1.0' encoding='shift_jis'?>" + document("1"), -32600),
    ],
)
def test_what_is_not_well_formed(body: str | bytes, code: int) -> None:
    assert refused(body)[0] == code


BOMB = "".join(f"<!ENTITY a{i + 1} '{f'&a{i};' * 10}'>" for i in range(9))


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE a>",
        "<!DOCTYPE a [<!ENTITY x 'y'>]>",
        f"<!DOCTYPE a [<!ENTITY a0 'ha'>{BOMB}]>",
        "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>",
        "<!DOCTYPE a [<!ENTITY % x SYSTEM 'http://127.0.0.1:1/x'>%x;]>",
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'>",
        "<!DOCTYPE a PUBLIC '-//x' 'http://127.0.0.1:1/x'>",
        f"<!DOCTYPE a [<!ENTITY x '{'a' * 100_000}'>]>",
    ],
)
def test_class_22_no_document_types(doctype: str) -> None:
    body = doctype + document("&x;&a9;")
    assert refused(body) == (-32600, "document types and entities are not taken")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<methodResponse/>", "<methodResponse> cannot stand as a document"),
        ("<params/>", "<params> cannot stand as a document"),
        ("<" + "x" * 500 + "/>", f"<{'x' * 50}> cannot stand as a document"),
        ("<methodCall/>", "<methodCall> must hold <methodName>"),
        ("<methodCall><params/></methodCall>", "<methodCall> must hold <methodName>"),
        ("<methodCall><fault/></methodCall>", "<fault> cannot stand in <methodCall>"),
        (
            "<methodCall><params/><methodName>a</methodName></methodCall>",
            "<methodCall> must hold <methodName>",
        ),
        (
            "<methodCall><methodName>a</methodName><methodName>b</methodName></methodCall>",
            "<methodCall> must hold <methodName>",
        ),
        (
            "<methodCall><methodName>a</methodName><params/><params/></methodCall>",
            "too much in <methodCall>",
        ),
        ("<methodCall><methodName><value/></methodName></methodCall>", "<value> cannot stand in"),
        (document("<int>1</int><int>2</int>"), "too much in <value>"),
        (document("<int><int>2</int></int>"), "<int> cannot stand in <int>"),
        (document("<unknown/>"), "<unknown> cannot stand in <value>"),
        (document("<array/>"), "<array> must hold <data>"),
        (document("<array><value/></array>"), "<value> cannot stand in <array>"),
        (document("<array><data/><data/></array>"), "<array> must hold <data>"),
        (document("<struct><member/></struct>"), "<member> must hold <name> and <value>"),
        (document("<struct><member><name/></member></struct>"), "<member> must hold"),
        (document("<struct><member><value/><name/></member></struct>"), "<member> must hold"),
        (document("<struct><name/></struct>"), "<name> cannot stand in <struct>"),
        (
            document(f"<struct>{'<member><name>a</name><value/></member>' * 2}</struct>"),
            "a name stands twice in a struct",
        ),
        (document("<int/>"), "no whole number: ''"),
        (document("<int>1_0</int>"), "no whole number: '1_0'"),
        (document("<int>\u0665</int>"), "no whole number: '\u0665'"),
        (document("<int>0x5</int>"), "no whole number: '0x5'"),
        (document("<int>1.0</int>"), "no whole number: '1.0'"),
        (document(f"<int>{'9' * 5000}</int>"), "Exceeds the limit"),
        (document("<base64>!!!!</base64>"), "no base64: '!!!!'"),
        (document("<base64>AAA</base64>"), "Incorrect padding"),
        (document("<double/>"), "no number: ''"),
        (document("<double>nan</double>"), "no number: 'nan'"),
        # Class 3: in linear time.
        (document(f"<double>{'1' * 400_000}x</double>"), "no number: '111"),
        (document(f"<bigdecimal>{'1' * 400_000}x</bigdecimal>"), "no number: '111"),
        (document("<double>-Infinity</double>"), "no number: '-Infinity'"),
        (document("<double>1e999</double>"), "no number: '1e999'"),
        (document("<double>1_0.5</double>"), "no number: '1_0.5'"),
        (document("<double>.</double>"), "no number: '.'"),
        (document("<bigdecimal>sNaN</bigdecimal>"), "no number: 'sNaN'"),
        (document("<boolean>true</boolean>"), "bad boolean value"),
        (document("<base64>é</base64>"), ""),
        (document("<base64>A</base64>"), ""),
        ("<methodCall><methodName>a</methodName><params><param/></params></methodCall>", "<param>"),
    ],
)
def test_what_is_no_call(body: str, text: str) -> None:
    code, said = refused(body)
    assert code == -32600 and said.startswith(f"the request is no call: {text}"), said
    assert len(said) <= 300


def test_dates_that_are_none_are_text_unless_they_are_to_be_dates() -> None:
    element = "<dateTime.iso8601>yesterday</dateTime.iso8601>"
    assert values(element)[0].value == "yesterday"
    assert refused(document(element), use_datetime=True)[0] == -32600


@pytest.mark.parametrize("depth", [1, 5, 6, 100, 20_000])
@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("<array><data><value>", "</value></data></array>"),
        ("<struct><member><name/><value>", "</value></member></struct>"),
    ],
)
def test_depth(depth: int, start: str, end: str) -> None:
    body = document(start * depth + end * depth)
    if depth <= 5:
        assert len(read_call(body.encode(), max_depth=5)[1]) == 1
    else:
        expected = (-32600, "the request is no call: nested more than 5 deep")
        assert refused(body) == expected
    wide = document((start + end) * 1, *[start + end] * 20)
    assert len(read_call(wide.encode(), max_depth=1)[1]) == 21


# --- properties ---------------------------------------------------------------------------------

#: XML has no control characters, and reads a carriage return as a newline.
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
)
VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**31), 2**31 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.binary(max_size=8).map(Binary)
    | st.datetimes(datetime.datetime(1900, 1, 1)).map(
        lambda when: DateTime(when.replace(microsecond=0))
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


@given(VALUES, st.sampled_from(["echo", "coroutine"]))
@settings(max_examples=40)
def test_any_value_comes_back(value: Any, method: str) -> None:
    assert SERVICE.call(method, value) == value
    assert SERVICE.call("system.multicall", [{"methodName": method, "params": [value]}]) == [
        [value]
    ]


@given(st.text(st.characters(exclude_categories=[]), max_size=5))
def test_any_text_comes_back_or_is_refused(text: str) -> None:
    try:
        written = result_text(plain(text, False), False)
    except ValueError:
        return
    assert loads(written.encode("utf-8"))[0] == (text,)


BODIES = [
    dumps((1, "a", [1.5, {"b": True}]), "all"),
    dumps(([{"methodName": "add", "params": [1]}],), "system.multicall"),
    "<?xml version='1.0' encoding='utf-8'?>" + document("<nil/>", "<base64>AA==</base64>"),
]
PIECES = [b"", b"<", b">", b"</", b"&", b"\xff", b"<value>", b"</value>", b"<!DOCTYPE a>", b"nil"]


@st.composite
def mutated(draw: Any) -> bytes:
    body = bytearray(draw(st.sampled_from(BODIES)).encode())
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 8))] = draw(st.sampled_from(PIECES))
    return bytes(body)


@given(mutated() | st.binary(max_size=40))
@settings(max_examples=150)
def test_every_body_gets_a_correct_answer(body: bytes) -> None:
    with recorded_log() as lines:
        answer = SERVICE.send(body)
    if isinstance(answer, Fault):
        assert answer.faultCode in (-32700, -32701, -32600, -32602, 8001, 8002)
        assert "Traceback" not in answer.faultString
    assert all("allowNone" in text or "XML" in text for text in problems(lines))
