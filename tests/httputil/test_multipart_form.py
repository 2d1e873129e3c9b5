"""``multipart/form-data``."""

from __future__ import annotations

import io
import logging
import os
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from twisted.logger import globalLogPublisher

from cyclone.httputil import HTTPInputError, parse_multipart, parse_multipart_form_data
from tests.httputil.multipart_cases import (
    FIELD,
    FILE,
    Arguments,
    Dripping,
    Files,
    form,
    parse,
    stream_parse,
)
from tests.web.counting import steps

# RFC 2046 section 5.1.1.
BOUNDARIES = st.from_regex(
    r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]", fullmatch=True
)
NAMES = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters='"\\'), min_size=1
)
FORMS = st.lists(st.tuples(NAMES, st.binary(), st.none() | NAMES | st.just("")), max_size=8)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """All that is logged, through Twisted or `logging`."""
    found: list[Any] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record)

    keeper = Keeper()
    logging.getLogger().addHandler(keeper)
    globalLogPublisher.addObserver(found.append)
    yield found
    globalLogPublisher.removeObserver(found.append)
    logging.getLogger().removeHandler(keeper)


class TestForms:
    def test_fields_and_files(self) -> None:
        arguments, files = parse(
            form(
                FIELD,
                FILE % (b"x.txt", b"content"),
                FIELD,
                FILE % ("测试.txt".encode(), b""),
                b"content-disposition: FORM-DATA;NAME=b; filename=y\r\n\r\n\r\n",
            )
        )
        assert arguments == {"a": [b"value", b"value"]}
        assert files == {
            "f": [
                {"filename": "x.txt", "body": b"content", "content_type": "text/plain"},
                {"filename": "测试.txt", "body": b"", "content_type": "text/plain"},
            ],
            "b": [{"filename": "y", "body": b"\r\n", "content_type": "application/unknown"}],
        }

    @pytest.mark.parametrize("size", [*range(1, 60), 65536])
    def test_parts_without_content(self, size: int) -> None:
        # RFC 2046 section 5.1.1: the empty line may be missing with the content.
        none, empty, lines = FIELD[:-7], FIELD[:-5], FIELD[:-5] + b"\r\n\r\n"
        body = form(none, empty, none, lines, FIELD, lines, none)
        expected = [b"", b"", b"", b"\r\n\r\n", b"value", b"\r\n\r\n", b""]
        assert parse(body) == ({"a": expected}, {})
        assert stream_parse(Dripping(body, size)) == ({"a": expected}, {})

    def test_a_file_without_a_name_is_a_field(self) -> None:
        # Browsers send that for a file input where no file was chosen.
        assert parse(form(FILE % (b"", b"")))[0] == {"f": [b""]}

    def test_is_added_to_what_is_there(self) -> None:
        arguments: Arguments = {"a": [b"first"]}
        files: Files = {}
        parse_multipart_form_data(b'"1234"', form(FIELD), arguments, files)
        assert arguments == {"a": [b"first", b"value"]}

    @pytest.mark.parametrize("body", [b"--1234--", b"--1234--\r\n", b"\r\n--1234--\r\n"])
    def test_a_form_without_parts(self, body: bytes) -> None:
        assert parse(body) == ({}, {})
        assert stream_parse(io.BytesIO(body)) == ({}, {})

    @pytest.mark.parametrize(
        "epilogue",
        [
            b"",
            b"\r\n",
            b"\r\n\r\n",
            b" and more",
            b"\r\n--1234\r\n" + FIELD,
            b"x" * 200_000,
        ],
    )
    @pytest.mark.parametrize("size", [1, 7, 65536])
    def test_what_follows_the_last_boundary_is_ignored(self, epilogue: bytes, size: int) -> None:
        body = form(FIELD)[:-2] + epilogue
        assert parse(body) == ({"a": [b"value"]}, {})
        assert stream_parse(Dripping(body, size)) == ({"a": [b"value"]}, {})

    @pytest.mark.parametrize(
        ("disposition", "filename"),
        [
            ('filename="a;b.txt"', "a;b.txt"),
            (r'filename="a\"b.txt"', 'a"b.txt'),
            (r'filename="a\\b.txt"', r"a\b.txt"),
            (r'filename="C:\dir\b.txt"', r"C:\dir\b.txt"),
            ('filename="a b\tc"', "a b\tc"),
            ("filename=a.txt", "a.txt"),
            ('filename="%22%0D%0A"', "%22%0D%0A"),  # nothing that could bring a line break in
            ("filename=\"a\"; filename*=UTF-8''%C3%A1.txt", "á.txt"),
            ('filename="../../etc/passwd"', "../../etc/passwd"),
        ],
    )
    def test_file_names(self, disposition: str, filename: str) -> None:
        part = f'Content-Disposition: form-data; name="f"; {disposition}\r\n\r\nx'.encode()
        assert parse(form(part))[1]["f"][0].filename == filename

    @given(BOUNDARIES, FORMS)
    def test_round_trip(self, boundary: str, parts: list[tuple[str, bytes, str | None]]) -> None:
        raw = boundary.encode()
        assume(not any(b"--" + raw in value for _, value, _ in parts))
        encoded = []
        arguments: Arguments = {}
        files: dict[str, list[tuple[str, bytes, str, bool]]] = {}
        for name, value, filename in parts:
            disposition = f'Content-Disposition: form-data; name="{name}"'
            if filename is not None:
                disposition += f'; filename="{filename}"'
            encoded.append(disposition.encode() + b"\r\n\r\n" + value)
            if filename:
                upload = (filename, value, "application/unknown", len(value) > 100)
                files.setdefault(name, []).append(upload)
            else:
                arguments.setdefault(name, []).append(value)
        body = form(*encoded, boundary=raw)
        parsed = stream_parse(io.BytesIO(body), f'multipart/form-data; boundary="{boundary}"')
        assert parsed == (arguments, files)

    @given(
        st.integers(1, 40),
        st.lists(
            st.sampled_from(
                [
                    FIELD,
                    FILE % (b"x", b"\r\n"),
                    FILE % (b"y", b"\r\n--123"),
                    FILE % (b"z", b"\r" * 120),
                    FIELD + b"\r\n-",
                    FILE % (b"", b"--12345"[:5]),
                ]
            ),
            max_size=4,
        ),
    )
    def test_class_1_chunks_do_not_matter(self, size: int, parts: list[bytes]) -> None:
        body = form(*parts)
        assert stream_parse(Dripping(body, size)) == stream_parse(io.BytesIO(body))
        assert stream_parse(io.BytesIO(body), spool_size=None)[0] == parse(body)[0]

    @given(
        st.binary()
        | st.lists(
            st.sampled_from(
                [
                    b"--1234",
                    b"--1234\r\n",
                    b"\r\n",
                    b"\n",
                    b"--",
                    FIELD,
                    FILE % (b"x", b"y"),
                    b":",
                    b" ",
                    b"Content-Disposition",
                    b": form-data",
                    b'; name="a"',
                    b"Content-Length: 1",
                    b"\xff",
                ]
            ),
            max_size=12,
        ).map(b"".join),
        st.integers(1, 30),
    )
    def test_any_body_is_refused_or_parsed_alike(self, body: bytes, size: int) -> None:
        results: list[Any] = []
        for parse_it in (
            lambda: parse(body)[0],
            lambda: stream_parse(io.BytesIO(body))[0],
            lambda: stream_parse(Dripping(body, size))[0],
        ):
            try:
                results.append(parse_it())
            except HTTPInputError:
                results.append(None)
        assert results[0] == results[1] == results[2]


