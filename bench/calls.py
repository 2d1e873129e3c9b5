"""Python function calls per request: the figure to trust on a noisy machine.

The application's own factory builds a connection on an in-memory transport; requests go in as
bytes, one at a time, and each answer is checked.  What is counted is what the interpreter
reports to a profile function (``sys.setprofile``): ``call`` for a Python function, a generator
or coroutine resumed; ``c_call`` for a built-in.  The same code gives the same count every time.

>>> count_calls(make_application(), CASES["plaintext"]).python  # doctest: +SKIP
18.0
"""

from __future__ import annotations

import cProfile
import gc
import io
import itertools
import pstats
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Protocol

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IAddress, ITCPTransport
from twisted.internet.task import Clock
from zope.interface import implementer

from bench.cases import CASES, PLACE, Case, WrongAnswer
from bench.responses import ResponseReader

PORT = 8888

#: The cases that are answered at once, by a connection that has no reactor.
IN_MEMORY = (
    *("plaintext", "browser", "visitors", "json", "parameters", "form"),
    *("echo", "broadcast", "events"),
)


class Factory(Protocol):
    """What is measured: any Twisted factory whose clock may be set."""

    clock: Any

    def buildProtocol(self, addr: IAddress) -> Any:
        """Return the protocol of a new connection."""


@implementer(ITCPTransport)
class MemoryTransport:
    """Keeps what is written; ``write`` is a built-in, so it adds no Python call to the count."""

    disconnecting = False

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.write = self.chunks.append
        self.writeSequence = self.chunks.extend
        self.producer: object = None

    def take(self) -> bytes:
        """Return what has been written since the last time."""
        data = b"".join(self.chunks)
        self.chunks.clear()
        return data

    def getPeer(self) -> IPv4Address:
        """The client's address."""
        return IPv4Address("TCP", "127.0.0.1", 54321)

    def getHost(self) -> IPv4Address:
        """The server's address."""
        return IPv4Address("TCP", "127.0.0.1", PORT)

    def loseConnection(self) -> None:
        """Refuse: no request here may end its connection."""
        raise RuntimeError("the connection was closed")

    abortConnection = loseWriteConnection = loseConnection

    def pauseProducing(self) -> None:
        """Nothing to pause: bytes come only when the driver sends them."""

    resumeProducing = stopProducing = pauseProducing

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Keep the producer; it is never paused."""
        self.producer = producer

    def unregisterProducer(self) -> None:
        """Forget the producer."""
        self.producer = None

    def getTcpNoDelay(self) -> bool:
        """Always on."""
        return True

    getTcpKeepAlive = getTcpNoDelay

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing to set."""

    setTcpKeepAlive = setTcpNoDelay


class Connection:
    """One keep-alive connection of ``factory`` in memory, asked ``case`` again and again."""

    def __init__(self, factory: Factory, case: Case) -> None:
        factory.clock = Clock()
        self.case = case
        self.request = case.request(PORT)
        self.transport = MemoryTransport()
        self.protocol = factory.buildProtocol(self.transport.getPeer())
        self.protocol.makeConnection(self.transport)
        self._reader = ResponseReader()
        self._numbers = itertools.count()

    def requests(self, times: int) -> list[bytes]:
        """Return the next requests, none the same as another if the case says so."""
        place = PLACE.encode()
        if place not in self.request:
            return [self.request] * times
        numbers = itertools.islice(self._numbers, times)
        return [self.request.replace(place, b"%012d" % number) for number in numbers]

    def ask(self, requests: Sequence[bytes]) -> None:
        """Send ``requests``, one after another."""
        receive = self.protocol.dataReceived
        for request in requests:
            receive(request)

    def check(self, times: int) -> None:
        """Raise ``WrongAnswer`` unless ``times`` right answers have come since the last check."""
        answers = self._reader.feed(self.transport.take())
        for answer in answers:
            self.case.check(answer)
        if len(answers) != times or not self._reader.idle:
            raise WrongAnswer(f"{len(answers)} answers to {times} requests")


def connect(factory: Factory, case: Case) -> Connection:
    """Return a connection of ``factory`` in memory for ``case``."""
    if case.mode in ("echo", "broadcast"):
        from bench.messages import Messages

        return Messages(factory, case)
    return Connection(factory, case)


@dataclass
class CallCount:
    """Calls per request, message or event: of Python functions, of built-ins, and of each of the
    former."""

    python: float = 0.0
    builtin: float = 0.0
    functions: dict[str, float] = field(default_factory=dict)


