"""The codec: tables of frames, whole and byte by byte; anything cut anywhere; anything at all."""

from __future__ import annotations

import random
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.websocket.deflate import CompressionOptions, Deflate, Parameters, compress_alone
from cyclone.websocket.frames import close_payload, encode_frame, is_close_code
from cyclone.websocket.session import Close, Failed, Ping, Pong, Session

from .frames import KEY, bytewise, events, frame, quick_events, xor

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
EURO = "€".encode()


#: what comes, what it means; a number stands for a failure with that close code
TABLE: list[tuple[str, bytes, list[Any]]] = [
    ("text", frame(TEXT, b"Hello"), ["Hello"]),
    ("empty text", frame(TEXT), [""]),
    ("empty binary", frame(BINARY), [b""]),
    ("binary", frame(BINARY, b"\x00\xff"), [b"\x00\xff"]),
    ("125", frame(BINARY, b"x" * 125), [b"x" * 125]),
    ("126", frame(BINARY, b"x" * 126), [b"x" * 126]),
    ("65535", frame(BINARY, b"x" * 65535), [b"x" * 65535]),
    ("65536", frame(TEXT, b"x" * 65536), ["x" * 65536]),
    ("fragments", frame(TEXT, b"Hel", fin=False) + frame(0, b"lo"), ["Hello"]),
    ("binary fragments", frame(BINARY, b"H", fin=False) + frame(0, b"i"), [b"Hi"]),
    ("empty fragments", frame(TEXT, fin=False) + frame(0, fin=False) + frame(0), [""]),
    (
        "character cut by a fragment",
        frame(TEXT, EURO[:1], fin=False) + frame(0, EURO[1:]),
        ["€"],
    ),
    (
        "control between fragments",
        frame(TEXT, b"a", fin=False) + frame(PING, b"p") + frame(PONG, b"q") + frame(0, b"b"),
        [Ping(b"p"), Pong(b"q"), "ab"],
    ),
    ("close", frame(CLOSE), [Close(None, "")]),
    ("close with code", frame(CLOSE, b"\x03\xe8"), [Close(1000, "")]),
    ("close with reason", frame(CLOSE, b"\x0f\xa0bye"), [Close(4000, "bye")]),
    ("nothing after close", frame(CLOSE) + frame(TEXT, b"x") + b"junk", [Close(None, "")]),
    ("ping of 125", frame(PING, b"x" * 125), [Ping(b"x" * 125)]),
    ("close of one byte", frame(CLOSE, b"\x03"), [1002]),
    ("close reason not UTF-8", frame(CLOSE, b"\x03\xe8\xff"), [1007]),
    ("unknown opcode 3", frame(3), [1002]),
    ("unknown opcode 15", frame(15), [1002]),
    ("rsv1", frame(TEXT, b"x", rsv=0x40), [1002]),
    ("rsv2", frame(TEXT, b"x", rsv=0x20), [1002]),
    ("rsv3", frame(TEXT, b"x", rsv=0x10), [1002]),
    ("rsv1 of control", frame(PING, b"x", rsv=0x40), [1002]),
    ("no mask", frame(TEXT, b"x", key=None), [1002]),
    ("no mask, empty control", frame(PING, key=None), [1002]),
    ("long control", frame(PING, b"x" * 126), [1002]),
    ("fragmented control", frame(PING, b"x", fin=False), [1002]),
    ("continuation of nothing", frame(0, b"x"), [1002]),
    ("message within message", frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), [1002]),
    ("binary within text", frame(TEXT, b"x", fin=False) + frame(BINARY, b"y"), [1002]),
    ("126 for a short one", b"\x81\xfe\x00\x7d" + KEY, [1002]),
    ("127 for a short one", b"\x81\xff" + b"\x00" * 6 + b"\xff\xff" + KEY, [1002]),
    ("most significant bit", b"\x81\xff\x80" + b"\x00" * 7 + KEY, [1002]),
    ("too large", frame(BINARY, size=1 << 40), [1009]),
    ("not UTF-8", frame(TEXT, b"\xff"), [1007]),
    ("surrogate", frame(TEXT, b"\xed\xa0\x80"), [1007]),
    ("half a character", frame(TEXT, EURO[:2]), [1007]),
    ("half a character in fragments", frame(TEXT, EURO[:1], fin=False) + frame(0), [1007]),
    ("good before bad", frame(TEXT, b"a") + frame(TEXT, b"\xff"), ["a", 1007]),
]


