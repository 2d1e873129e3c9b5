"""`cyclone.escape`."""

from __future__ import annotations

import html
import json
import tracemalloc
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone import escape
from cyclone.escape import (
    json_decode,
    json_encode,
    linkify,
    native_str,
    parse_qs_bytes,
    recursive_unicode,
    squeeze,
    to_basestring,
    to_unicode,
    unquote_to_bytes,
    url_escape,
    url_unescape,
    utf8,
    xhtml_escape,
    xhtml_unescape,
)
from tests.web.counting import steps


def peak_memory(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class TestStrAndBytes:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("é", b"\xc3\xa9"),
            (b"\xff", b"\xff"),
            (None, None),
            ("", b""),
        ],
    )
    def test_utf8(self, value: Any, expected: bytes | None) -> None:
        assert utf8(value) == expected

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (b"\xc3\xa9", "é"),
            ("é", "é"),
            (None, None),
            (b"", ""),
        ],
    )
    def test_to_unicode(self, value: Any, expected: str | None) -> None:
        assert to_unicode(value) == expected
        assert native_str(value) == to_basestring(value) == expected

    @pytest.mark.parametrize("function", [utf8, to_unicode])
    @pytest.mark.parametrize("value", [1, bytearray(b"a"), ["a"]])
    def test_other_types_are_refused(self, function: Callable[[Any], Any], value: Any) -> None:
        with pytest.raises(TypeError, match=type(value).__name__):
            function(value)

    def test_to_unicode_wants_utf8(self) -> None:
        with pytest.raises(UnicodeDecodeError):
            to_unicode(b"\xff")

    def test_recursive_unicode(self) -> None:
        given_ = {b"a": [b"b", ("c", b"d", 1)], "e": {b"f": None}}
        assert recursive_unicode(given_) == {"a": ["b", ("c", "d", 1)], "e": {"f": None}}


