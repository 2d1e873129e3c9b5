"""Compression per message (permessage-deflate, RFC 7692): its parameters and its streams.  Pure."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .frames import ViolationError

__all__ = ["EXTENSION", "CompressionOptions", "Deflate", "Parameters", "compress_alone"]

EXTENSION = "permessage-deflate"

#: What ends each message, and is not sent (RFC 7692 section 7.2.1).
_TAIL = b"\x00\x00\xff\xff"
#: How often the DEFLATE stream of one message may end and begin anew (section 7.2.3.4 allows it).
#: Each costs a decompressor and a copy of the rest.
_MAX_STREAMS = 8


@dataclass(frozen=True, slots=True)
class Parameters:
    """What two peers have agreed on (RFC 7692 section 7.1).

    Attributes:
        server_no_context_takeover: the server compresses each message by itself.
        client_no_context_takeover: the client does.
        server_max_window_bits: size of the server's window, 8 to 15.
        client_max_window_bits: size of the client's.
    """

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int = 15
    client_max_window_bits: int = 15


@dataclass(frozen=True, slots=True)
class CompressionOptions:
    """How this side compresses, and what it asks for: the dict of ``get_compression_options``.

    Attributes:
        compression_level: 0 to 9, -1 for zlib's default (Tornado).
        mem_level: 1 to 9 (Tornado).
        threshold: shorter messages, in bytes, are sent as they are.
        server_no_context_takeover, client_no_context_takeover: ask for it.
        server_max_window_bits, client_max_window_bits: at most so many, 9 to 15.
    """

    compression_level: int = 6
    mem_level: int = 8
    threshold: int = 0
    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int = 15
    client_max_window_bits: int = 15

    @classmethod
    def from_dict(cls, options: Mapping[str, Any]) -> CompressionOptions:
        """Take the options of an application.

        Raises:
            ValueError: one of them is not known, or out of its range.
        """
        unknown = sorted(options.keys() - set(cls.__slots__))
        if unknown:
            raise ValueError(f"compression options: unknown {', '.join(map(repr, unknown))}")
        made = cls(**{name: value for name, value in options.items() if value is not None})
        ranges = {
            "compression_level": (-1, 9),
            "mem_level": (1, 9),
            "threshold": (0, 2**63),
            # zlib has no window of 8 bits for streams without a head.
            "server_max_window_bits": (9, 15),
            "client_max_window_bits": (9, 15),
        }
        for name, (least, most) in ranges.items():
            value = getattr(made, name)
            if type(value) is not int or not least <= value <= most:
                raise ValueError(
                    f"compression option {name} must be a whole number from {least} to {most}, "
                    f"not {value!r}"
                )
        return made


def compress_alone(data: bytes, options: CompressionOptions, window_bits: int) -> bytes:
    """`data` compressed without reference to anything before it."""
    stream = zlib.compressobj(
        options.compression_level, zlib.DEFLATED, -window_bits, options.mem_level
    )
    return _ended(stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH))


def _ended(compressed: bytes) -> bytes:
    return compressed.removesuffix(_TAIL)


class Deflate:
    """Both directions of one connection.

    Attributes:
        options: how messages are compressed.
        window_bits: size of the window of what is sent.
    """

    __slots__ = (
        "_alone",
        "_compressor",
        "_decompressor",
        "_forgetful",
        "_peer_bits",
        "_streams",
        "options",
        "window_bits",
    )

    def __init__(self, parameters: Parameters, options: CompressionOptions, client: bool) -> None:
        own = (parameters.client_max_window_bits, parameters.client_no_context_takeover)
        peer = (parameters.server_max_window_bits, parameters.server_no_context_takeover)
        if not client:
            own, peer = peer, own
        self.options = options
        self.window_bits, self._alone = own
        self._peer_bits, self._forgetful = peer
        self._compressor: Any = None
        self._decompressor: Any = None
        self._streams = 0

    # -- what is sent

    def compress(self, data: bytes) -> bytes:
        """A message, compressed."""
        if self._alone:
            return compress_alone(data, self.options, self.window_bits)
        stream = self._compressor
        if stream is None:
            options = self.options
            stream = self._compressor = zlib.compressobj(
                options.compression_level, zlib.DEFLATED, -self.window_bits, options.mem_level
            )
        return _ended(stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH))

    def sent_alone(self) -> None:
        """A message has been sent that this object has not compressed.

        The peer's window holds it now, so that the next message must refer to nothing before it.
        """
        self._compressor = None

    # -- what is received

    def decompress(self, data: bytes, limit: int) -> bytes:
        """A piece of a compressed message, decompressed.

        Args:
            limit: bytes it may have; no more than one above that are ever made.

        Raises:
            ViolationError: 1009, it has more; 1007, it is not compressed data.
        """
        made = b""
        while data:
            stream = self._decompressor
            if stream is None:
                stream = self._decompressor = zlib.decompressobj(-self._peer_bits)
            try:
                made += stream.decompress(data, limit + 1 - len(made))
            except zlib.error:
                raise ViolationError(1007, "invalid compressed data") from None
            if len(made) > limit:
                raise ViolationError(1009, "message too big")
            if not stream.eof:
                break
            # BFINAL ends a stream within the message (section 7.2.3.4).  Compressors that set it
            # begin the next one with an empty window.
            self._decompressor = None
            self._streams += 1
            if self._streams > _MAX_STREAMS:
                raise ViolationError(1007, "too many streams in a compressed message")
            data = stream.unused_data
        return made

    def end_message(self, limit: int) -> bytes:
        """The message has ended; returns what was still inside the decompressor.

        Raises:
            ViolationError: as of `decompress`.
        """
        made = b""
        if self._decompressor is not None:  # else the stream has ended by itself
            made = self.decompress(_TAIL, limit)
        if self._forgetful:
            self._decompressor = None
        self._streams = 0
        return made
