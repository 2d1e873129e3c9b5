"""Header fields by llhttp and without it: one meaning."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cyclone.http1 import BadRequest
from cyclone.http1.fields import fields_by_llhttp, fields_in_python
from cyclone.http1.section import HeaderSection

from .generate import DAMAGE, FIELDS, heads

Read = Callable[[bytes], list[tuple[bytes, bytes]]]
# On PyPy there is one only.
LLHTTP = find_spec("httptools") is not None
READERS = (fields_by_llhttp, fields_in_python) if LLHTTP else (fields_in_python,)
needs_both = pytest.mark.skipif(not LLHTTP, reason="httptools is not installed")
EXAMPLES = max(300, settings().max_examples)


def meaning(read: Read, section: bytes, version: str = "HTTP/1.1") -> object:
    """All that a server learns from a section, or that it is refused.

    Of several faults llhttp may find another one first, and so the status may be another.
    """
    try:
        found = HeaderSection(version, tuple(read(section)))
    except BadRequest:
        return "refused"
    seen = {name: getattr(found, name) for name in HeaderSection.__slots__}
    # Names of codings are case-insensitive; that of `chunked` is given to llhttp as it likes it.
    seen["fields"] = [
        (name, value.lower() if name.lower() == b"transfer-encoding" else value)
        for name, value in found.fields
    ]
    return seen


@pytest.mark.parametrize("read", READERS)
def test_names_as_sent_and_values_without_white_space(read: Read) -> None:
    section = b"Host: a\r\nX-Y:\t 1, 2 \t\r\nx:\r\nz: \t \r\nQ: a \xe9\t b\r\n\r\n"
    assert read(section) == [
        (b"Host", b"a"),
        (b"X-Y", b"1, 2"),
        (b"x", b""),
        (b"z", b""),
        (b"Q", b"a \xe9\t b"),
    ]
    assert read(b"\r\n") == []


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "line",
    [b"X", b": a", b"X : a", b" X: a", b"X\xff: a", b"X: a\x00b", b"X: a\nY: b", b"X: a\rb", b""],
)
def test_what_is_no_field_is_refused(read: Read, line: bytes) -> None:
    with pytest.raises(BadRequest, match="malformed header section"):
        read(b"Host: a\r\n" + line + b"\r\nY: z\r\n\r\n")


@needs_both
def test_both_mean_the_same_of_damaged_fields() -> None:
    for field, damage in itertools.product(FIELDS, (b"", *DAMAGE)):
        for line in (field + damage, damage + field, field.replace(b":", b":" + damage, 1)):
            for start in (b"", b"Host: a\r\n"):
                section = start + line + b"\r\n\r\n"
                if section.index(b"\r\n\r\n") < len(section) - 4:
                    continue  # it would have been cut off before
                for version in ("HTTP/1.0", "HTTP/1.1"):
                    known = meaning(fields_by_llhttp, section, version)
                    assert meaning(fields_in_python, section, version) == known, section


@needs_both
@given(heads().map(lambda head: head.partition(b"\r\n")[2]), st.sampled_from(["1.0", "1.1"]))
@example(b"", "1.1")
@settings(max_examples=EXAMPLES)
def test_both_mean_the_same_by_chance(section: bytes, version: str) -> None:
    # The connection cuts off what ends with the first empty line.
    section = (b"\r\n" + section).partition(b"\r\n\r\n")[0][2:]
    section = section + b"\r\n\r\n" if section else b"\r\n"
    known = meaning(fields_by_llhttp, section, f"HTTP/{version}")
    assert meaning(fields_in_python, section, f"HTTP/{version}") == known


def test_llhttp_may_be_missing() -> None:
    code = (
        "import sys; sys.modules['httptools'] = None\n"
        "from cyclone.http1.fields import checked_fields, fields_in_python\n"
        "print(checked_fields is fields_in_python, checked_fields(b'a:b\\r\\n\\r\\n'))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert found.stdout == "True [(b'a', b'b')]\n"
