"""Counting calls: exact, repeatable, and only for right answers."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from twisted.internet.protocol import Factory, Protocol

from bench.calls import connect, count_calls, make_application
from bench.cases import CASES, WrongAnswer

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nhello, world"


class Direct(Protocol):
    """One Python call for each request: dataReceived itself."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(ANSWER)


class Roundabout(Protocol):
    """Three more: a helper, and a generator entered twice, for its value and for its end."""

    def dataReceived(self, data: bytes) -> None:
        (answer,) = self.parts()
        self.reply(answer)

    def parts(self) -> Iterator[bytes]:
        yield ANSWER

    def reply(self, data: bytes) -> None:
        self.transport.write(data)


class Wrong(Protocol):
    """The wrong body."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(ANSWER.replace(b"hello", b"adieu"))


class Silent(Protocol):
    """No answer."""

    def dataReceived(self, data: bytes) -> None:
        pass


@pytest.mark.parametrize(("protocol", "calls"), [(Direct, 1), (Roundabout, 4)])
def test_the_count_is_exact(protocol: type[Protocol], calls: int) -> None:
    factory = Factory.forProtocol(protocol)
    counts = [count_calls(factory, CASES["plaintext"], requests=n) for n in (10, 100)]
    assert [count.python for count in counts] == [calls, calls]


def test_functions_are_named_without_the_machine_s_paths() -> None:
    count = count_calls(Factory.forProtocol(Direct), CASES["plaintext"], requests=10)
    (name,) = count.functions
    assert name.startswith("Direct.dataReceived (bench/test_calls.py:")
    assert count.functions[name] == 1
    assert count.builtin == 1  # transport.write


class Littering(Direct):
    """Leaves garbage behind that a collection would find."""

    def dataReceived(self, data: bytes) -> None:
        cycles = [[None] for _ in range(100)]
        for cycle in cycles:
            cycle[0] = cycle
        self.transport.write(ANSWER)


def test_what_others_do_at_a_collection_is_not_counted() -> None:
    def during_collection(phase: str, info: dict[str, int]) -> None:
        pass

    gc.callbacks.append(during_collection)
    try:
        count = count_calls(Factory.forProtocol(Littering), CASES["plaintext"], requests=100)
    finally:
        gc.callbacks.remove(during_collection)
    assert not [name for name in count.functions if "during_collection" in name]
    assert gc.isenabled()


class Remembering(Protocol):
    """Answers at once what it has seen before, and calls a function for the rest."""

    def connectionMade(self) -> None:
        self.seen: set[bytes] = set()

    def dataReceived(self, data: bytes) -> None:
        if data not in self.seen:
            self.learn(data)
        self.transport.write(ANSWER)

    def learn(self, data: bytes) -> None:
        self.seen.add(data)


@pytest.mark.parametrize(("case", "calls"), [("browser", 1), ("visitors", 2)])
def test_remembering_helps_with_requests_that_come_again(case: str, calls: int) -> None:
    assert count_calls(Factory.forProtocol(Remembering), CASES[case]).python == calls


def test_wrong_answers_are_not_counted() -> None:
    with pytest.raises(WrongAnswer):
        count_calls(Factory.forProtocol(Wrong), CASES["plaintext"])
    with pytest.raises(WrongAnswer, match="0 answers to 50 requests"):
        count_calls(Factory.forProtocol(Silent), CASES["plaintext"])


@pytest.mark.parametrize("name", ["echo", "broadcast"])
def test_messages_are_counted_only_when_all_have_come(name: str) -> None:
    case = CASES[name]
    connection = connect(make_application(), case)
    connection.ask(connection.requests(2))
    connection.check(2)
    connection.ask(connection.requests(2))
    with pytest.raises(WrongAnswer, match="missing"):
        connection.check(3)
    with pytest.raises(WrongAnswer, match="not upgraded"):
        connect(Factory.forProtocol(Direct), case)