REFUSED = [
    ("empty", b"", "begins with no boundary"),
    ("preamble", b"preamble\r\n" + form(FIELD), "begins with no boundary"),
    ("another boundary", form(FIELD, boundary=b"4321"), "begins with no boundary"),
    ("no last boundary", form(FIELD)[:-4], "end of multipart stream"),
    ("cut in a header", b"--1234\r\nContent-Dispo", "end of multipart stream"),
    ("bytes behind a boundary", b"--1234 \r\n" + FIELD, "after (first )?boundary"),
    ("longer boundary", form(FIELD).replace(b"--1234--", b"--12345--"), "after boundary"),
    ("LF line endings", form(FIELD).replace(b"\r\n", b"\n"), "line break"),
    ("no CRLF before the last boundary", form(FIELD).replace(b"value\r\n", b"value"), "end of"),
    ("no headers", form(b"\r\nvalue"), "Content-Disposition"),
    ("no empty line", form(b"value"), "Malformed segment header"),
    ("another disposition", form(FIELD.replace(b"form-data", b"attachment")), "Wrong type"),
    (
        "disposition with a strange space",
        form(FIELD.replace(b"form-data", b"form-data\xc2\xa0")),
        "no form-data",
    ),
    ("no name", form(FIELD.replace(b'; name="a"', b"")), "[Mm]issing name"),
    ("empty name", form(FIELD.replace(b'"a"', b'""')), "missing name"),
    ("two names", form(FIELD.replace(b'"a"', b'"a"; name="b"')), "repeated"),
    ("two dispositions", form(FIELD.replace(b"\r\n\r\n", b"\r\n" + FIELD)), "twice"),
    ("unclosed quotes", form(FIELD.replace(b'"a"', b'"a')), "Missing name|malformed"),
    ("folded header", form(FIELD.replace(b"; name", b";\r\n name")), "continuation"),
    ("header that is not UTF-8", form(FIELD.replace(b"a", b"\xff")), "decode|header"),
    ("wrong part length", form(b"Content-Length: 4\r\n" + FIELD), "Content-Length"),
    ("signed part length", form(b"Content-Length: +5\r\n" + FIELD), "Content-Length"),
    ("part length with underscore", form(b"Content-Length: 0_5\r\n" + FIELD), "Content-Length"),
    (
        "control character in extended name",
        form(FIELD.replace(b'"a"', b"\"a\"; filename*=UTF-8''a%0d%0ab")),
        "Invalid header value",
    ),
    ("malformed extended name", form(FIELD.replace(b'"a"', b'"a"; filename*=b')), "malformed"),
]


