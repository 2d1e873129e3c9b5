"""What the fuzzer of WebSockets sends: frames, compressed messages, handshakes, and mutations."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cyclone.websocket import CompressionOptions
from cyclone.websocket.deflate import Deflate, Parameters, compress_alone
from cyclone.websocket.session import Session

__all__ = ["LIMIT", "Input", "good_fields", "make_input"]

#: Bytes that a message may have; small, so that inputs come near it.
LIMIT = 4096
_KEY = "dGhlIHNhbXBsZSBub25jZQ=="

Section = list[tuple[str, str]]


@dataclass(frozen=True)
class Input:
    """What one end is to make something of.

    Attributes:
        target: ``session`` (frames, deflate), ``handshake`` or ``server`` (a whole session).
        pieces: the bytes, as they come.
        client: they come to a client.
        parameters: the compression that was agreed on; None for none.
        fields: of a handshake.
    """

    target: str
    pieces: tuple[bytes, ...] = ()
    client: bool = False
    parameters: Parameters | None = None
    fields: tuple[tuple[str, str], ...] = ()


_TEXTS = ("", "Hello", "€uro", "\U0001f600", "x" * 125, "y" * 126, "é" * 300, "z" * (LIMIT + 1))
_PAYLOADS = (
    b"", b"\x00", b"\xff", "€".encode()[:2], b"\xed\xa0\x80", b"a" * 125, b"b" * 126,
    b"c" * LIMIT, b"d" * (LIMIT + 1), bytes(range(256)),
    # DEFLATE: empty, BFINAL, a stored block, the examples of RFC 7692, and a bomb
    b"\x03\x00", b"\x03\x00" * 12, b"\x00", b"\x02", b"\x01\x00\x00\xff\xff",
    b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"\xf2\x00\x11\x00\x00", b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
    compress_alone(bytes(1_000_000), CompressionOptions(), 15),
)  # fmt: skip
_CODES = (
    b"", b"\x03", b"\x03\xe8", b"\x03\xe9bye", b"\x03\xec", b"\x03\xed", b"\x03\xee", b"\x03\xf7",
    b"\x0b\xb8", b"\x13\x87", b"\x13\x88", b"\x00\x00", b"\xff\xff", b"\x03\xe8\xff",
    b"\x03\xe8" + b"r" * 123, b"\x03\xe8" + b"r" * 124,
)  # fmt: skip
_TOKENS = (
    b"\x81\x80", b"\x82\x85", b"\x01\x80", b"\x00\x80", b"\x80\x80", b"\x88\x80", b"\x89\x80",
    b"\x8a\x80", b"\xc1\x80", b"\x41\x81", b"\xff\xff", b"\x81\xfe\x00\x7e", b"\x81\xfe\x00\x7d",
    b"\x82\xff" + b"\x00" * 8, b"\x82\xff" + b"\xff" * 8, b"\x82\xff\x00\x00\x00\x00\x7f",
    b"\x00\x00\xff\xff", b"\x00" * 4, b"\x83\x80", b"\x8b\x80", b"\x91\x80", b"\x09\x80",
)  # fmt: skip


def make_input(seed: int, number: int) -> Input:
    """Input `number` of `seed`."""
    source = random.Random(f"websocket/{seed}/{number}")
    target = source.choice(("session", "session", "session", "handshake", "server"))
    if target == "handshake":
        return Input(target, fields=tuple(_fields(source)))
    client = target == "session" and source.random() < 0.3
    parameters = None
    if source.random() < 0.6:
        bits = source.choice((9, 12, 15, 15))
        parameters = Parameters(source.random() < 0.3, source.random() < 0.3, bits, bits)
    data = bytearray(_stream(source, client, parameters))
    for _ in range(source.choice((0, 0, 1, 1, 2, 4))):
        if data:
            source.choice(_MUTATIONS)(source, data)
    fields: tuple[tuple[str, str], ...] = ()
    if target == "server":
        fields = tuple(_fields(source) if source.random() < 0.2 else good_fields())
        if parameters is not None:
            fields += (("Sec-WebSocket-Extensions", _offer(parameters)),)
    return Input(target, tuple(_pieces(source, bytes(data))), client, parameters, fields)


# -- streams ---------------------------------------------------------------------------------------


def _stream(source: random.Random, client: bool, parameters: Parameters | None) -> bytes:
    """Frames of the peer: most of them such as a good one sends."""
    deflate = None
    if parameters is not None:
        deflate = Deflate(parameters, CompressionOptions(), client=not client)
    peer = Session(client=not client, deflate=deflate)
    frames: list[bytes] = []
    for _ in range(source.randint(1, 6)):
        frames.extend(source.choice(_PARTS)(source, peer))
    if source.random() < 0.1:
        source.shuffle(frames)
    if source.random() < 0.5:
        frames.append(_frame(source, peer, 0x88, source.choice(_CODES)))
    return b"".join(frames)


def _frame(source: random.Random, peer: Session, first: int, payload: bytes) -> bytes:
    """A frame, built here: `frames.encode_frame` is what is tested."""
    size = len(payload)
    masked = 0x80 if peer.encode(b"", True)[1] & 0x80 else 0
    head = bytes([first, masked | min(size, 126 if size < 65536 else 127)])
    if size >= 126:
        head += struct.pack("!H" if size < 65536 else "!Q", size)
    if not masked:
        return head + payload
    key = source.randbytes(4)
    return head + key + bytes(byte ^ key[i & 3] for i, byte in enumerate(payload))


def _good(source: random.Random, peer: Session) -> Iterator[bytes]:
    text = source.random() < 0.6
    yield peer.encode(source.choice(_TEXTS) if text else source.choice(_PAYLOADS), not text)


def _control(source: random.Random, peer: Session) -> Iterator[bytes]:
    payload = source.choice((b"", b"p", b"q" * 125, b"r" * 126))
    yield _frame(source, peer, source.choice((0x89, 0x89, 0x8A, 0x09, 0x8B)), payload)


def _fragments(source: random.Random, peer: Session) -> Iterator[bytes]:
    first = source.choice((0x01, 0x02, 0x41, 0x42))
    data = source.choice([*_PAYLOADS, *(text.encode() for text in _TEXTS)])
    if first & 0x40 and source.random() < 0.8:
        data = compress_alone(data, CompressionOptions(), 9)
    cuts = sorted(source.randrange(len(data) + 1) for _ in range(source.choice((1, 2, 5))))
    for start, end in zip([0, *cuts], cuts, strict=False):
        yield _frame(source, peer, first, data[start:end])
        first = 0x00
        if source.random() < 0.2:
            yield from _control(source, peer)
    yield _frame(source, peer, 0x80, data[cuts[-1] :])


def _raw(source: random.Random, peer: Session) -> Iterator[bytes]:
    first = source.choice((0x81, 0x82, 0xC1, 0xC2, 0x80, 0xC0, 0xA1, 0x83, source.randrange(256)))
    yield _frame(source, peer, first, source.choice(_PAYLOADS))


_PARTS = (_good, _good, _good, _control, _fragments, _fragments, _raw)


# -- mutations -------------------------------------------------------------------------------------


def _flip(source: random.Random, data: bytearray) -> None:
    data[source.randrange(len(data))] ^= 1 << source.randrange(8)


def _replace(source: random.Random, data: bytearray) -> None:
    data[source.randrange(len(data))] = source.randrange(256)


def _insert(source: random.Random, data: bytearray) -> None:
    place = source.randrange(len(data) + 1)
    data[place:place] = source.choice(_TOKENS)


def _delete(source: random.Random, data: bytearray) -> None:
    place = source.randrange(len(data))
    del data[place : place + source.randint(1, 8)]


def _double(source: random.Random, data: bytearray) -> None:
    place = source.randrange(len(data))
    data[place:place] = data[place : place + source.randint(1, 40)]


def _cut(source: random.Random, data: bytearray) -> None:
    del data[source.randrange(len(data)) :]


_MUTATIONS: tuple[Callable[[random.Random, bytearray], None], ...] = (
    _flip, _flip, _replace, _insert, _delete, _double, _cut,
)  # fmt: skip


def _pieces(source: random.Random, data: bytes) -> Iterator[bytes]:
    if source.random() < 0.05 and len(data) < 1000:
        yield from (data[index : index + 1] for index in range(len(data)))
        return
    cuts = sorted(source.randrange(len(data) + 1) for _ in range(source.choice((0, 0, 1, 3))))
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        if start < end:
            yield data[start:end]


# -- handshakes ------------------------------------------------------------------------------------

_EXTENSIONS = (
    "permessage-deflate", "permessage-deflate; client_max_window_bits",
    "permessage-deflate; client_max_window_bits=10; server_max_window_bits=9",
    "permessage-deflate; server_max_window_bits=8, permessage-deflate",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    "permessage-deflate; server_max_window_bits", "permessage-deflate; x=y, x, y; z",
    'permessage-deflate; client_max_window_bits="12"', "permessage-deflate;;", ",", "x" * 300,
)  # fmt: skip
_VALUES: dict[str, tuple[str, ...]] = {
    "Upgrade": ("websocket", "WebSocket, h2c", "h2c", ""),
    "Connection": ("Upgrade", "keep-alive, upgrade", "close", ","),
    "Sec-WebSocket-Version": ("13", "8", "13, 8", "013", ""),
    "Sec-WebSocket-Key": (_KEY, _KEY[:-1], "AAAA", "=" * 24, "é" * 12),
    "Sec-WebSocket-Protocol": ("chat", "chat, superchat", "a,,b", "a b", ""),
    "Sec-WebSocket-Extensions": _EXTENSIONS,
    "Origin": ("http://a.example", "null", "http://b.example", "http://[::1", "//"),
}


def good_fields() -> Section:
    """Those of a handshake that opens a WebSocket."""
    names = ("Upgrade", "Connection", "Sec-WebSocket-Version", "Sec-WebSocket-Key")
    return [(name, _VALUES[name][0]) for name in names]


def _offer(parameters: Parameters) -> str:
    """An offer to which a server that asks for nothing agrees with `parameters`."""
    offer = f"permessage-deflate; server_max_window_bits={parameters.server_max_window_bits}"
    offer += f"; client_max_window_bits={parameters.client_max_window_bits}"
    for flag in ("server_no_context_takeover", "client_no_context_takeover"):
        offer += f"; {flag}" if getattr(parameters, flag) else ""
    return offer


def _fields(source: random.Random) -> Section:
    """Fields of a handshake, mutated."""
    fields = good_fields()
    for _ in range(source.randint(1, 4)):
        name = source.choice(tuple(_VALUES))
        fields.insert(source.randrange(len(fields) + 1), (name, source.choice(_VALUES[name])))
    fields = [field for field in fields if source.random() < 0.95]
    for index, (name, value) in enumerate(fields):
        if source.random() < 0.1 and value:
            place = source.randrange(len(value))
            piece = source.choice((";", ",", "=", '"', " ", "\t", "15", "é", "permessage-deflate"))
            fields[index] = (name, value[:place] + piece + value[place + source.randrange(3) :])
    return fields
