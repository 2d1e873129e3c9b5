"""Content codings: gzip, and Brotli and Zstandard where their libraries are installed.

They come with ``pip install cyclone[compress]`` and are imported when they are first wanted.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Iterable
from typing import Any, Protocol

__all__ = ["CODINGS", "Compressor", "available", "compressor", "require"]

CODINGS = ("zstd", "br", "gzip")
"""Names of the codings that are known, in the order of preference."""

#: Windows of 2**18 bytes: a response that is sent for hours keeps its window for so long.
_WINDOW_BITS = 18


class Compressor(Protocol):
    """Compresses one response."""

    def feed(self, data: bytes, last: bool) -> bytes:
        """Compress `data`.

        What comes back, with all before it, lets a client read all that was fed. Nothing may be
        fed after the ``last``.
        """
        ...


class _GZip:
    def __init__(self, level: int) -> None:
        self._stream = zlib.compressobj(level, zlib.DEFLATED, 16 + zlib.MAX_WBITS)

    def feed(self, data: bytes, last: bool) -> bytes:
        if not data and not last:
            return b""
        mode = zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH
        return self._stream.compress(data) + self._stream.flush(mode)


class _Brotli:
    def __init__(self, library: Any, level: int) -> None:
        self._stream = library.Compressor(quality=level, lgwin=_WINDOW_BITS)

    def feed(self, data: bytes, last: bool) -> bytes:
        if not data and not last:
            return b""
        begun: bytes = self._stream.process(data)
        ended: bytes = self._stream.finish() if last else self._stream.flush()
        return begun + ended


class _Zstandard:
    def __init__(self, library: Any, level: int) -> None:
        parameters = library.ZstdCompressionParameters.from_level(level, window_log=_WINDOW_BITS)
        self._stream = library.ZstdCompressor(compression_params=parameters).compressobj()
        self._modes = library.COMPRESSOBJ_FLUSH_BLOCK, library.COMPRESSOBJ_FLUSH_FINISH

    def feed(self, data: bytes, last: bool) -> bytes:
        if not data and not last:
            return b""
        begun: bytes = self._stream.compress(data)
        ended: bytes = self._stream.flush(self._modes[last])
        return begun + ended


def _brotli() -> Callable[[int], Compressor]:
    import brotli

    return functools.partial(_Brotli, brotli)


def _zstandard() -> Callable[[int], Compressor]:
    import zstandard

    return functools.partial(_Zstandard, zstandard)


_FACTORIES: dict[str, Callable[[], Callable[[int], Compressor]]] = {
    "br": _brotli,
    "gzip": lambda: _GZip,
    "zstd": _zstandard,
}


@functools.cache
def _factory(coding: str) -> Callable[[int], Compressor]:
    return _FACTORIES[coding]()


def compressor(coding: str, level: int) -> Compressor:
    """Return what compresses one response.

    ``coding`` is one of `CODINGS`, ``level`` its measure of effort: 1 to 9 for gzip, 0 to 11 for
    br, 1 to 22 for zstd.

    Raises ImportError when its library is not installed.
    """
    return _factory(coding)(level)


@functools.cache
def available() -> tuple[str, ...]:
    """Return those of `CODINGS` whose libraries are installed."""
    return tuple(filter(_is_there, CODINGS))


def _is_there(coding: str) -> bool:
    try:
        _factory(coding)
    except ImportError:
        return False
    return True


def require(names: Iterable[str]) -> tuple[str, ...]:
    """Return the codings an application asks for, as a tuple.

    Raises ValueError for a name that is not known and ImportError for one whose library is not
    installed.
    """
    wanted = tuple(names)
    for name in wanted:
        if name not in _FACTORIES:
            raise ValueError(f"unknown content coding {name!r}: known are {', '.join(CODINGS)}")
        if not _is_there(name):
            raise ImportError(f"content coding {name!r} needs: pip install cyclone[compress]")
    return wanted
