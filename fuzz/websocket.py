"""Mutated frames, compressed messages, handshakes and whole sessions for `cyclone.websocket`.

The invariant: whatever bytes a peer sends, in whatever pieces, no exception escapes, what is kept
of them is bounded, and the end is a close frame with a code that says what was wrong.

More exactly:

1. one end (``session``) makes the same events of the bytes however they are cut; nothing comes
   after a close or a failure, a failure has code 1002, 1007, 1008 or 1009, no message is larger
   than the limit, and the memory in use stays below a bound;
2. a ``handshake`` is accepted, or refused with status 400, 405 or 426, and what is agreed on keeps
   to what was offered;
3. a ``server`` answers the handshake, echoes whole messages with well-formed frames, and closes
   with such a code after the first violation; nothing is logged as an error of the engine; when
   the client has gone nothing is left, and the next connection is answered.

Inputs come from a generator that is seeded with the seed and the number of the input, so one
number brings a failure back.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred

from cyclone.testing import MemoryConnection
from cyclone.web import Application
from cyclone.websocket import CompressionOptions, WebSocketHandler
from cyclone.websocket.deflate import Deflate, Parameters
from cyclone.websocket.extensions import (
    agree,
    format_agreement,
    format_offer,
    parse_extensions,
    read_agreement,
)
from cyclone.websocket.handshake import HandshakeError, check_request, offered_subprotocols
from cyclone.websocket.session import Close, Failed, Ping, Pong, Session

from .http1 import EngineErrors, Violation
from .websocket_inputs import LIMIT, Input, good_fields, make_input

__all__ = ["Violation", "application", "check", "make_input", "run"]

#: Close codes of a violation.
_FAILURES = (1002, 1007, 1008, 1009)
#: Bytes one end may have in use at most: buffers and messages near the limit, and zlib's state.
_MEMORY = 250_000


def check(given: Input) -> None:
    """See that the invariant holds for an input.

    Raises:
        Violation: it does not.
    """
    try:
        _CHECKS[given.target](given)
    except Violation:
        raise
    except Exception as error:
        raise Violation(f"{type(error).__name__} escaped: {error}") from error


# -- one end ---------------------------------------------------------------------------------------


def _session(given: Input) -> Session:
    deflate = None
    if given.parameters is not None:
        deflate = Deflate(given.parameters, CompressionOptions(), given.client)
    return Session(given.client, LIMIT, max_fragments=8, deflate=deflate)


def _events(session: Session, pieces: Iterable[bytes]) -> list[Any]:
    found: list[Any] = []
    for piece in pieces:
        session.feed(piece)
        while (event := session.next()) is not None:
            found.append(event)
            if len(found) > 4000:  # inputs are smaller
                raise Violation(f"events never end: {found[-3:]}")
    return found


def _check_session(given: Input) -> None:
    tracing = tracemalloc.is_tracing()
    if tracing:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
    session = _session(given)
    found = _events(session, given.pieces)
    if tracing:
        used = tracemalloc.get_traced_memory()[1] - before
        if used > _MEMORY + sum(map(_size, found)):
            raise Violation(f"{used} bytes were in use")
    if session.buffered > 16 + 125:  # a control frame that is not whole, or a head
        raise Violation(f"{session.buffered} bytes are kept unread")
    _check_events(found, session)
    whole = b"".join(given.pieces)
    for pieces in ([whole], [whole[i : i + 1] for i in range(min(len(whole), 2000))]):
        if len(whole) <= 2000 or len(pieces) == 1:
            again = _events(_session(given), pieces)
            if _meaning(again, given.parameters) != _meaning(found, given.parameters):
                raise Violation(f"cut otherwise it means {again!r:.300}, not {found!r:.300}")


def _meaning(found: list[Any], parameters: Parameters | None) -> list[Any]:
    """What must not depend on how the bytes are cut.

    Compressed data that is too large and then invalid may be found to be either.
    """
    return [_code(event, parameters) if isinstance(event, Failed) else event for event in found]


def _code(event: Close | Failed, parameters: Parameters | None) -> int | None:
    return 1009 if event.code == 1007 and parameters is not None else event.code


def _size(event: Any) -> int:
    return len(event) if isinstance(event, (str, bytes)) else 0


def _check_events(found: list[Any], session: Session) -> None:
    for event in found:
        if isinstance(event, (str, bytes)):
            data = event.encode() if isinstance(event, str) else event
            if len(data) > LIMIT:
                raise Violation(f"a message of {len(data)} bytes")
        elif isinstance(event, (Close, Failed)):
            if event is not found[-1] or not session.over:
                raise Violation(f"something comes after {event}")
            if isinstance(event, Failed) and event.code not in _FAILURES:
                raise Violation(f"the close code {event.code}")
            Session().close(event.code, event.reason)
        elif not isinstance(event, (Ping, Pong)):
            raise Violation(f"no event: {event!r}")
    if session.over and not (found and isinstance(found[-1], (Close, Failed))):
        raise Violation("it is over and nobody was told")


# -- handshakes ------------------------------------------------------------------------------------


def _check_handshake(given: Input) -> None:
    def fields(name: str) -> list[str]:
        return [value for field, value in given.fields if field == name]

    for method, version in (("GET", "HTTP/1.1"), ("POST", "HTTP/1.1"), ("GET", "HTTP/1.0")):
        try:
            check_request(method, version, fields)
            offered_subprotocols(fields("Sec-WebSocket-Protocol"))
        except HandshakeError as error:
            if error.status not in (400, 405, 426) or not error.message.isascii():
                raise Violation(f"refused with {error.status} {error.message}") from error
    offers = fields("Sec-WebSocket-Extensions")
    try:
        extensions = parse_extensions(offers)
    except ValueError:
        return
    agreed = agree(extensions, CompressionOptions())
    if agreed is not None:
        _check_agreement(agreed, extensions)


def _check_agreement(agreed: Parameters, extensions: list[Any]) -> None:
    """A client that has offered the like understands it, and one of the offers allows it."""
    answer = read_agreement([format_agreement(agreed)], CompressionOptions())
    if answer != agreed:
        raise Violation(f"{agreed} is understood as {answer}")
    for name, parameters in extensions:
        given = dict(parameters)
        most = given.get("server_max_window_bits") or "15"
        if (
            name == "permessage-deflate"
            and most.isdecimal()
            and agreed.server_max_window_bits <= int(most)
            and ("server_no_context_takeover" not in given or agreed.server_no_context_takeover)
            and ("client_max_window_bits" in given or agreed.client_max_window_bits == 15)
        ):
            return
    raise Violation(f"{agreed} was not offered: {extensions}")


# -- a whole session -------------------------------------------------------------------------------


class _Echo(WebSocketHandler):
    max_message_size = LIMIT

    def get_compression_options(self) -> dict[str, Any]:
        return {}

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message, isinstance(message, bytes))


class _Later(_Echo):
    async def on_message(self, message: str | bytes) -> None:  # type: ignore[override]
        for _ in range(len(message) % 3):
            await self.application.wait()
        await self.write_message(message, isinstance(message, bytes))


class _Waiting(Application):
    def wait(self) -> Any:
        """Done in another turn."""
        done: Deferred[None] = Deferred()
        self.clock.callLater(0, done.callback, None)
        return done


def application() -> Application:
    """What the fuzzer talks to."""
    return _Waiting(
        [("/", _Echo), ("/later", _Later)],
        log_function=lambda handler: None,
        websocket_max_fragments=8,
    )


def _request(fields: Iterable[tuple[str, str]], path: str) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"GET {path} HTTP/1.1\r\nHost: a.example\r\n{lines}\r\n".encode()


def _check_server(given: Input) -> None:
    for path in ("/", "/later"):
        server = application()
        with EngineErrors() as errors:
            connection = MemoryConnection(server)
            connection.send(_request(given.fields, path))
            opened = connection.received.startswith(b"HTTP/1.1 101 ")
            if opened:
                for piece in given.pieces:
                    connection.send(piece)
                _check_answers(given, connection)
            elif connection.received[9:12] not in (b"400", b"403", b"426"):
                raise Violation(f"the handshake got {connection.received[:60]!r}")
            connection.eof()
            connection.advance(60, steps=10)
            connection.disconnect()
            connection.advance(60, steps=4)
            if server.connections or server.clock.getDelayedCalls():  # type: ignore[attr-defined]
                raise Violation("something is left behind")
            _check_next(server)
        if errors.found:
            raise Violation("an error was logged:\n" + "\n".join(errors.found))


def _check_answers(given: Input, connection: MemoryConnection) -> None:
    """The server has said what one end of the codec makes of the bytes."""
    head, _, data = connection.received.partition(b"\r\n\r\n")
    agreed = _agreed(head)
    expected = _events(_session(Input("", client=False, parameters=agreed)), given.pieces)
    deflate = agreed and Deflate(agreed, CompressionOptions(), client=True)
    reader = Session(client=True, max_message_size=LIMIT, deflate=deflate or None)
    answers = _events(reader, [data])
    if any(isinstance(event, Failed) for event in answers) or reader.buffered:
        raise Violation(f"malformed output: {answers[-1:]} {data[-200:]!r}")
    said = [event for event in answers if isinstance(event, (str, bytes))]
    if said != [event for event in expected if isinstance(event, (str, bytes))]:
        raise Violation(f"{said!r:.300} was echoed of {expected!r:.300}")
    ended = [event for event in expected if isinstance(event, (Close, Failed))]
    closed = [event for event in answers if isinstance(event, Close)]
    if [_code(event, agreed) for event in ended] != [_code(event, agreed) for event in closed]:
        raise Violation(f"{ended} was answered with {closed}")
    if bool(ended) is not connection.closed:
        raise Violation(f"closed: {connection.closed}, after {ended}")


def _agreed(head: bytes) -> Parameters | None:
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(": ")
        if name == "Sec-WebSocket-Extensions":
            return read_agreement([value], CompressionOptions())
    return None


def _check_next(server: Application) -> None:
    following = MemoryConnection(server)
    offer = ("Sec-WebSocket-Extensions", format_offer(CompressionOptions()))
    following.send(_request([*good_fields(), offer], "/") + Session(client=True).encode("next"))
    head, _, data = following.received.partition(b"\r\n\r\n")
    deflate = Deflate(_agreed(head) or Parameters(), CompressionOptions(), client=True)
    if _events(Session(client=True, deflate=deflate), [data]) != ["next"]:
        raise Violation(f"the next connection got {following.received!r:.300}")
    following.disconnect()


_CHECKS = {"session": _check_session, "handshake": _check_handshake, "server": _check_server}


def run(seed: int, count: int, first: int = 0, progress: int = 0) -> None:
    """Check inputs `first` to `first + count` of `seed`.

    Args:
        progress: print a line each time so many inputs have been checked; 0 for never.

    Raises:
        Violation: for the first input that fails; the message says how to bring it back.
    """
    for number in range(first, first + count):
        given = make_input(seed, number)
        try:
            check(given)
        except Violation as violation:
            raise Violation(
                f"{violation}\ninput: {given!r}\n"
                f"again: python -m fuzz websocket --seed {seed} --first {number} --count 1"
            ) from violation
        if progress and (number - first + 1) % progress == 0:
            print(f"{number - first + 1} inputs", flush=True)
