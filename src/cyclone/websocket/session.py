"""One end of a WebSocket without I/O: bytes to events, messages to bytes.

    session.feed(data)                          # whatever has come
    while (event := session.next()) is not None:
        ...                                     # str or bytes: a message; else see below

What the peer sends is looked at as it comes, so that text that is not UTF-8, data that is too
large and frames that are wrong are found at once, however they are cut (RFC 6455 section 8.1).
Of a message that is not whole nothing is kept but its bytes, in one buffer.
"""

from __future__ import annotations

import codecs
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .deflate import Deflate
from .frames import (
    BINARY,
    BINARY_HEADS,
    CLOSE,
    CONTINUATION,
    MAX_CONTROL,
    PING,
    PONG,
    TEXT,
    TEXT_HEADS,
    ViolationError,
    close_payload,
    encode_frame,
    parse_close,
)
from .masking import mask

__all__ = ["Close", "Event", "Failed", "Ping", "Pong", "Session"]

_FIN, _RSV1, _RESERVED = 0x80, 0x40, 0x30
_UTF8 = codecs.getincrementaldecoder("utf-8")
#: Incompressible data grows by five bytes in a block (RFC 1951 section 3.2.4); a compressed message
#: may have so many more than it is to have when it is decompressed.
_EXPANSION_SHIFT, _EXPANSION = 8, 64


@dataclass(frozen=True, slots=True)
class Ping:
    """The peer wants a pong with the same data."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a ping, or an unsolicited one."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """The peer has closed; nothing comes after it.

    Attributes:
        code: None where it has given none.
        reason: may be empty.
    """

    code: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The peer has broken a rule; nothing comes after it.

    Attributes:
        code: the close code that tells it so.
        reason: what it has done.
    """

    code: int
    reason: str


Event = str | bytes | Ping | Pong | Close | Failed