class TestHTML:
    def test_all_five_characters_are_escaped(self) -> None:
        assert xhtml_escape("<a b=\"c\" d='e'>&lt;") == (
            "&lt;a b=&quot;c&quot; d=&#x27;e&#x27;&gt;&amp;lt;"
        )
        assert xhtml_escape(b"\xc3\xa9<") == "é&lt;"

    @given(st.text())
    def test_round_trip_and_same_as_standard_library(self, text: str) -> None:
        escaped = xhtml_escape(text)
        assert escaped == html.escape(text)
        assert not set("<>\"'") & set(escaped)
        assert xhtml_unescape(escaped) == text

    def test_unescape_knows_all_references(self) -> None:
        assert xhtml_unescape(b"&eacute;&#65;&#x42;&zzz;&#xyz;") == "éAB&zzz;&#xyz;"

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("a  b\t\nc", "a b c"),
            ("  a ", "a"),
            ("a\x00\x1fb", "a b"),
            ("", ""),
        ],
    )
    def test_squeeze(self, text: str, expected: str) -> None:
        assert squeeze(text) == expected


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class TestJSON:
    @given(JSON_VALUES)
    def test_round_trip_without_closing_tags(self, value: Any) -> None:
        text = json_encode(value)
        assert "</" not in text
        assert json_decode(text) == json_decode(utf8(text)) == value
        assert text == json.dumps(value).replace("</", "<\\/")

    def test_closing_tags_are_escaped(self) -> None:
        assert json_encode({"a": "</script>"}) == '{"a": "<\\/script>"}'

    def test_bytes_are_text_as_in_cyclone_1(self) -> None:
        for value in {"a": [b"\xc3\xa9"]}, {b"a": ["é"]}:
            assert json_encode(value) == '{"a": ["\\u00e9"]}'

    @pytest.mark.parametrize("value", [object(), {"a": {1, 2}}, [1j]])
    def test_what_is_no_json_is_a_type_error(self, value: Any) -> None:
        with pytest.raises(TypeError):
            json_encode(value)

    def test_invalid_bytes_are_a_value_error(self) -> None:
        with pytest.raises(ValueError, match="utf-8"):
            json_encode([b"\xff"])

    def test_what_contains_itself_is_a_value_error(self) -> None:
        loop: list[Any] = []
        loop.append(loop)
        with pytest.raises(ValueError, match=r"[Cc]ircular"):
            json_encode(loop)
        assert json_encode([1]) == "[1]"

    def test_an_encoder_that_is_not_there_is_done_without(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # What `json.encoder` has beside its documented names may go or change.
        assert escape._fast_encoder() is not escape._encode
        for made_up in None, lambda: None, lambda *args: None:
            monkeypatch.setattr(json.encoder, "c_make_encoder", made_up)
            assert escape._fast_encoder() is escape._encode
        monkeypatch.undo()
        assert escape._encode({"a": [1, b"b"]}) == '{"a": [1, "b"]}'

    def test_decode_wants_json(self) -> None:
        with pytest.raises(ValueError, match="Expecting"):
            json_decode(b"{")
        with pytest.raises(ValueError, match="nested too deeply"):
            json_decode("[" * 100_000)


PIECES = st.lists(
    st.sampled_from(
        [
            b"%",
            b"=",
            b"&",
            b"+",
            b"a",
            b"2",
            b"5",
            b"3",
            b"D",
            b"d",
            b"f",
            b"g",
            b"x",
            b"N{",
            b"\\",
            b"u",
            b"\r",
            b"\n",
            b" ",
            b"\x00",
            b"\xff",
            b"%41",
            b"%3d",
            b"%25",
            b"%e9",
            b"%5c",
        ]
    ),
    max_size=30,
).map(b"".join)


class TestURL:
    @pytest.mark.parametrize(
        ("value", "plus", "expected"),
        [
            ("a b/c+é", True, "a+b%2Fc%2B%C3%A9"),
            ("a b/c+é", False, "a%20b/c%2B%C3%A9"),
            (b"\xff ", True, "%FF+"),
        ],
    )
    def test_escape(self, value: str | bytes, plus: bool, expected: str) -> None:
        assert url_escape(value, plus=plus) == expected

    @pytest.mark.parametrize(
        ("value", "encoding", "plus", "expected"),
        [
            ("a+b%20%C3%A9", "utf-8", True, "a b é"),
            ("a+b%20%C3%A9", "utf-8", False, "a+b é"),
            ("%C3%A9", "latin-1", True, "\xc3\xa9"),
            ("%C3%A9+", None, True, b"\xc3\xa9 "),
            ("%C3%A9+", None, False, b"\xc3\xa9+"),
            (b"%41\xff", None, False, b"A\xff"),
            ("é%C3%A9", "utf-8", True, "éé"),
            ("é%E9", "latin-1", True, "éé"),
            ("%FF", "utf-8", True, "\ufffd"),
            ("100%", "utf-8", True, "100%"),
            ("plain", "utf-8", True, "plain"),
        ],
    )
    def test_unescape(
        self, value: str | bytes, encoding: str | None, plus: bool, expected: str | bytes
    ) -> None:
        assert url_unescape(value, encoding, plus) == expected  # type: ignore[call-overload]

    @given(st.text(), st.booleans())
    def test_round_trip(self, text: str, plus: bool) -> None:
        escaped = url_escape(text, plus=plus)
        assert escaped.isascii()
        assert url_unescape(escaped, plus=plus) == text
        assert url_unescape(escaped, encoding=None, plus=plus) == text.encode()

    @given(PIECES)
    def test_unquote_is_that_of_the_standard_library(self, data: bytes) -> None:
        assert unquote_to_bytes(data) == urllib.parse.unquote_to_bytes(data)

    @given(PIECES, st.integers(0, 3))
    def test_unquote_of_what_is_cut_into_blocks(self, data: bytes, shift: int) -> None:
        long = b"x" * shift + (data or b"%41") * 4000
        assert unquote_to_bytes(long) == urllib.parse.unquote_to_bytes(long)


class TestParseQS:
    def test_names_and_values(self) -> None:
        assert parse_qs_bytes(b"a=1&b=%41+%2B&a=2&&c&d=", keep_blank_values=True) == {
            "a": [b"1", b"2"],
            "b": [b"A +"],
            "c": [b""],
            "d": [b""],
        }
        assert parse_qs_bytes("%E9=%E9") == {"\xe9": [b"\xe9"]}
        assert parse_qs_bytes("") == {}

    @given(PIECES, st.booleans(), st.booleans())
    def test_agrees_with_the_standard_library(self, qs: bytes, keep: bool, strict: bool) -> None:
        try:
            expected: Any = {
                name: [value.encode("latin-1") for value in values]
                for name, values in urllib.parse.parse_qs(
                    qs.decode("latin-1"), keep, strict, encoding="latin-1"
                ).items()
            }
        except ValueError:
            with pytest.raises(ValueError, match="has no '='"):
                parse_qs_bytes(qs, keep, strict)
            return
        assert parse_qs_bytes(qs, keep, strict) == expected
        assert parse_qs_bytes(qs.decode("latin-1"), keep, strict) == expected

    def test_class_4_too_many_fields_are_refused_before_they_are_split(self) -> None:
        many = b"&" * 1_000_000
        assert len(parse_qs_bytes(b"&".join([b"a=1"] * 10), max_num_fields=10)["a"]) == 10
        with pytest.raises(ValueError, match="Max number of fields"):
            parse_qs_bytes(b"a=1&" * 10, max_num_fields=10)
        refused = 0

        def parse() -> None:
            nonlocal refused
            try:
                parse_qs_bytes(many, max_num_fields=1000)
            except ValueError:
                refused = 1

        assert peak_memory(parse) < 2 * len(many)
        assert refused

    def test_text_is_latin_1(self) -> None:
        for text in "ł=1", "a=ł":
            with pytest.raises(UnicodeEncodeError):
                parse_qs_bytes(text)

    @pytest.mark.parametrize("unit", [b"a=%41&", b"a=%&", b"%", b"%4", b"+", b"&", b"=", b"a=b&"])
    def test_class_3_linear_time_and_memory(self, unit: bytes) -> None:
        small, large = unit * 4000, unit * 16000
        assert (
            steps(lambda: parse_qs_bytes(large, True))
            <= 4.4 * steps(lambda: parse_qs_bytes(small, True)) + 50
        )
        # Where each byte or two is a field, the list of them is what weighs.
        assert peak_memory(lambda: parse_qs_bytes(large, True)) < 60 * len(large)

    @pytest.mark.parametrize("value", [b"%41" * 300_000, b"%" * 1_000_000, b"%4" * 500_000])
    def test_class_3_percent_signs_do_not_blow_memory_up(self, value: bytes) -> None:
        data = b"a=" + value
        assert peak_memory(lambda: parse_qs_bytes(data)) < 10 * len(data)


LINKS = [
    ("see http://a.com/!", 'see <a href="http://a.com/">http://a.com/</a>!'),
    ("http://a.com/?a=1&b=2", '<a href="http://a.com/?a=1&amp;b=2">http://a.com/?a=1&amp;b=2</a>'),
    ("(http://a.com/b_(c))", '(<a href="http://a.com/b_(c)">http://a.com/b_(c)</a>)'),
    ("http://a.com/b_(c", '<a href="http://a.com/b_">http://a.com/b_</a>(c'),
    ("http://a.com.....", '<a href="http://a.com">http://a.com</a>.....'),
    ("http://a.com/&amp", '<a href="http://a.com/&amp;amp">http://a.com/&amp;amp</a>'),
    ("<http://a.com>", '&lt;<a href="http://a.com">http://a.com</a>&gt;'),
    ('"http://a.com"', '&quot;<a href="http://a.com">http://a.com</a>&quot;'),
    ("'http://a.com'", '&#x27;<a href="http://a.com">http://a.com</a>&#x27;'),
    ("www.a.com", '<a href="http://www.a.com">www.a.com</a>'),
    ("-http://a.com", '-<a href="http://a.com">http://a.com</a>'),
    ("awww.a.com", "awww.a.com"),
    ("javascript://a.com", "javascript://a.com"),
    ("http:", "http:"),
    ("http:/(", "http:/("),
    ("http:///a", '<a href="http:///a">http:///a</a>'),
    (b"http://\xc3\xa9.com", '<a href="http://é.com">http://é.com</a>'),
]


class TestLinkify:
    @pytest.mark.parametrize(("text", "expected"), LINKS)
    def test_links(self, text: str | bytes, expected: str) -> None:
        assert linkify(text) == expected

    def test_protocols(self) -> None:
        assert linkify("ftp://a.com", permitted_protocols=["ftp"]) == (
            '<a href="ftp://a.com">ftp://a.com</a>'
        )
        assert linkify("www.a.com http://b.c", require_protocol=True) == (
            'www.a.com <a href="http://b.c">http://b.c</a>'
        )

    def test_extra_params(self) -> None:
        assert linkify("www.a.com", extra_params=' rel="nofollow" ') == (
            '<a href="http://www.a.com" rel="nofollow">www.a.com</a>'
        )
        assert linkify("www.a.com", extra_params=lambda url: f'data-to="{url}"') == (
            '<a href="http://www.a.com" data-to="http://www.a.com">www.a.com</a>'
        )

    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("http://short.com/path", "http://short.com/path"),
            ("http://reallylong.com/link/that/is/too/long.html", "http://reallylong.com/link..."),
            ("http://a.com/document.with.dots?and=query&more", "http://a.com/document..."),
            (
                "http://averyveryverylongdomainnamethatdoesnotfitanywhere.com/a",
                "http://averyveryverylongdomain...",
            ),
            (
                "http://averyveryverylongdomainnamethatdoesnotfit.com",
                "http://averyveryverylongdomain...",
            ),
            (
                "www.averyveryverylongdomainnamethatdoesnotfit.com/a/b",
                "www.averyveryverylongdomainnam...",
            ),
            ("http://a.com/aaaaaaaaaaaaaaaaaa", "http://a.com/aaaaaaaa..."),
            ("http://a.com/aaaaaaaa.bbbbbbbbb", "http://a.com/aaaaaaaa..."),
            ("http://aaaaaaaaaaaaaaaaaaaaaaaaa/a", "http://aaaaaaaaaaaaaaaaaaaaaaaaa/a"),
            ("http://aaaaaaaaaaaaaaaaaaaa/&bbbbbb", "http://aaaaaaaaaaaaaaaaaaaa/..."),
        ],
    )
    def test_shorten(self, url: str, shown: str) -> None:
        escaped = xhtml_escape(url)
        href = escaped if url.startswith("http") else f"http://{escaped}"
        title = f' title="{href}"' if shown != url else ""
        assert linkify(url, shorten=True) == f'<a href="{href}"{title}>{shown}</a>'

    @given(
        st.lists(
            st.sampled_from(
                [
                    "http",
                    "www.",
                    "://",
                    "(",
                    ")",
                    "&",
                    "<",
                    ">",
                    '"',
                    "'",
                    "a",
                    "-",
                    ".",
                    " ",
                    "/",
                    "é",
                ]
            ),
            max_size=20,
        ).map("".join)
    )
    def test_class_12_the_text_stays_and_nothing_else_is_markup(self, text: str) -> None:
        without_links = linkify(text)
        for tag in '<a href="', "</a>":
            assert tag not in xhtml_escape(text)
        parts = without_links.replace("</a>", "").split('<a href="')
        visible = parts[0] + "".join(part.split('">', 1)[1] for part in parts[1:])
        assert visible == xhtml_escape(text)

    @pytest.mark.parametrize(
        "unit",
        [
            "a-",
            "-",
            "http:",
            "http://",
            "www.",
            "www.(",
            "(",
            "http://a.com/(",
            "http://a(b)",
            "&",
            "http://a.......",
            "a:",
            "www.!",
            "http://(((",
            "www.a&amp;",
        ],
    )
    def test_class_3_linear_time(self, unit: str) -> None:
        # In quadratic time this would take hours and end by the timeout.
        assert linkify(unit * 100_000)


@pytest.mark.parametrize(
    ("function", "data"),
    [
        (xhtml_escape, "<" * 1_000_000),
        (xhtml_unescape, "&a;" * 100_000),
        (squeeze, " \n" * 500_000),
        (url_unescape, "%41" * 300_000),
        (url_unescape, "%" * 300_000),
        (url_escape, "é<" * 100_000),
    ],
)
def test_class_3_functions_take_linear_time(function: Callable[[str], object], data: str) -> None:
    assert function(data) is not None
    assert peak_memory(lambda: function(data)) < 40 * len(data)
