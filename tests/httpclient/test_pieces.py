"""Bodies on their way in and out, without sockets."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from cyclone.httpclient import HTTPResponseError, HTTPStreamClosedError
from cyclone.httpclient.outgoing import CONTINUE_TIMEOUT, Outgoing
from cyclone.httpclient.receiving import Receiver
from cyclone.httputil import HTTPHeaders


class Incoming:
    """A receiver and what it told."""

    def __init__(self, callback: Any = None, *, gzip: bool = False, well: bool = True) -> None:
        self.results: list[Any] = []
        self.ended = 0
        self.receiver = Receiver(
            1000, gzip, callback, self.end, lambda: well, self.results.append, self.results.append
        )
        self.transport = StringTransport()
        self.receiver.makeConnection(self.transport)

    def end(self) -> None:
        self.ended += 1

    def finish(self, reason: Exception | None = None) -> None:
        self.receiver.connectionLost(Failure(reason or ResponseDone()))


def test_pieces_are_joined() -> None:
    incoming = Incoming()
    for piece in (b"a", b"b"):
        incoming.receiver.dataReceived(piece)
    incoming.finish()
    assert incoming.results == [b"ab"] and incoming.ended == 1


@pytest.mark.parametrize(
    ("reason", "well", "fine"),
    [
        (ResponseDone(), False, True),
        (PotentialDataLoss(), True, True),
        (PotentialDataLoss(), False, False),
        (ConnectionLost(), True, False),
    ],
)
def test_ends(reason: Exception, well: bool, fine: bool) -> None:
    incoming = Incoming(well=well)
    incoming.receiver.dataReceived(b"x")
    incoming.finish(reason)
    assert (incoming.results == [b"x"]) == fine
    if not fine:
        assert isinstance(incoming.results[0], HTTPStreamClosedError)


def test_nothing_comes_after_a_failure() -> None:
    incoming = Incoming()
    incoming.receiver.dataReceived(b"x" * 1001)
    incoming.receiver.dataReceived(b"x")
    incoming.finish(ConnectionLost())
    assert len(incoming.results) == 1 and isinstance(incoming.results[0], HTTPResponseError)


@pytest.mark.parametrize("zipped", [False, True])
def test_class_6_many_pieces_do_not_deepen_the_stack(zipped: bool) -> None:
    seen: list[bytes] = []

    async def take(data: bytes) -> None:
        seen.append(data)

    gate: Deferred[None] = Deferred()
    incoming = Incoming(lambda data: gate if not gate.called else take(data))
    pieces = 900
    for _ in range(pieces):
        incoming.receiver.dataReceived(b"x")
    incoming.finish()
    assert incoming.transport.producerState == "paused" and not incoming.results
    gate.callback(None)
    assert len(seen) == pieces - 1 and incoming.results == [b""]


def test_a_callback_that_waits_and_fails() -> None:
    gate: Deferred[None] = Deferred()
    incoming = Incoming(lambda _: gate)
    incoming.receiver.dataReceived(b"a")
    incoming.receiver.dataReceived(b"b")
    gate.errback(LookupError())
    assert isinstance(incoming.results[0], LookupError)
    incoming.finish()
    assert len(incoming.results) == 1


def test_a_limit_reached_while_a_callback_waits() -> None:
    gate: Deferred[None] = Deferred()
    incoming = Incoming(lambda _: gate)
    incoming.receiver.dataReceived(b"a")
    incoming.receiver.dataReceived(b"b" * 1000)
    assert isinstance(incoming.results[0], HTTPResponseError)
    gate.callback(None)
    assert len(incoming.results) == 1


def test_results_of_callbacks_are_left_to_others() -> None:
    done = succeed("result")
    incoming = Incoming(lambda _: done)
    incoming.receiver.dataReceived(b"a")
    seen: list[Any] = []
    done.addCallback(seen.append)
    assert seen == ["result"]
    failed = Incoming(lambda _: fail(LookupError()))
    failed.receiver.dataReceived(b"a")
    assert isinstance(failed.results[0], LookupError)


def test_gzip_in_pieces() -> None:
    incoming = Incoming(gzip=True)
    for byte in gzip.compress(b"hello"):
        incoming.receiver.dataReceived(bytes([byte]))
    incoming.finish()
    assert incoming.results == [b"hello"]


# -- on their way out


class Wire(StringTransport):
    """A connection that can be full."""

    def writeTo(self, outgoing: Outgoing) -> list[Any]:
        results: list[Any] = []
        outgoing.writeTo(self).addBoth(results.append)
        return results


def outgoing(clock: Clock, body: Any, expects: bool = False, **headers: str) -> Outgoing:
    return Outgoing(clock, "PUT", "/", HTTPHeaders(headers), body, expects)


def test_names_keep_their_spelling_and_order(clock: Clock) -> None:
    wire = Wire()
    assert wire.writeTo(outgoing(clock, None, Zebra="1", Apple="2")) == [None]
    assert wire.value() == b"PUT / HTTP/1.1\r\nZebra: 1\r\nApple: 2\r\n\r\n"


def test_a_server_that_does_not_know_expect(clock: Clock) -> None:
    wire, request = Wire(), outgoing(clock, b"body", True)
    results = wire.writeTo(request)
    clock.advance(CONTINUE_TIMEOUT - 0.1)
    assert not wire.value().endswith(b"body") and results == []
    clock.advance(0.2)
    assert wire.value().endswith(b"body") and results == [None]
    request.continue_received()
    assert wire.value().count(b"body") == 1


def test_the_server_answers_before_it_wants_the_body(clock: Clock) -> None:
    wire, request = Wire(), outgoing(clock, b"body", True)
    results = wire.writeTo(request)
    request.answered()
    request.answered()
    assert results == [None] and not request.persistent and not clock.getDelayedCalls()


def test_writes_wait_for_a_connection_that_is_full(clock: Clock) -> None:
    writes: list[Any] = []
    done: Deferred[None] = Deferred()
    wire = Wire()

    def produce(write: Any) -> Any:
        writes.append(write)
        return done

    request = outgoing(clock, produce)
    results = wire.writeTo(request)
    write = writes[0]
    assert wire.producer is request and wire.streaming
    request.pauseProducing()
    first, second = write(b"abc"), write(b"d")
    assert first is second and not first.called
    request.resumeProducing()
    assert first.called
    done.callback(None)
    assert wire.value().endswith(b"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n")
    assert results == [None] and wire.producer is None
    with pytest.raises(HTTPStreamClosedError):
        write(b"e")


@pytest.mark.parametrize("fails", [False, True])
def test_a_connection_that_is_lost(clock: Clock, fails: bool) -> None:
    done: Deferred[None] = Deferred()
    request, wire = outgoing(clock, lambda write: done), Wire()
    results = wire.writeTo(request)
    request.stopProducing()
    request.stopWriting()
    if fails:
        done.errback(LookupError())
    else:
        done.callback(None)
    assert results == [] and wire.producer is None
