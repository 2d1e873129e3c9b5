"""Forms that are whole in memory, beside the same forms read from a stream."""

from __future__ import annotations

import io
import tracemalloc
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cyclone.httputil import HTTPInputError
from tests.httputil.multipart_cases import FIELD, FILE, Dripping, form, parse, stream_parse
from tests.web.counting import steps

DISPOSITION = b'Content-Disposition: form-data; name="a"\r\n'


class Pieces(io.BytesIO):
    """A stream that gives pieces of these sizes, over and over."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        super().__init__(data)
        self.sizes = sizes

    def read(self, size: int | None = -1) -> bytes:
        self.sizes = [*self.sizes[1:], self.sizes[0]]
        return super().read(self.sizes[-1])


def in_memory(body: bytes, boundary: bytes = b"1234", **limits: Any) -> Any:
    """What a form is made of, or why it was refused."""
    try:
        arguments, files = parse(body, boundary, **limits)
    except HTTPInputError as exc:
        return str(exc)
    return arguments, {
        name: [(file.filename, file.body, file.content_type) for file in uploads]
        for name, uploads in files.items()
    }


def streamed(stream: io.BytesIO, boundary: bytes = b"1234", **limits: Any) -> Any:
    content_type = f'multipart/form-data; boundary="{boundary.decode()}"'
    try:
        arguments, files = stream_parse(stream, content_type, 20, **limits)
    except HTTPInputError as exc:
        return str(exc)
    return arguments, {name: [file[:3] for file in uploads] for name, uploads in files.items()}


# --- differences ---------------------------------------------------------------------------------


class Difference(NamedTuple):
    """A form on which the two ways disagree, and why that is right."""

    part: bytes
    memory: str  # what an error there has in it, "" if there is none
    whole: str
    bytewise: str
    reason: str


#: All there are.
DIFFERENCES = [
    Difference(
        b"X-A\x0c: b\r\n" + FIELD,
        "header name",
        "",
        "",
        "the library strips from names all that str.strip() does, also control characters; RFC"
        " 5322 section 4.5 allows only spaces and tabs, and only in front of the colon",
    ),
    Difference(
        "\u017fet: b\r\n".encode() + FIELD,
        "header name",
        "",
        "",
        "the library looks at names in title case, which makes ASCII of some other letters; RFC"
        " 9110 section 5.6.2 has ASCII only",
    ),
    Difference(
        b"\nX-A: b\r\n" + FIELD,
        "header name",
        "",
        "line break",
        "the library strips a line feed, unless its input ends between that and the next CRLF",
    ),
]


class TestDifferences:
    @pytest.mark.parametrize("case", DIFFERENCES, ids=lambda case: case.part[:12].decode())
    def test_are_these(self, case: Difference) -> None:
        body = form(case.part)
        for expected, found in (
            (case.memory, in_memory(body)),
            (case.whole, streamed(io.BytesIO(body))),
            (case.bytewise, streamed(Dripping(body, 1))),
        ):
            if expected:
                assert expected in found
            else:
                assert found == ({"a": [b"value"]}, {})


# --- agreement -----------------------------------------------------------------------------------

FRAGMENTS = [
    b"",
    b"x",
    b" ",
    b"\t",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"-",
    b"--",
    b":",
    b";",
    b'"',
    b"\\",
    b"\0",
    b"\xff",
    b"Content-Length: 5\r\n",
    b"content-type : text/plain \r\n",
    b"X_1-a:\r\n",
    b"; name*=UTF-8''b",
    b";\tname=c",
    b"; name=\xc3\xa9; filename = d",
    DISPOSITION,
]
HEADERS = [
    DISPOSITION,
    DISPOSITION + b"Content-Length: 0\r\n",
    b"Content-Length: 3\r\n" + DISPOSITION,
    b'Content-Disposition: form-data; name="f"; filename="x"\r\nContent-Type: text/plain\r\n',
    b'content-disposition:FORM-DATA; filename="y\\"z"; name=g\r\nX-Other : \xc3\xa9 \r\n',
    b'Content-Disposition: form-data; name="h"; filename=""\r\n',
    b"Content-Disposition: form-data; name=\"i\"; filename*=UTF-8''%c3%a1\r\n",
]
BOUNDARIES = st.sampled_from([b"1234", b"-", b"--", b"a b", b":=", b"-" * 30 + b"aB3", b"x" * 70])
LIMITS = st.sampled_from(
    [{}, {"max_parts": 2}, {"max_part_header_size": 90}, {"max_fields_size": 6}]
)


@st.composite
def contents(draw: st.DrawFn, boundary: bytes) -> bytes:
    """Content that a delimiter is not in, but much that looks like one may be."""
    cut = draw(st.integers(1, len(boundary) + 3))
    near = (b"\r\n--" + boundary)[:cut]
    pieces = st.sampled_from([*FRAGMENTS, near, near, b"--" + boundary]) | st.binary(max_size=4)
    content = b"".join(draw(st.lists(pieces, max_size=6)))
    return content.replace(b"\r\n--" + boundary, b"")


@st.composite
def forms(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A boundary and a form; one in seven of the header sections says a wrong length."""
    boundary = draw(BOUNDARIES)
    body = draw(st.sampled_from([b"", b"\r\n"])) + b"--" + boundary
    for head in draw(st.lists(st.sampled_from(HEADERS), max_size=4)):
        content = draw(st.none() | contents(boundary))
        body += b"\r\n" + head + (b"" if content is None else b"\r\n" + content)
        body += b"\r\n--" + boundary
    return boundary, body + b"--" + draw(st.sampled_from([b"", b"\r\n", b" \r\n--" + boundary]))