def count_calls(
    factory: Factory, case: Case, *, requests: int | None = None, warmup: int | None = None
) -> CallCount:
    """Return the calls per unit, a request, message or event, of ``case`` on ``factory``.

    ``warmup`` requests go first, so that caches are filled; ``requests`` are counted: by default
    what makes about 50 and 200 units.  Raises
    :class:`bench.cases.WrongAnswer` when the answers are not right or not as many.
    """
    requests = requests or case.times(200)
    warmup = warmup or case.times(50)
    connection = connect(factory, case)
    connection.ask(connection.requests(warmup))
    connection.check(warmup)
    made = connection.requests(requests)
    frames: Counter[Any] = Counter()
    builtins: Counter[Any] = Counter()
    _observed(lambda: connection.ask(made), frames, builtins)
    connection.check(requests)
    del frames[_driver_code(connection)]
    units = requests * case.answers
    functions = {_name(code): count / units for code, count in frames.most_common()}
    return CallCount(
        python=sum(frames.values()) / units,
        builtin=sum(builtins.values()) / units,
        functions=functions,
    )


def count_event_calls(clients: int = 1, *, events: int = 200) -> CallCount:
    """Return the calls per event sent to one client or, to ``clients``, per event and client.

    One is sent to by its handler, more by a ``Broadcaster``. Raises
    :class:`bench.cases.WrongAnswer` when not every client got every event.
    """
    from cyclone.sse import Broadcaster, SSEHandler
    from cyclone.web import Application

    room = Broadcaster()

    class Events(SSEHandler):
        def bind(self) -> None:
            room.add(self)

    application = Application([("/", Events)], log_function=lambda handler: None)
    application.clock = Clock()
    transports = [MemoryTransport() for _ in range(clients)]
    for transport in transports:
        protocol = application.buildProtocol(transport.getPeer())
        protocol.makeConnection(transport)
        protocol.dataReceived(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    (first, *others) = room
    send = room.send if others else first.sendEvent

    def work() -> None:
        for _ in range(events):
            send("hello, world")

    frames: Counter[Any] = Counter()
    builtins: Counter[Any] = Counter()
    _observed(work, frames, builtins)
    for transport in transports:
        if transport.take().count(b"\r\ndata: hello, world\n\n\r\n") != events:
            raise WrongAnswer("not every event has arrived")
    times = events * clients
    return CallCount(
        python=sum(frames.values()) / times,
        builtin=sum(builtins.values()) / times,
        functions={_name(code): count / times for code, count in frames.most_common()},
    )


def _observed(work: Callable[[], None], frames: Counter[Any], builtins: Counter[Any]) -> None:
    """Run ``work`` with every call counted, by code object and by built-in's name."""

    def observe(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            frames[frame.f_code] += 1
        elif event == "c_call" and argument is not sys.setprofile:
            builtins[argument.__name__] += 1

    before, collecting = sys.getprofile(), gc.isenabled()
    # A collection calls what others have registered for it, and finalizers of what they left.
    gc.disable()
    sys.setprofile(observe)
    try:
        work()
    finally:
        sys.setprofile(before)
        if collecting:
            gc.enable()
    frames.pop(work.__code__, None)


def _driver_code(connection: Connection) -> Any:
    return type(connection).ask.__code__


def _name(code: Any) -> str:
    """Return a function's name with where it is, short and without the machine's paths."""
    parts = code.co_filename.replace("\\", "/").rsplit("/", 2)
    return f"{code.co_qualname} ({'/'.join(parts[-2:])}:{code.co_firstlineno})"


def make_application() -> Factory:
    """Return cyclone's application of the benchmark."""
    from bench.apps import cyclone_app

    factory: Factory = cyclone_app.make_application()
    return factory


def profile(name: str, *, units: int = 20000, top: int = 40) -> str:
    """Return cProfile's view of about so many requests, messages or events of a case in memory.

    Sorted by time inside the function; the profiler makes calls look dearer than they are.
    """
    case = CASES[name]
    connection = connect(make_application(), case)
    connection.ask(connection.requests(case.times(100)))
    profiler = cProfile.Profile()
    profiler.runcall(connection.ask, connection.requests(case.times(units)))
    out = io.StringIO()
    pstats.Stats(profiler, stream=out).strip_dirs().sort_stats("tottime").print_stats(top)
    return out.getvalue()