class TestRefused:
    @pytest.mark.parametrize(("name", "body", "message"), REFUSED, ids=[r[0] for r in REFUSED])
    @pytest.mark.parametrize("size", [1, 65536])
    def test_malformed_forms(
        self, name: str, body: bytes, message: str, size: int, logged: list[Any]
    ) -> None:
        before = open_files()
        with pytest.raises(HTTPInputError, match=message) as error:
            parse(body)
        assert "value" not in str(error.value).replace("header value", "")
        with pytest.raises(HTTPInputError, match=message):
            stream_parse(Dripping(body, size), spool_size=0)
        assert open_files() == before
        assert logged == []

    @pytest.mark.parametrize("code", [*range(0x20), 0x7F])
    def test_class_2_control_characters_in_part_headers(self, code: int) -> None:
        if chr(code) == "\t":
            return
        for part in (
            FILE % (b"a%cb" % code, b""),
            FIELD.replace(b"\r\n\r\n", b"\r\nX-Other: a%cb\r\n\r\n" % code),
            FIELD.replace(b'"a"', b"\"a\"; filename*=UTF-8''%%%02X" % code),
        ):
            with pytest.raises(HTTPInputError):
                parse(form(part))

    def test_nothing_is_added_by_a_form_that_is_refused(self) -> None:
        arguments: Arguments = {}
        files: Files = {}
        with pytest.raises(HTTPInputError):
            parse_multipart_form_data(
                b"1234", form(FIELD, FILE % (b"a", b"b"), b"bad"), arguments, files
            )
        assert arguments == files == {}

    @pytest.mark.parametrize(
        "boundary",
        [
            b"",
            b'""',
            b"a ",
            b"x" * 71,
            b"a\r\nb",
            b"a\n",
            b"\xe9",
            b"a\0",
            b"a;b",
            b"<a>",
            b'"',
        ],
    )
    def test_class_4_boundaries_are_short_and_plain(self, boundary: bytes) -> None:
        with pytest.raises(HTTPInputError, match="boundary"):
            parse(b"--%b--\r\n" % boundary, boundary)

    @pytest.mark.parametrize(
        ("content_type", "message"),
        [
            ("multipart/form-data", "boundary not found"),
            ("multipart/form-data; boundary=", "boundary not found"),
            ("multipart/form-data; charset=utf-8", "boundary not found"),
            ("multipart/form-dataxyz; boundary=1234", "content type"),
            ("multipart/mixed; boundary=1234", "content type"),
            ('multipart/form-data; boundary="1234', "malformed"),
            ("multipart/form-data; boundary=1234; boundary=4321", "repeated"),
            ("multipart/form-data; boundary=a\xe9", "Invalid boundary"),
        ],
    )
    def test_content_types(self, content_type: str, message: str) -> None:
        with pytest.raises(HTTPInputError, match=message):
            parse_multipart(io.BytesIO(form(FIELD)), content_type)

    def test_quoted_boundary_and_other_parameters(self) -> None:
        for content_type in (
            'Multipart/Form-Data; charset=utf-8; BOUNDARY="1234"',
            "multipart/form-data;boundary=1234",
        ):
            assert stream_parse(io.BytesIO(form(FIELD)), content_type)[0] == {"a": [b"value"]}

    def test_files_are_closed_when_the_stream_fails(self) -> None:
        class Failing(Dripping):
            def read(self, size: int | None = -1) -> bytes:
                data = super().read()
                if not data:
                    raise OSError("no more")
                return data

        before = open_files()
        body = form(FILE % (b"a", b"x" * 1000), FILE % (b"b", b"y" * 1000))
        with pytest.raises(OSError, match="no more"):
            stream_parse(Failing(body[:-600], 50), spool_size=10)
        assert open_files() == before


