"""Content codings: what is compressed piece by piece can be read piece by piece."""

from __future__ import annotations

import random
import sys
import zlib
from collections.abc import Callable, Iterator

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from cyclone.web import codings
from cyclone.web.codings import CODINGS, available, compressor, require

#: A function that takes pieces and gives what can be read.
READERS: dict[str, Callable[[], Callable[[bytes], bytes]]] = {
    "gzip": lambda: zlib.decompressobj(16 + zlib.MAX_WBITS).decompress,
    "br": lambda: brotli.Decompressor().process,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
}


@pytest.fixture
def without_libraries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if the extra had not been installed."""
    monkeypatch.setitem(sys.modules, "brotli", None)
    monkeypatch.setitem(sys.modules, "zstandard", None)
    _forget()
    yield
    _forget()


def _forget() -> None:
    codings._factory.cache_clear()
    available.cache_clear()


@given(st.sampled_from(CODINGS), st.lists(st.binary(max_size=2000)), st.integers(1, 9))
def test_every_piece_can_be_read_when_it_comes(
    coding: str, pieces: list[bytes], level: int
) -> None:
    compress, read = compressor(coding, level), READERS[coding]()
    for piece in pieces:
        coded = compress.feed(piece, last=False)
        assert bool(coded) is bool(piece)
        assert (read(coded) if coded else b"") == piece
    assert read(compress.feed(b"end", last=True)) == b"end"


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("body", [b"", b"x", b"text " * 5000])
def test_whole_bodies(coding: str, body: bytes) -> None:
    coded = compressor(coding, 4).feed(body, last=True)
    assert READERS[coding]()(coded) == body
    assert len(coded) < max(len(body), 60)


@pytest.mark.parametrize("coding", CODINGS)
def test_the_same_text_gives_the_same_bytes(coding: str) -> None:
    assert len({compressor(coding, 4).feed(b"text" * 99, last=True) for _ in range(3)}) == 1


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_windows_are_small(coding: str) -> None:
    """What lies further back than 2**18 bytes is not referred to: its memory is not kept."""
    noise = random.Random(1).randbytes(2**18)
    coded = compressor(coding, 4).feed(noise + noise, last=True)
    assert len(coded) > 1.9 * len(noise)


def test_what_is_there() -> None:
    assert available() == CODINGS
    assert require(["gzip", "br"]) == ("gzip", "br")
    with pytest.raises(ValueError, match="unknown content coding 'deflate': known are zstd, br"):
        require(["deflate"])


def test_what_is_not_there(without_libraries: None) -> None:
    assert available() == ("gzip",)
    assert require(["gzip"]) == ("gzip",)
    for coding in ("br", "zstd"):
        with pytest.raises(ImportError, match=r"pip install cyclone\[compress\]"):
            require([coding])
