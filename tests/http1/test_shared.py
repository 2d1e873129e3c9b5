"""`http1.shared`: producers that applications register beside the connection's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cyclone.http1.shared import SharedTransport


class Soon:
    """Calls that wait for the next turn."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []

    def __call__(self, function: Callable[[], None]) -> None:
        self.calls.append(function)

    def turn(self) -> None:
        calls, self.calls = self.calls, []
        for call in calls:
            call()


class Producer:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def pauseProducing(self) -> None:
        self.heard.append("pause")

    def resumeProducing(self) -> None:
        self.heard.append("resume")

    def stopProducing(self) -> None:
        self.heard.append("stop")


class Transport:
    attribute = "the transport's"


SENT: list[bytes] = []


@pytest.fixture
def soon() -> Soon:
    return Soon()


@pytest.fixture
def shared(soon: Soon) -> SharedTransport:
    return SharedTransport(Transport(), SENT.append, lambda: SENT.append(b"closed"), soon)


def test_everything_else_is_the_transports(shared: SharedTransport) -> None:
    assert shared.attribute == "the transport's"
    with pytest.raises(AttributeError):
        shared.missing  # noqa: B018


def test_what_is_written_goes_where_the_responses_go(shared: SharedTransport) -> None:
    SENT.clear()
    shared.write(b"a")
    shared.writeSequence([b"b", b"c"])
    shared.loseConnection()
    assert SENT == [b"a", b"bc", b"closed"]


def test_a_push_producer_hears_what_the_peer_does(shared: SharedTransport) -> None:
    producer = Producer()
    shared.registerProducer(producer, True)
    shared.peer_changed(True)
    shared.peer_changed(True)
    shared.peer_changed(False)
    shared.lost()
    shared.lost()
    assert producer.heard == ["pause", "resume", "stop"]


def test_a_push_producer_that_comes_while_the_peer_does_not_read(shared: SharedTransport) -> None:
    producer = Producer()
    shared.peer_changed(True)
    shared.registerProducer(producer, True)
    assert producer.heard == ["pause"]


def test_a_second_producer_is_refused(shared: SharedTransport) -> None:
    shared.registerProducer(Producer(), True)
    with pytest.raises(RuntimeError, match="is registered"):
        shared.registerProducer(Producer(), True)
    shared.unregisterProducer()
    shared.registerProducer(Producer(), True)


def test_an_unregistered_producer_hears_nothing(shared: SharedTransport, soon: Soon) -> None:
    push, pull = Producer(), Producer()
    shared.registerProducer(push, True)
    shared.unregisterProducer()
    shared.registerProducer(pull, False)
    shared.unregisterProducer()
    shared.peer_changed(True)
    shared.peer_changed(False)
    soon.turn()
    shared.lost()
    assert push.heard == pull.heard == []


def test_a_pull_producer_is_pulled_while_the_peer_reads(
    shared: SharedTransport, soon: Soon
) -> None:
    producer = Producer()
    shared.registerProducer(producer, False)
    assert producer.heard == []
    soon.turn()
    soon.turn()
    assert producer.heard == ["resume"] * 2
    shared.peer_changed(True)
    soon.turn()
    soon.turn()
    assert producer.heard == ["resume"] * 2
    shared.peer_changed(False)
    soon.turn()
    assert producer.heard == ["resume"] * 3


def test_a_pull_producer_may_end_itself(shared: SharedTransport, soon: Soon) -> None:
    class Last(Producer):
        def resumeProducing(self) -> None:
            super().resumeProducing()
            shared.unregisterProducer()

    producer = Last()
    shared.registerProducer(producer, False)
    soon.turn()
    assert producer.heard == ["resume"]
    assert soon.calls == []