def codes(found: list[Any]) -> list[Any]:
    return [event.code if isinstance(event, Failed) else event for event in found]


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "bytewise"])
@pytest.mark.parametrize(
    ("data", "expected"), [case[1:] for case in TABLE], ids=[c[0] for c in TABLE]
)
def test_class_16_what_comes_and_what_it_means(data: bytes, expected: list[Any], cut: bool) -> None:
    session = Session()
    assert codes(events(session, bytewise(data) if cut else [data])) == expected
    assert session.over is (type(expected[-1]) is int or isinstance(expected[-1], Close))
    assert session.over or not session.buffered


def test_class_16_a_client_refuses_masked_frames() -> None:
    assert codes(events(Session(client=True), [frame(TEXT, b"x")])) == [1002]
    assert events(Session(client=True), [frame(TEXT, b"x", key=None)]) == ["x"]


def test_class_16_close_codes() -> None:
    good = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}
    for code in range(5100):
        assert is_close_code(code) is (code in good)
        [event] = events(Session(), [frame(CLOSE, code.to_bytes(2, "big"))])
        assert event.code == (code if code in good else 1002)
        if code not in good:
            with pytest.raises(ValueError, match="must not bear"):
                close_payload(code, "")


def test_class_16_bad_text_is_found_before_its_frame_has_come() -> None:
    start = frame(TEXT, b"ok\xff", size=1000)
    assert codes(events(Session(), [start])) == [1007]
    assert codes(events(Session(), bytewise(start))) == [1007]


def test_class_16_bad_text_is_found_in_its_fragment() -> None:
    assert codes(events(Session(), [frame(TEXT, b"\xff", fin=False)])) == [1007]


def test_class_16_what_a_frame_announces_counts() -> None:
    session = Session(max_message_size=100)
    assert codes(events(session, [frame(BINARY, size=101)[:4]])) == [1009]
    session = Session(max_message_size=10)
    assert codes(events(session, [frame(TEXT, b"x" * 11)])) == [1009]
    session = Session(max_message_size=10)
    assert events(session, [frame(TEXT, b"x" * 10)]) == ["x" * 10]


def test_class_16_fragments_are_added_up() -> None:
    session = Session(max_message_size=10)
    data = frame(BINARY, b"x" * 6, fin=False) + frame(0, b"x" * 5)
    assert codes(events(session, [data])) == [1009]


def test_class_16_fragments_are_counted() -> None:
    session = Session(max_fragments=3)
    assert events(session, [frame(TEXT, fin=False) + frame(0, fin=False) + frame(0)]) == [""]
    data = frame(TEXT, fin=False) + frame(0, fin=False) * 3
    assert codes(events(session, [data])) == [1008]


def test_class_16_small_pieces_pin_no_memory() -> None:
    session = Session()
    session.feed(frame(BINARY, size=200_000))
    tracemalloc.start()
    for _ in range(100_000):
        session.feed(b"x")
        session.next()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 250_000


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
@pytest.mark.parametrize("key", [None, KEY])
def test_frames_are_encoded(size: int, key: bytes | None) -> None:
    data = b"z" * size
    for opcode in (TEXT, BINARY):
        assert encode_frame(0x80 | opcode, data, key) == frame(opcode, data, key=key)
    assert encode_frame(0xC1, data, key) == frame(TEXT, data, key=key, rsv=0x40)


def test_what_is_sent() -> None:
    session = Session()
    assert session.encode("é") == frame(TEXT, "é".encode(), key=None)
    assert session.encode("é", binary=True) == frame(BINARY, "é".encode(), key=None)
    assert session.encode(b"text", binary=False) == frame(TEXT, b"text", key=None)
    assert session.ping(b"1") == frame(PING, b"1", key=None)
    assert session.pong(b"1") == frame(PONG, b"1", key=None)
    with pytest.raises(ValueError, match="at most 125"):
        session.ping(b"x" * 126)
    with pytest.raises(ValueError, match="at most 123"):
        session.close(1000, "x" * 124)
    assert not session.close_sent
    assert session.close(None, "why") == frame(CLOSE, b"\x03\xe8why", key=None)
    assert session.close_sent
    assert session.close(1001) == b""
    assert Session().close() == frame(CLOSE, key=None)


def test_a_client_masks_with_fresh_keys() -> None:
    session = Session(client=True)
    assert session.encode("a")[2:6] != session.encode("a")[2:6]
    session = Session(client=True, make_key=lambda: KEY)
    assert session.encode("a") == frame(TEXT, b"a")
    assert session.ping(b"a") == frame(PING, b"a")


# -- any sequence of messages arrives

MESSAGES = st.lists(st.one_of(st.text(max_size=300), st.binary(max_size=300)), max_size=6)


def parameters() -> st.SearchStrategy[Parameters | None]:
    bits = st.integers(9, 15)
    return st.none() | st.builds(Parameters, st.booleans(), st.booleans(), bits, bits)


