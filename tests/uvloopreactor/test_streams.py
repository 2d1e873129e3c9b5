"""Connections: what protocols see of them."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IConsumer,
    IPushProducer,
    ISystemHandle,
    ITCPTransport,
    ITLSTransport,
    IUNIXTransport,
)
from twisted.python import log
from zope.interface.verify import verifyObject

from cyclone.uvloopreactor import UvloopReactor

from .support import Clients, Echo, Half, Pair, Recorder, Servers, finished

MEGABYTES = b"x" * (8 << 20)


def test_echo_and_a_close_that_flushes(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        async with Pair(ours, Echo) as (server, client):
            client.transport.write(b"hello")
            client.transport.writeSequence([b", ", b"world"])
            await client.gets(b"hello, world")
            server.transport.write(MEGABYTES)
            server.transport.loseConnection()
            server.transport.loseConnection()
            assert await client.lost() is ConnectionDone
            assert await server.lost() is ConnectionDone
            assert client.received == b"hello, world" + MEGABYTES
            server.transport.write(b"nobody hears this")
            server.transport.abortConnection()

    run(check)


def test_a_close_that_waits_for_the_peer(
    ours: UvloopReactor, run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def check() -> None:
        async with Pair(ours, Half, Half) as (server, client):
            client.transport.pauseProducing()
            server.transport.write(MEGABYTES)
            server.transport.loseWriteConnection()
            for _ in range(20):
                await asyncio.sleep(0)
            client.transport.resumeProducing()
            await client.until(lambda: "read lost" in client.events)
            client.transport.write(MEGABYTES)
            client.transport.loseConnection()
            assert await client.lost() is await server.lost() is ConnectionDone
            assert client.received == server.received == MEGABYTES
            await asyncio.sleep(0)

    run(check)
    assert caplog.messages == []


def test_a_close_with_something_unread_is_one_in_good_order(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        async with Pair(ours) as (server, client):
            server.transport.pauseProducing()
            client.transport.write(b"unread")
            for _ in range(20):
                await asyncio.sleep(0)
            server.transport.write(b"bye")
            server.transport.loseConnection()
            assert await client.lost() is ConnectionDone
            assert client.received == b"bye"

    run(check)


def test_interfaces_and_addresses(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        pair = Pair(ours)
        async with pair as (server, client):
            for interface in (ITCPTransport, ITLSTransport, IConsumer, IPushProducer):
                assert verifyObject(interface, server.transport)
            assert verifyObject(ISystemHandle, client.transport)
            number = pair.port.getHost().port
            assert server.transport.getHost() == IPv4Address("TCP", "127.0.0.1", number)
            assert client.transport.getPeer() == server.transport.getHost()
            assert client.transport.getHost() == server.transport.getPeer()
            assert pair.servers.addresses == [server.transport.getPeer()]
            assert repr(server.transport) == f"<Recorder #0 on {number}>"
            assert f"to ('127.0.0.1', {number})" in repr(client.transport)
            assert client.transport.addr == ("127.0.0.1", number)
            assert server.transport.logPrefix() == "Recorder,0,127.0.0.1"
            assert client.transport.logPrefix() == client.transport.logstr == "Recorder,client"
            handle = server.transport.getHandle()
            assert handle is server.transport.socket
            assert handle.fileno() == server.transport.fileno()
            handle.close()  # lets go, and leaves the connection
            client.transport.write(b"still there")
            await server.gets(b"still there")
            client.transport.abortConnection()
            await client.lost()
            assert client.transport.fileno() == -1
            assert client.transport.getHost() == server.transport.getPeer()

    run(check)


def test_options(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        async with Pair(ours) as (server, _):
            for on in (True, False, True):
                server.transport.setTcpNoDelay(on)
                assert server.transport.getTcpNoDelay() is on
                server.transport.setTcpKeepAlive(on)
                assert server.transport.getTcpKeepAlive() is on

    run(check)


def test_ipv6(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        servers, clients = Servers(), Clients()
        port: Any = ours.listenTCP(0, servers, interface="::1")
        number = port.getHost().port
        ours.connectTCP("::1", number, clients)
        client, server = await clients.one(), await servers.one()
        await client.until(lambda: client.transport)
        assert client.transport.getPeer() == IPv6Address("TCP", "::1", number)
        assert port.getHost() == IPv6Address("TCP", "::1", number)
        client.transport.loseConnection()
        await server.lost()
        await client.lost()
        await finished(port.stopListening())

    run(check)


def test_unix(ours: UvloopReactor, run: Any, tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "socket"
        pair = Pair(ours, Echo)
        server, client = await pair.unix(path)
        assert verifyObject(IUNIXTransport, client.transport)
        assert server.transport.getHost() == UNIXAddress(str(path).encode())
        assert client.transport.getPeer() == UNIXAddress(str(path).encode())
        assert client.transport.getHost() == UNIXAddress(None)
        assert server.transport.getPeer() == UNIXAddress(None)
        client.transport.write(b"hello")
        await client.gets(b"hello")
        client.transport.setTcpNoDelay(True)
        assert client.transport.getTcpNoDelay() is False
        with pytest.raises(NotImplementedError, match="do not carry file descriptors"):
            client.transport.sendFileDescriptor(1)
        await pair.close()
        assert not path.exists()

    run(check)


def test_only_bytes(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        async with Pair(ours) as (server, _):
            for wrong in ("text", bytearray(b"may change")):
                with pytest.raises(TypeError, match="Data must be bytes"):
                    server.transport.write(wrong)
                with pytest.raises(TypeError, match="Data must be bytes"):
                    server.transport.writeSequence([b"x", wrong])

    run(check)


def test_what_one_event_writes_leaves_in_one_send(ours: UvloopReactor, run: Any) -> None:
    class Chatty(Recorder):
        def dataReceived(self, data: bytes) -> None:
            for piece in (b"a", b"b", b"c"):
                self.transport.write(piece)

    async def check() -> None:
        async with Pair(ours, Chatty) as (_, client):
            client.transport.write(b"go")
            await client.gets(b"c")
            assert client.pieces == [b"abc"]

    run(check)


def test_an_answer_to_who_leaves_at_once(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        servers = Servers(Echo)
        port: Any = ours.listenTCP(0, servers, interface="127.0.0.1")
        reader, writer = await asyncio.open_connection(*port.socket.getsockname())
        writer.write(b"question")
        writer.write_eof()
        assert await reader.read() == b"question"
        assert await (await servers.one()).lost() is ConnectionDone
        writer.close()
        await writer.wait_closed()
        await finished(port.stopListening())

    run(check)


# -- the end ---------------------------------------------------------------------------------------


def test_abort(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        async with Pair(ours) as (server, client):
            server.transport.pauseProducing()
            client.transport.write(MEGABYTES)
            client.transport.abortConnection()
            client.transport.abortConnection()
            assert client.reason is None
            assert await client.lost() is ConnectionAborted
            server.transport.resumeProducing()
            assert await server.lost() is ConnectionLost

    run(check)


def test_stop_producing_and_consuming(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        async with Pair(ours) as (server, client):
            server.transport.stopProducing()
            client.transport.stopConsuming()
            assert await server.lost() is ConnectionDone
            assert await client.lost() is ConnectionDone

    run(check)


def test_half_closed_both_ways(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        async with Pair(ours, Half, Half) as (server, client):
            client.transport.write(b"last words")
            client.transport.loseWriteConnection()
            client.transport.loseWriteConnection()
            await server.until(lambda: "read lost" in server.events)
            assert server.received == b"last words"
            assert client.events == ["made", "write lost"]
            client.transport.write(b"not any more")
            server.transport.pauseProducing()
            server.transport.resumeProducing()
            server.transport.write(b"answer")
            await client.gets(b"answer")
            server.transport.loseWriteConnection()
            assert await client.lost() is ConnectionDone
            assert await server.lost() is ConnectionDone
            assert server.events == ["made", "read lost", "write lost", "lost"]
            assert client.events == ["made", "write lost", "read lost", "lost"]

    run(check)


def test_half_closed_then_closed(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        async with Pair(ours, Half, Recorder) as (server, client):
            server.transport.loseWriteConnection()  # the client knows no half-close
            assert await client.lost() is ConnectionDone
            assert await server.lost() is ConnectionDone

    run(check)


@pytest.mark.parametrize("hook", ["dataReceived", "readConnectionLost", "writeConnectionLost"])
def test_errors_in_protocols(
    hook: str, ours: UvloopReactor, run: Any, logged_failures: Any
) -> None:
    class Failing(Half):
        pass

    def fail(*_: object) -> None:
        raise ZeroDivisionError(hook)

    setattr(Failing, hook, fail)

    async def check() -> None:
        async with Pair(ours, Failing, Half) as (server, client):
            if hook == "writeConnectionLost":
                server.transport.loseWriteConnection()
            else:
                client.transport.write(b"x")
                client.transport.loseWriteConnection()
            assert await server.lost() is ZeroDivisionError

    run(check)
    assert [failure.type for failure in logged_failures.flush(ZeroDivisionError)] == [
        ZeroDivisionError
    ]


def test_errors_in_the_beginning_and_the_end(
    ours: UvloopReactor, run: Any, logged_failures: Any
) -> None:
    class Unborn(Recorder):
        def connectionMade(self) -> None:
            super().connectionMade()
            raise ZeroDivisionError

        def connectionLost(self, reason: Any = None) -> None:
            super().connectionLost(reason)
            raise ZeroDivisionError

    async def check() -> None:
        async with Pair(ours, Unborn) as (server, client):
            assert await server.lost() is ZeroDivisionError
            await client.lost()

    run(check)
    assert len(logged_failures.flush(ZeroDivisionError)) == 2


@pytest.mark.parametrize("build", [lambda: None, lambda: 1 // 0])
def test_no_protocol_no_connection(
    build: Callable[[], None], ours: UvloopReactor, run: Any, logged_failures: Any
) -> None:
    async def check() -> None:
        servers, clients = Servers(build), Clients()
        port: Any = ours.listenTCP(0, servers, interface="127.0.0.1")
        ours.connectTCP("127.0.0.1", port.getHost().port, clients)
        client = await clients.one()
        await client.lost()
        await finished(port.stopListening())

    run(check)
    logged_failures.flush(ZeroDivisionError)


def test_the_log_says_whose_event_it_is(ours: UvloopReactor, run: Any) -> None:
    events: list[dict[str, Any]] = []

    class Talking(Recorder):
        def logPrefix(self) -> str:
            return "Me"

        def dataReceived(self, data: bytes) -> None:
            super().dataReceived(data)
            log.msg("heard")
            thread = threading.Thread(target=log.msg, args=("heard",))
            thread.start()
            thread.join()

    async def check() -> None:
        async with Pair(ours, Talking) as (server, client):
            client.transport.write(b"x")
            await server.gets(b"x")
            log.msg("heard")

    log.addObserver(events.append)
    try:
        run(check)
    finally:
        log.removeObserver(events.append)
    systems = [event["system"] for event in events if event["message"] == ("heard",)]
    assert systems == ["Me,0,127.0.0.1", "-", "-"]


# -- reading ---------------------------------------------------------------------------------------


def test_paused_from_the_beginning(ours: UvloopReactor, run: Any) -> None:
    class Paused(Half):
        def connectionMade(self) -> None:
            super().connectionMade()
            self.transport.pauseProducing()

    async def check() -> None:
        async with Pair(ours, Paused) as (server, client):
            client.transport.write(b"early")
            client.transport.loseWriteConnection()
            for _ in range(20):
                await asyncio.sleep(0)
            assert server.transport not in ours.getReaders()
            assert server.received == b""
            server.transport.resumeProducing()
            server.transport.stopReading()
            server.transport.startReading()
            await server.until(lambda: "read lost" in server.events)
            assert server.received == b"early"

    run(check)


def test_paused_until_the_end(ours: UvloopReactor, run: Any) -> None:
    class Paused(Recorder):
        def connectionMade(self) -> None:
            super().connectionMade()
            self.transport.pauseProducing()

    async def check() -> None:
        async with Pair(ours, Paused) as (server, _):
            server.transport.loseConnection()
            await server.lost()
            server.transport.resumeProducing()

    run(check)


def test_nothing_is_read_after_a_close_in_the_beginning(ours: UvloopReactor, run: Any) -> None:
    class Leaving(Recorder):
        def connectionMade(self) -> None:
            super().connectionMade()
            self.transport.write(MEGABYTES)
            self.transport.loseConnection()

    async def check() -> None:
        async with Pair(ours, Leaving) as (server, client):
            client.transport.write(b"too late")
            await client.lost()
            await server.lost()
            assert server.received == b""

    run(check)


def test_nothing_is_read_between_resuming_and_closing(ours: UvloopReactor, run: Any) -> None:
    class Paused(Recorder):
        def connectionMade(self) -> None:
            super().connectionMade()
            self.transport.pauseProducing()

    async def check() -> None:
        async with Pair(ours, Paused) as (server, client):
            client.transport.write(b"too late")
            for _ in range(20):
                await asyncio.sleep(0)
            server.transport.write(MEGABYTES)
            server.transport.resumeProducing()
            server.transport.loseConnection()
            await client.lost()
            await server.lost()
            assert server.received == b""

    run(check)


def test_the_reactor_can_stop_reading(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        async with Pair(ours) as (server, client):
            assert server.transport in ours.getReaders()
            ours.removeReader(server.transport)
            assert server.transport not in ours.getReaders()
            client.transport.write(b"x")
            server.transport.resumeProducing()
            await server.gets(b"x")

    run(check)


# -- producers -------------------------------------------------------------------------------------


class Producer:
    def __init__(self, consumer: Any, pieces: int = 0) -> None:
        self.consumer = consumer
        self.left = pieces
        self.calls: list[str] = []

    def pauseProducing(self) -> None:
        self.calls.append("pause")

    def stopProducing(self) -> None:
        self.calls.append("stop")

    def resumeProducing(self) -> None:
        self.calls.append("resume")
        if self.left:
            self.left -= 1
            self.consumer.write(b"piece ")
            if not self.left:
                self.consumer.unregisterProducer()


def test_a_pull_producer(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        async with Pair(ours) as (server, client):
            producer = Producer(server.transport, 3)
            server.transport.registerProducer(producer, False)
            server.transport.loseConnection()  # when the producer has finished
            await client.lost()
            assert client.received == b"piece piece piece "
            assert producer.calls == ["resume"] * 3

    run(check)


def test_a_push_producer(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        async with Pair(ours) as (server, client):
            producer = Producer(server.transport)
            server.transport.registerProducer(producer, True)
            with pytest.raises(RuntimeError, match="never unregistered"):
                server.transport.registerProducer(producer, True)
            server.transport.write(b"little")
            await client.gets(b"little")
            assert producer.calls == []
            client.transport.pauseProducing()
            server.transport.write(MEGABYTES)
            assert producer.calls == ["pause"]
            for _ in range(20):
                await asyncio.sleep(0)
            server.transport.write(b"more")
            assert producer.calls == ["pause", "pause"]
            client.transport.resumeProducing()
            await client.gets(b"more")
            assert producer.calls == ["pause", "pause", "resume"]
            server.transport.abortConnection()
            await server.lost()
            assert producer.calls[-1] == "stop"
            server.transport.registerProducer(producer, True)
            assert producer.calls[-2:] == ["stop", "stop"]

    run(check)


@pytest.mark.parametrize("half", [False, True], ids=["whole", "half"])
def test_a_push_producer_may_go_on_after_a_close(half: bool, ours: UvloopReactor, run: Any) -> None:
    class Later(Producer):
        """Writes what it has a turn after it was asked to."""

        def resumeProducing(self) -> None:
            ours.callLater(0, self.go_on)

        def go_on(self) -> None:
            super().resumeProducing()

    async def check() -> None:
        async with Pair(ours, Half, Half) as (server, client):
            producer = Later(server.transport, 1)
            server.transport.registerProducer(producer, True)
            end = server.transport.loseWriteConnection if half else server.transport.loseConnection
            end()
            server.transport.write(b"x" * 70000)
            await client.until(lambda: "read lost" in client.events)
            assert client.received[70000:] == b"piece "
            assert producer.calls == ["pause", "resume"]

    run(check)


def test_a_push_producer_that_is_silent_does_not_keep_a_connection(
    ours: UvloopReactor, run: Any
) -> None:
    async def check() -> None:
        async with Pair(ours) as (server, client):
            producer = Producer(server.transport)
            server.transport.registerProducer(producer, True)
            server.transport.write(b"x" * 70000)
            await client.until(lambda: len(client.received) == 70000)
            assert producer.calls == ["pause", "resume"]
            server.transport.loseConnection()
            await server.lost()
            assert producer.calls[-1] == "stop"

    run(check)


def test_a_producer_that_fails(ours: UvloopReactor, run: Any, logged_failures: Any) -> None:
    class Broken(Producer):
        def resumeProducing(self) -> None:
            if self.calls:
                raise ZeroDivisionError
            super().resumeProducing()

    async def check() -> None:
        async with Pair(ours) as (server, _):
            server.transport.registerProducer(Broken(server.transport, 2), False)
            assert await server.lost() is ZeroDivisionError

    run(check)
    assert len(logged_failures.flush(ZeroDivisionError)) == 1


def test_a_sender_that_fails_keeps_no_other_waiting(
    ours: UvloopReactor, run: Any, logged_failures: Any
) -> None:
    async def check() -> None:
        pair = Pair(ours)
        async with pair as (server, client):
            original = server.transport.flush
            server.transport.flush = lambda: 1 // 0
            server.transport.write(b"x")
            client.transport.write(b"y")
            await server.gets(b"y")
            server.transport.flush = original

    run(check)
    assert len(logged_failures.flush(ZeroDivisionError)) == 1


def test_a_peer_that_has_gone_before_it_was_known(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        servers = Servers()
        port: Any = ours.listenTCP(0, servers, interface="127.0.0.1")
        gone = socket.create_connection(port.socket.getsockname())
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        gone.close()
        for _ in range(20):
            await asyncio.sleep(0)
        assert all(protocol.reason for protocol in servers.made)
        await finished(port.stopListening())

    run(check)