@st.composite
def mutated(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """The same with a few changes."""
    boundary, body = draw(forms())
    delimiter = b"\r\n--" + boundary
    inserted = st.sampled_from(
        [*FRAGMENTS, delimiter, delimiter + b"\r\n", delimiter + b" ", delimiter[:-1], boundary]
    )
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(body)))
        end = start + draw(st.sampled_from([0, 0, 1, 1, 2, 10]))
        body = body[:start] + draw(inserted | st.binary(max_size=1)) + body[end:]
        if draw(st.sampled_from([False] * 9 + [True])):
            body = body[: draw(st.integers(0, len(body)))]
    return boundary, body


@pytest.mark.timeout(600)  # under the thorough profile
class TestAgreesWithTheStream:
    @given(forms(), st.lists(st.integers(1, 60), min_size=1, max_size=8), LIMITS)
    def test_on_forms(
        self, form: tuple[bytes, bytes], sizes: list[int], limits: dict[str, int]
    ) -> None:
        self.check(form, sizes, limits)

    @given(mutated(), st.lists(st.integers(1, 60), min_size=1, max_size=8), LIMITS)
    @example((b"1234", form(DISPOSITION + b"\r\nx")[:-8] + b"--1234"), [3], {})
    @example((b"1234", form(DISPOSITION[:-2])), [3], {})
    @example((b"1234", b"--1234\r\n\r\n--1234--"), [3], {})
    @example((b"1234", form(DISPOSITION)[:-8] + b"\r\n--12345\r\n--1234--"), [1], {})
    def test_on_anything(
        self, form: tuple[bytes, bytes], sizes: list[int], limits: dict[str, int]
    ) -> None:
        self.check(form, sizes, limits)

    @staticmethod
    def check(form: tuple[bytes, bytes], sizes: list[int], limits: dict[str, int]) -> None:
        boundary, body = form
        expected = in_memory(body, boundary, **limits)
        for stream in io.BytesIO(body), Dripping(body, 1), Pieces(body, sizes):
            found = streamed(stream, boundary, **limits)
            if not isinstance(expected, str):
                assert found == expected
            elif "header name" not in expected:  # for that see DIFFERENCES
                assert isinstance(found, str), expected

    @pytest.mark.parametrize("size", range(38, 63))
    def test_on_lines_of_about_the_limit(self, size: int) -> None:
        for line in b"X:" + b" " * size + b"a", b"X: " + b"a" * size, b"X: " + b"\xc3\xa9" * size:
            body = b"1234", form(line + b"\r\n" + DISPOSITION)
            for limit in 60, 97:
                self.check(body, [size], {"max_part_header_size": limit})