def pair(
    agreed: Parameters | None, client: bool, threshold: int = 5, limit: int = 10_000_000
) -> tuple[Session, Session]:
    """Who sends, and who receives messages of at most `limit` bytes."""
    options = CompressionOptions(threshold=threshold)

    def deflate(end: bool) -> Deflate | None:
        return agreed and Deflate(agreed, options, end)

    return Session(client, deflate=deflate(client)), Session(
        not client, max_message_size=limit, deflate=deflate(not client)
    )


def unmasked(whole: bytes) -> bytes:
    """The payload of a frame of less than 64 kB."""
    start = 2 if whole[1] & 0x7F < 126 else 4
    if whole[1] & 0x80:
        return xor(whole[start + 4 :], whole[start : start + 4])
    return whole[start:]


def fragmented(data: st.DataObject, message: bytes, opcode: int, rsv: int, key: Any) -> bytes:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(message)), max_size=3)))
    parts = [message[i:j] for i, j in zip([0, *cuts], [*cuts, len(message)], strict=True)]
    made = b""
    for i, part in enumerate(parts):
        last = i == len(parts) - 1
        made += frame(0 if i else opcode, part, fin=last, rsv=0 if i else rsv, key=key)
        if not last and data.draw(st.booleans()):
            made += frame(PING, b"between", key=key)
    return made