class Session:
    """The state of one end.

    Args:
        client: this end is the client: it masks, and the peer must not.
        max_message_size: bytes a message may have, decompressed; 1009 beyond.
        max_fragments: frames a message may have; 1008 beyond.
        deflate: compression, if it was agreed on.
        make_key: makes the masks of a client.

    Attributes:
        deflate: as given.
        plain: messages are sent as they are, neither compressed nor masked.
        close_sent: a close frame has been made; nothing can be sent after it.
        over: nothing more is read: the peer has closed, or was found to break a rule.
    """

    __slots__ = (
        "_buffer",
        "_client",
        "_compressed",
        "_decoder",
        "_fragments",
        "_frame",
        "_key",
        "_left",
        "_make_key",
        "_max_fragments",
        "_max_size",
        "_message",
        "_opcode",
        "_position",
        "_wire_size",
        "close_sent",
        "deflate",
        "over",
        "plain",
    )

    def __init__(
        self,
        client: bool = False,
        max_message_size: int = 10 * 1024 * 1024,
        max_fragments: int = 65536,
        deflate: Deflate | None = None,
        make_key: Callable[[], bytes] = lambda: secrets.token_bytes(4),
    ) -> None:
        self._client = client
        self._max_size = max_message_size
        self._max_fragments = max_fragments
        self.deflate = deflate
        self.plain = deflate is None and not client
        self._make_key = make_key
        self.close_sent = self.over = False
        self._buffer: bytes | bytearray = b""
        self._position = 0
        # The frame whose payload is being read; `_frame` is its first byte, -1 between frames.
        self._frame = -1
        self._left = 0
        self._key = b""
        # The message whose frames are being read; `_opcode` is 0 between messages.
        self._opcode = CONTINUATION
        self._compressed = False
        self._fragments = 0
        self._wire_size = 0
        self._message: bytearray | None = None
        self._decoder: Any = None

    # -- what comes

    def whole(self, data: bytes) -> str | bytes | None:
        """The message that `data` is, if it is one masked frame and nothing has come before it.

        That is nearly all that servers get.  None if it is anything else, or breaks a rule: then it
        is to be fed.
        """
        size = len(data)
        if size < 6 or self._frame >= 0 or self._opcode or self._client:
            return None
        first, length, begin = data[0], data[1] - 0x80, 6
        if length > 125:
            if length == 127 or size < 134:  # 126 bytes are the least that may be said so
                return None
            length, begin = data[2] << 8 | data[3], 8
        if (
            length + begin != size
            or length > self._max_size
            or not (first == 0x81 or first == 0x82)
            or self._position != len(self._buffer)
            or self.over
        ):
            return None
        data = mask(data[begin:], data[begin - 4 : begin])
        if first == 0x82:
            return data
        try:
            return data.decode()
        except UnicodeDecodeError:
            return None

    def feed(self, data: bytes) -> None:
        """Take bytes of the peer."""
        if self.over:
            return
        if self._position == len(self._buffer):
            self._buffer, self._position = data, 0
        else:
            if type(self._buffer) is bytes or self._position > 4096:
                self._buffer = bytearray(self._buffer[self._position :])
                self._position = 0
            self._buffer += data

    @property
    def buffered(self) -> int:
        """Bytes that have been fed and not been looked at."""
        return len(self._buffer) - self._position

    def next(self) -> Event | None:
        """What is next in the bytes that have come; None when more are needed."""
        buffer, start = self._buffer, self._position
        have = len(buffer) - start
        if not have:
            return None
        # Often a short message in one frame, as in `whole`, with others before or after it.
        if have > 5 and self._frame < 0 and not self._opcode and not self._client:
            first, length = buffer[start], buffer[start + 1] - 0x80
            end = start + 6 + length
            if (first == 0x81 or first == 0x82) and (
                0 <= length < 126 and length + 6 <= have and length <= self._max_size
            ):
                self._position = end
                data = mask(buffer[start + 6 : end], buffer[start + 2 : start + 6])
                if first == 0x82:
                    return data
                try:
                    return data.decode()
                except UnicodeDecodeError:
                    return self._fail(ViolationError(1007, "text is not UTF-8"))
        try:
            while not self.over:
                if self._frame < 0 and not self._read_head():
                    return None
                event = self._read_payload()
                if event is not None:
                    return event
                if self._frame >= 0:
                    return None
        except ViolationError as violation:
            return self._fail(violation)
        return None

    def _fail(self, violation: ViolationError) -> Failed:
        self._end()
        return Failed(violation.code, violation.reason)

    def _end(self) -> None:
        self.over = True
        self._buffer, self._position = b"", 0
        self._message = self._decoder = None

    def _read_head(self) -> bool:
        """Read the head of a frame and check all that it says; False when it is not there yet."""
        buffer, start = self._buffer, self._position
        have = len(buffer) - start
        if have < 1:
            return False
        first = buffer[start]
        self._check_first(first)
        if have < 2:
            return False
        second = buffer[start + 1]
        if bool(second & 0x80) is self._client:
            raise ViolationError(1002, "masked frame" if self._client else "frame without mask")
        length = second & 0x7F
        if first & 0x08 and length > MAX_CONTROL:
            raise ViolationError(1002, "control frame too long")
        end = start + 2
        if length > 125:
            end += 2 if length == 126 else 8
            if len(buffer) < end:
                return False
            length = self._long(int.from_bytes(buffer[start + 2 : end], "big"), length)
        if not first & 0x08:
            self._check_size(first, length)
        if not self._client:
            end += 4
            if len(buffer) < end:
                return False
            self._key = bytes(buffer[end - 4 : end])
        self._frame, self._left, self._position = first, length, end
        if not first & 0x08:
            self._begin_data(first, length)
        return True

    @staticmethod
    def _long(length: int, kind: int) -> int:
        """Section 5.2: the shortest form that fits, and the most significant bit is 0."""
        if length < 126 or (kind == 127 and length < 65536) or length >> 63:
            raise ViolationError(1002, "invalid length of a frame")
        return length

    def _check_first(self, first: int) -> None:
        opcode = first & 0x0F
        if first & _RESERVED:
            raise ViolationError(1002, "reserved bits are set")
        if first & _RSV1 and (self.deflate is None or opcode not in (TEXT, BINARY)):
            raise ViolationError(1002, "reserved bits are set")
        if opcode in (CLOSE, PING, PONG):
            if not first & _FIN:
                raise ViolationError(1002, "fragmented control frame")
        elif opcode in (TEXT, BINARY):
            if self._opcode:
                raise ViolationError(1002, "new message within a message")
        elif opcode:
            raise ViolationError(1002, "unknown opcode")
        elif not self._opcode:
            raise ViolationError(1002, "continuation of no message")

    def _check_size(self, first: int, length: int) -> None:
        """Before the payload has come: what is announced counts."""
        limit = self._max_size
        if self._compressed if self._opcode else first & _RSV1:
            limit += (limit >> _EXPANSION_SHIFT) + _EXPANSION
        if (self._wire_size if self._opcode else 0) + length > limit:
            raise ViolationError(1009, "message too big")
        if self._opcode and self._fragments >= self._max_fragments:
            raise ViolationError(1008, "too many fragments")

    def _begin_data(self, first: int, length: int) -> None:
        opcode = first & 0x0F
        if opcode:
            self._opcode = opcode
            self._compressed = bool(first & _RSV1)
            self._fragments = self._wire_size = 0
        self._fragments += 1
        self._wire_size += length

    def _read_payload(self) -> Event | None:
        """Read what is there of the frame's payload; an event when something is complete."""
        have = min(self.buffered, self._left)
        control = self._frame & 0x08
        if have < self._left and (control or not have):
            return None
        data = bytes(self._buffer[self._position : self._position + have])
        self._position += have
        if self._position == len(self._buffer):
            self._buffer, self._position = b"", 0
        if not self._client and have:
            key = self._key
            data = mask(data, key)
            turn = have & 3
            self._key = key[turn:] + key[:turn]
        self._left -= have
        frame = self._frame
        if not self._left:
            self._frame = -1
        if control:
            return self._control(frame & 0x0F, data)
        final = not self._left and bool(frame & _FIN)
        return self._data(data, final)

    def _control(self, opcode: int, data: bytes) -> Event:
        if opcode == PING:
            return Ping(data)
        if opcode == PONG:
            return Pong(data)
        code, reason = parse_close(data)
        self._end()
        return Close(code, reason)

    def _data(self, data: bytes, final: bool) -> str | bytes | None:
        """A piece of a message, unmasked; the message when it is the last."""
        if self._compressed and self.deflate is not None:
            room = self._max_size - len(self._message or b"")
            data = self.deflate.decompress(data, room)
            if final:
                data += self.deflate.end_message(room - len(data))
        text = self._opcode == TEXT
        message = self._message
        if final:
            self._opcode, self._message = CONTINUATION, None
            if message is None:
                return self._text(data) if text else data
            self._check_text(data)  # before it grows once more
            message += data
            self._decoder = None
            return self._text(message) if text else bytes(message)
        if text:
            if self._decoder is None:
                self._decoder = _UTF8()
            self._check_text(data)
        if message is None:
            self._message = bytearray(data)
        else:
            message += data
        return None

    def _check_text(self, data: bytes) -> None:
        """Section 8.1: text that is not UTF-8 is found as soon as it has come."""
        if self._decoder is None:
            return
        try:
            self._decoder.decode(data)
        except UnicodeDecodeError:
            raise ViolationError(1007, "text is not UTF-8") from None

    @staticmethod
    def _text(data: bytes | bytearray) -> str:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise ViolationError(1007, "text is not UTF-8") from None

    # -- what goes

    def encode(self, message: str | bytes, binary: bool = False) -> bytes:
        """The frame of a message: text unless `binary`, in which case a str is sent as UTF-8.

        Raises:
            UnicodeError: the text holds surrogates, which UTF-8 cannot say.
        """
        data = message.encode("utf-8") if isinstance(message, str) else message
        deflate = self.deflate
        if deflate is None and not self._client and len(data) < 126:
            return (BINARY_HEADS if binary else TEXT_HEADS)[len(data)] + data
        first = 0x82 if binary else 0x81
        if deflate is not None and len(data) >= deflate.options.threshold:
            data = deflate.compress(data)
            first |= _RSV1
        return encode_frame(first, data, self._make_key() if self._client else None)

    def ping(self, data: bytes = b"") -> bytes:
        """The frame of a ping.

        Raises:
            ValueError: `data` has more than 125 bytes.
        """
        return self._encode_control(PING, data)

    def pong(self, data: bytes = b"") -> bytes:
        """The frame of a pong.

        Raises:
            ValueError: `data` has more than 125 bytes.
        """
        return self._encode_control(PONG, data)

    def close(self, code: int | None = None, reason: str | None = None) -> bytes:
        """The frame that closes; empty if one has been made already.

        Raises:
            ValueError: see `frames.close_payload`.
        """
        payload = close_payload(code, reason)
        if self.close_sent:
            return b""
        frame = self._encode_control(CLOSE, payload)
        self.close_sent = True
        return frame

    def _encode_control(self, opcode: int, data: bytes) -> bytes:
        if len(data) > MAX_CONTROL:
            raise ValueError(f"a control frame holds at most {MAX_CONTROL} bytes")
        return encode_frame(_FIN | opcode, data, self._make_key() if self._client else None)
