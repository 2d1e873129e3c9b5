"""`BodyBuffer`."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.httputil import BodyBuffer
from cyclone.httputil import body as room


@given(
    st.lists(st.binary(max_size=50) | st.sampled_from([b"x" * 4095, b"y" * 4096, b"z" * 9000])),
    st.sampled_from([None, 0, 10, 5000, 100_000]),
)
def test_keeps_all_bytes(chunks: list[bytes], spool_size: int | None) -> None:
    buffer = BodyBuffer(spool_size)
    expected = b""
    try:
        for chunk in chunks:
            buffer.append(chunk)
            expected += chunk
            assert buffer.size == len(expected)
            assert buffer.spooled == (spool_size is not None and len(expected) > spool_size)
        for _ in range(2):
            assert buffer.getvalue() == expected
            assert buffer.open().read() == expected
    finally:
        buffer.close()


def test_one_chunk_is_not_copied() -> None:
    buffer = BodyBuffer()
    chunk = bytes(5000)
    buffer.append(chunk)
    assert buffer.getvalue() is chunk
    assert BodyBuffer().getvalue() == b""


def test_goes_on_after_it_was_read() -> None:
    buffer = BodyBuffer()
    for chunk in b"ab", b"c", b"d", b"e":
        buffer.append(chunk)
        buffer.getvalue()
    assert buffer.getvalue() == b"abcde"


def test_a_file_is_one_file_and_goes_with_the_buffer() -> None:
    buffer = BodyBuffer(2)
    buffer.append(b"abcdef")
    file = buffer.open()
    assert file.read(3) == b"abc"
    assert buffer.open() is file
    assert file.read(1) == b"a"
    buffer.close()
    assert file.closed
    with pytest.raises(ValueError, match="closed"):
        buffer.getvalue()


def test_closing_leaves_what_is_in_memory() -> None:
    buffer = BodyBuffer()
    buffer.append(b"abc")
    buffer.close()
    assert buffer.getvalue() == b"abc"


def test_class_4_many_small_chunks_take_the_memory_of_their_bytes() -> None:
    count = 200_000
    tracemalloc.start()
    try:
        buffer = BodyBuffer(None)
        for index in range(count):
            buffer.append(b"%02d" % (index % 100))
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert used < 2 * buffer.size


def test_class_4_spooled_bytes_are_not_in_memory() -> None:
    chunk = bytes(65536)
    tracemalloc.start()
    buffer = BodyBuffer(1024 * 1024)
    try:
        for _ in range(200):
            buffer.append(chunk)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        buffer.close()
    assert buffer.size == 200 * 65536
    assert peak < 3 * 1024 * 1024


def test_a_disk_that_is_full_leaves_no_file_open(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        closed = False

        def writelines(self, lines: Any) -> None:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            self.closed = True

    full = Full()
    monkeypatch.setattr(room, "TemporaryFile", lambda: full)
    buffer = BodyBuffer(1)
    with pytest.raises(OSError, match="No space"):
        buffer.append(b"abc")
    assert full.closed
    assert not buffer.spooled