@given(MESSAGES, parameters(), st.booleans(), st.sampled_from([0, 5]), st.data())
def test_any_messages_cut_anywhere_arrive(
    messages: list[Any],
    agreed: Parameters | None,
    client: bool,
    threshold: int,
    data: st.DataObject,
) -> None:
    sender, receiver = pair(agreed, client, threshold)
    wire = b""
    for message in messages:
        whole = sender.encode(message, isinstance(message, bytes))
        if data.draw(st.booleans()):
            # The same payload, compressed with what came before it, in fragments.
            key = KEY if client else None
            whole = fragmented(data, unmasked(whole), whole[0] & 0x0F, whole[0] & 0x40, key)
        wire += whole
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    pieces = [wire[i:j] for i, j in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    found = events(receiver, pieces)
    assert [event for event in found if not isinstance(event, Ping)] == messages
    assert not receiver.over


@given(MESSAGES, parameters(), st.data())
def test_class_16_a_mutated_stream_ends_in_a_close_code(
    messages: list[Any], agreed: Parameters | None, data: st.DataObject
) -> None:
    sender, receiver = pair(agreed, True)
    wire = bytearray().join(sender.encode(m, isinstance(m, bytes)) for m in messages)
    wire += sender.close(1000, "end")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(wire) - 1))
        wire[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
        if not wire:
            break
    found = events(receiver, [bytes(wire)])
    for event in found:
        if isinstance(event, Failed):
            assert event.code in (1002, 1007, 1008, 1009)
            close_payload(event.code, event.reason)
            assert event is found[-1]


PIECES = st.one_of(
    st.binary(max_size=200),
    st.builds(
        frame,
        st.sampled_from([0, TEXT, TEXT, BINARY, PING, CLOSE, 3]),
        st.one_of(st.text(max_size=150).map(str.encode), st.binary(max_size=150)),
        fin=st.sampled_from([True, True, False]),
        rsv=st.sampled_from([0, 0, 0, 0x40, 0x10]),
        key=st.sampled_from([KEY, KEY, b"abcd", None]),
    ),
)


@given(st.lists(PIECES, max_size=4), st.booleans(), st.booleans(), st.integers(0, 200))
def test_the_short_way_for_a_whole_message_means_the_same(
    pieces: list[bytes], compressed: bool, client: bool, limit: int
) -> None:
    agreed = Parameters() if compressed else None
    one, other = (pair(agreed, client, limit=limit)[1] for _ in range(2))
    assert quick_events(one, pieces) == events(other, pieces)
    assert (one.over, one.buffered) == (other.over, other.buffered)


# Of the 16 bit length what is shorter than 126 is not allowed; it has the size of other frames.
@pytest.mark.parametrize("length", [*range(118, 135), 65535, 65536])
@pytest.mark.parametrize("form", [125, 126, 127])
@pytest.mark.parametrize("missing", [0, 1, 2, 6])
def test_the_short_way_and_lengths(length: int, form: int, missing: int) -> None:
    said = bytes([0x80 | min(length, 125)])
    if form > 125:
        said = bytes([0x80 | form]) + (length & 0xFFFF).to_bytes(2 if form == 126 else 8, "big")
    wire = b"\x82" + said + KEY + b"x" * (length - missing)
    assert quick_events(Session(), [wire]) == events(Session(), [wire])


@given(st.binary(max_size=200), st.booleans())
def test_class_16_however_it_is_cut_it_means_the_same(wire: bytes, compressed: bool) -> None:
    agreed = Parameters() if compressed else None
    whole = events(pair(agreed, True)[1], [wire])
    assert whole == events(pair(agreed, True)[1], bytewise(wire))


# -- compression


def server(**options: Any) -> Session:
    limit = options.pop("max_message_size", 10_000_000)
    deflate = Deflate(Parameters(**options), CompressionOptions(), client=False)
    return Session(max_message_size=limit, deflate=deflate)


def packed(data: bytes) -> bytes:
    return compress_alone(data, CompressionOptions(), 15)


def test_the_examples_of_the_rfc() -> None:
    # RFC 7692 section 7.2.3: one block, context takeover, no compression, BFINAL, two blocks.
    first, second = "f248cdc9c90700", "f200110000"
    frames = [frame(TEXT, bytes.fromhex(p), rsv=0x40) for p in (first, second)]
    assert events(server(), frames) == ["Hello", "Hello"]
    for payload in ("000500faff48656c6c6f00", "f348cdc9c9070000", "f24805000000ffffcac9c90700"):
        one = frame(TEXT, bytes.fromhex(payload), rsv=0x40)
        assert events(server(), [one, one]) == ["Hello", "Hello"]
    part = bytes.fromhex(first)
    pieces = frame(TEXT, part[:3], rsv=0x40, fin=False) + frame(0, part[3:])
    assert events(server(), [pieces]) == ["Hello"]


def test_a_stream_that_ends_with_its_message() -> None:
    stream = zlib.compressobj(wbits=-15)
    final = stream.compress(b"Hello") + stream.flush()
    assert events(server(), [frame(TEXT, final, rsv=0x40)] * 2) == ["Hello", "Hello"]


def test_class_16_streams_within_a_message_are_counted() -> None:
    data = b"\x03\x00" * 9
    assert codes(events(server(), [frame(BINARY, data, rsv=0x40)])) == [1007]
    assert events(server(), [frame(BINARY, data[:-2], rsv=0x40)]) == [b""]


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x06"])
def test_class_16_invalid_compressed_data(data: bytes) -> None:
    assert codes(events(server(), [frame(TEXT, data, rsv=0x40)])) == [1007]


def test_class_16_rsv1_of_a_continuation() -> None:
    data = frame(TEXT, packed(b"a"), rsv=0x40, fin=False) + frame(0, b"", rsv=0x40)
    assert codes(events(server(), [data])) == [1002]


def test_class_16_a_bomb_is_bounded_by_what_it_decompresses_to() -> None:
    bomb = packed(bytes(20_000_000))
    session = server(max_message_size=100_000)
    tracemalloc.start()
    assert codes(events(session, [frame(BINARY, bomb, rsv=0x40)])) == [1009]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 500_000


def test_class_16_a_bomb_in_fragments() -> None:
    bomb = packed(bytes(101))
    session = server(max_message_size=100)
    frames = [frame(BINARY, bomb[:1], rsv=0x40, fin=False), frame(0, bomb[1:], fin=False)]
    assert codes(events(session, [*frames, frame(0)])) == [1009]


def test_incompressible_data_may_be_as_large_as_any() -> None:
    data = random.Random(1).randbytes(100_000)
    session = server(max_message_size=100_000)
    assert events(session, [frame(BINARY, packed(data), rsv=0x40)]) == [data]


def test_context_is_taken_over_or_not() -> None:
    data = random.Random(2).randbytes(500)
    for alone in (False, True):
        agreed = Parameters(server_no_context_takeover=alone, client_no_context_takeover=alone)
        sender, receiver = pair(agreed, False)
        first, second = sender.encode(data, True), sender.encode(data, True)
        assert (len(second) < 100) is not alone
        assert events(receiver, [first, second]) == [data, data]


def test_a_message_that_others_have_compressed() -> None:
    sender, receiver = pair(Parameters(), False)
    wire = sender.encode("before before")
    wire += encode_frame(0xC1, packed(b"between between"))
    assert sender.deflate is not None
    sender.deflate.sent_alone()
    wire += sender.encode("before before")
    assert events(receiver, [wire]) == ["before before", "between between", "before before"]


def test_short_messages_are_sent_as_they_are() -> None:
    deflate = Deflate(Parameters(), CompressionOptions(threshold=10), client=False)
    session = Session(deflate=deflate)
    assert session.encode("short")[0] == 0x81
    assert session.encode("long enough")[0] == 0xC1


def test_reading_is_linear() -> None:
    """Frames in one large piece are not copied for each other."""
    small = frame(TEXT, b"x")
    session = Session()
    session.feed(small * 1000)
    buffer = session._buffer
    for _ in range(999):
        session.next()
        assert session._buffer is buffer