class TestParts:
    @pytest.mark.parametrize(
        ("line", "message"),
        [
            (b"X-Other: b", ""),
            (b"x_other \t: \t b \t", ""),
            (b"X-Other:", ""),
            (b"Content-Length: 5", ""),
            (b": b", "header name"),
            (b"X Other: b", "header name"),
            (b"X.Other: b", "header name"),
            (b"X-\xc3\xa9: b", "header name"),
            (b"X-Other", "Malformed"),
            (b"X-Other: \xff", "decode"),
            (b"X-\xff: b", "decode"),
            (b"X-Other: a\nb", "header value"),
            (b"X-Other: a\rb", "header value"),
            (b" X-Other: b", "continuation"),
            (b"\tX-Other: b", "continuation"),
            (b"content-disposition: form-data", "twice"),
            (b"Content-Length: 5\r\nContent-Length: 5", "twice"),
            (b"Content-Length: 6", "Content-Length"),
            (b"Content-Length: 5 ", "Content-Length"),
            (b"Content-Length:", "Content-Length"),
        ],
    )
    def test_header_lines(self, line: bytes, message: str) -> None:
        for part in line + b"\r\n" + FIELD, FIELD.replace(b"\r\n", b"\r\n" + line + b"\r\n", 1):
            found = in_memory(form(part))
            if message:
                assert message in found
            else:
                assert found == ({"a": [b"value"]}, {})

    @pytest.mark.parametrize(
        ("disposition", "message"),
        [
            (b"form-data; name*=UTF-8''a", "Missing name"),
            (b"form-data;\tname=a", "Missing name"),
            (b"form-data; name=\xc3\xa9", "Missing name"),
            (b'form-data; name="a"; name="b"', "repeated"),
            (b'form-data; name="a', "Missing name"),
            (b'form-data; name=a; filename="b', "malformed"),
            (b'form-data; name=""; a', "missing name"),
            (b"attachment; name=a", "Wrong type"),
            (b"form-data\xc2\xa0; name=a", "no form-data"),
            (b"form-data; name=a; name*=UTF-8''%00", "header value"),
            (b"form-data; name=a; filename*=UTF-8''%00", "header value"),
        ],
    )
    def test_dispositions(self, disposition: bytes, message: str) -> None:
        body = form(b"Content-Disposition: " + disposition + b"\r\n\r\nvalue")
        assert message in in_memory(body)
        assert isinstance(streamed(io.BytesIO(body)), str)

    @pytest.mark.parametrize("content", [b"\r\n--123", b"x--1234", b"\n--1234", b"\r--1234", b"\r"])
    def test_content_that_is_nearly_a_delimiter(self, content: bytes) -> None:
        assert in_memory(form(DISPOSITION + b"\r\n" + content)) == ({"a": [content]}, {})

    @pytest.mark.parametrize("padding", [b" ", b"\t", b"-", b"\r", b"\n", b"5", b"-\r\n"])
    def test_nothing_stands_behind_a_boundary(self, padding: bytes) -> None:
        body = form(FIELD, FIELD)
        for count in 1, 2:
            bad = body.replace(b"--1234\r\n", b"--1234" + padding + b"\r\n", count)
            for found in in_memory(bad), streamed(io.BytesIO(bad)):
                assert "after" in found

    def test_a_form_that_is_cut_anywhere_is_refused(self) -> None:
        body = form(FIELD, FILE % (b"x", b"y"), DISPOSITION)
        for length in range(len(body) - 2):
            assert isinstance(in_memory(body[:length]), str)

    def test_line_feeds_end_no_line(self) -> None:
        body = form(FIELD).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n", 1)
        for found in in_memory(body), streamed(io.BytesIO(body)), streamed(Dripping(body, 1)):
            assert "line break in segment header" in found

    def test_other_bytes(self) -> None:
        assert in_memory(bytearray(form(FIELD))) == ({"a": [b"value"]}, {})
        assert type(parse(bytearray(form(FIELD)))[0]["a"][0]) is bytes


class TestLimits:
    @pytest.mark.parametrize(
        ("limits", "message"),
        [
            ({"enabled": False}, "disabled"),
            ({"max_parts": 1}, "too many parts"),
            ({"max_fields_size": 9}, "fields are too large"),
            ({"max_part_header_size": 40}, "header too large"),
            ({"max_part_header_size": 45}, "header too large"),
        ],
    )
    def test_are_those_of_the_stream(self, limits: dict[str, int], message: str) -> None:
        body = form(FIELD, FILE % (b"x", b"content"), FIELD)
        assert message in in_memory(body, **limits)
        assert message in streamed(io.BytesIO(body), **limits)

    def test_count_no_more_than_they_say(self) -> None:
        body = form(FIELD, FILE % (b"x", b"content"), FIELD)
        limits = {"max_parts": 3, "max_fields_size": 10, "max_part_header_size": 82}
        assert in_memory(body, **limits) == (
            {"a": [b"value"] * 2},
            {"f": [("x", b"content", "text/plain")]},
        )
        assert "header too large" in in_memory(body, **limits | {"max_part_header_size": 81})


class TestWork:
    @pytest.mark.parametrize("unit", [b"\r\n--123", b"\r\n--1234"[:7], b"\r", b"\r\n", b"-"])
    def test_near_matches_cost_no_step(self, unit: bytes) -> None:
        def work(count: int) -> int:
            body = form(FILE % (b"x", unit * count))
            return steps(lambda: parse(body))

        assert work(4000) == work(1000)

    def test_parts_take_linear_time(self) -> None:
        def work(count: int) -> int:
            body = form(*[FIELD, FILE % (b"x", b"y" * 50)] * count)
            return steps(lambda: parse(body, max_parts=2 * count))

        assert work(400) <= 4.2 * work(100) + 200

    def test_a_part_too_many_ends_it(self) -> None:
        body = form(*[FIELD] * 50_000)
        assert "too many parts" in in_memory(body, max_parts=1)
        assert steps(lambda: in_memory(body, max_parts=1)) < 300

    @pytest.mark.parametrize(
        "lines", [b"X" * 100_000, b"X:" + b" " * 100_000 + b"a", b"X: a\r\n" * 10_000]
    )
    def test_a_header_section_too_large_ends_it(self, lines: bytes) -> None:
        body = form(lines.rstrip() + b"\r\n" + FIELD)
        assert "header too large" in in_memory(body)
        assert steps(lambda: in_memory(body)) < 500

    def test_content_is_copied_once(self) -> None:
        body = form(FILE % (b"x", bytes(1_000_000)))
        tracemalloc.start()
        try:
            files = parse(body)[1]
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert files["f"][0].size == 1_000_000
        assert peak < 1_050_000