class TestLimits:
    def test_class_4_parts(self) -> None:
        assert len(parse(form(*[FIELD] * 100))[0]["a"]) == 100
        with pytest.raises(HTTPInputError, match="too many parts"):
            parse(form(*[FIELD] * 101))
        with pytest.raises(HTTPInputError, match="too many parts"):
            parse(form(FIELD), max_parts=0)

    def test_class_4_bad_parts_end_it_at_the_first(self, logged: list[Any]) -> None:
        bad = b'Content-Disposition: invalid; name="a"\r\n\r\nb'
        body = form(*[bad] * 50_000)

        def refuse() -> None:
            with pytest.raises(HTTPInputError):
                parse(body)

        assert steps(refuse) < 1000
        assert logged == []

    @pytest.mark.parametrize(
        "part",
        [
            FIELD.replace(b'"a"', b'"%b"' % (b"a" * 10_300)),
            b"X-Padding: " + b"a" * 11_000 + b"\r\n" + FIELD,
            b"".join(b"X-%d: %b\r\n" % (n, b"a" * 1000) for n in range(11)) + FIELD,
            b"".join(b"X-%d: a\r\n" % n for n in range(20)) + FIELD,
            b"X" * 11_000,
        ],
    )
    def test_class_4_part_headers(self, part: bytes) -> None:
        for parse_it in parse, lambda body: stream_parse(Dripping(body, 700)):
            with pytest.raises(HTTPInputError, match="header too large"):
                parse_it(form(part))

    def test_part_header_size_is_configurable(self) -> None:
        with pytest.raises(HTTPInputError, match="header too large"):
            parse(form(FIELD), max_part_header_size=10)
        long = FIELD.replace(b'"a"', b'"%b"' % (b"a" * 20_000))
        assert parse(form(long), max_part_header_size=30_000)[0] == {"a" * 20_000: [b"value"]}

    def test_class_4_fields_together(self) -> None:
        assert parse(form(FIELD, FIELD), max_fields_size=10)[0] == {"a": [b"value"] * 2}
        with pytest.raises(HTTPInputError, match="fields are too large"):
            parse(form(FIELD, FIELD), max_fields_size=9)
        assert parse(form(FILE % (b"x", b"content")), max_fields_size=0)[1]["f"][0].size == 7

    def test_can_be_disabled(self) -> None:
        with pytest.raises(HTTPInputError, match="disabled"):
            parse(form(FIELD), enabled=False)

    def test_class_4_large_files_are_not_in_memory(self) -> None:
        class Endless(io.RawIOBase):
            """A form with a file of 64 MiB, made as it is read."""

            def __init__(self) -> None:
                self.chunks = iter(
                    [
                        form(FILE % (b"x", b"y"))[:-12],
                        *[b"x" * 65536] * 1024,
                        b"\r\n--1234--",
                    ]
                )

            def read(self, size: int = -1) -> bytes:
                return next(self.chunks, b"")

        tracemalloc.start()
        try:
            _, files = parse_multipart(
                Endless(),  # type: ignore[arg-type]
                "multipart/form-data; boundary=1234",
                spool_size=1024 * 1024,
            )
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        file = files["f"][0]
        assert 64 * 1024 * 1024 < file.size < 65 * 1024 * 1024
        file.close()
        assert peak < 4 * 1024 * 1024

    def test_class_4_many_files_in_memory_have_a_limit_together(self) -> None:
        body = form(*[FILE % (b"x", b"y" * 90)] * 20)
        _, described = stream_parse(io.BytesIO(body), spool_size=100)
        spooled = [in_file for _, _, _, in_file in described["f"]]
        assert spooled == [False] * 4 + [True] * 16

    @pytest.mark.parametrize("unit", [b"\r\n", b"\r", b"\r\n--123", b"-", b"\r\n--", b"\n"])
    def test_class_3_linear_time(self, unit: bytes) -> None:
        def work(count: int, size: int) -> int:
            stream = Dripping(form(FILE % (b"x", unit * count)), size)
            return steps(lambda: stream_parse(stream, spool_size=None))

        assert work(4000, 100) <= 4.2 * work(1000, 100) + 200
        # Quadratic searching would not end before the timeout.
        assert parse(form(FILE % (b"x", unit * 1_000_000)))[1]["f"][0].size == len(unit) * 1_000_000

    @pytest.mark.parametrize("unit", [";", '\\"', "\\", " ", "; a=b", "%41", "%"])
    def test_class_3_long_dispositions(self, unit: str) -> None:
        part = f'Content-Disposition: form-data; x="{unit * 200_000}"; name="a"\r\n\r\nv'.encode()
        assert parse(form(part), max_part_header_size=2_000_000)[0] == {"a": [b"v"]}
