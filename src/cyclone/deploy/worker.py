"""A worker process, from its beginning to its end; `supervisor` is the other side.

It is started as ``python -m cyclone worker``, with the two pipes at `CONTROL_FD` and `REPORT_FD`
and the listening sockets after them. The first line of the control pipe is its `Order`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import random
import signal
import sys
from collections.abc import Callable
from typing import Any

from cyclone.log import gen_log
from cyclone.util import WORKER_VARIABLE

from .child import CONTROL_FD, REPORT_FD
from .console import begin_console
from .control import Control
from .errors import DeployError
from .handover import Handed
from .plan import Plan, listeners_for
from .reactors import default_reactor, install_reactor, stop_reactor
from .service import WebService
from .target import load_application
from .workerlog import Pipe, begin_forwarding

__all__ = ["Order", "Worker", "count_requests", "request_limit", "run_worker"]

#: Seconds a worker that is replaced keeps idle connections, if its applications do not say.
_DEFAULT_PATIENCE = 5.0


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """What a worker is told to do.

    Attributes:
        number: of its place, from 1.
        plan: what to serve.
        sockets: how many listening sockets it was given.
        reactor: the short name of a Twisted reactor; "" for that of ``cyclone run``, "default"
            for Twisted's.
        max_requests: about how many requests it serves before it is replaced; 0 for any number.
        forward_log: log by way of the supervisor.
        log_format: else ``text`` or ``json``, see `begin_console`.
        directory: modules are imported from there; "" for the current one alone.
    """

    number: int
    plan: Plan
    sockets: int
    reactor: str = ""
    max_requests: int = 0
    forward_log: bool = False
    log_format: str = "text"
    directory: str = ""

    def to_line(self) -> bytes:
        """The order as it goes through the pipe."""
        fields = {name: getattr(self, name) for name in self.__slots__ if name != "plan"}
        return json.dumps({**fields, "plan": self.plan.to_json()}).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Order:
        """The order of `to_line`."""
        fields = json.loads(line)
        return cls(**{**fields, "plan": Plan.from_json(fields["plan"])})


def run_worker() -> int:
    """Be a worker until told to stop, and return the exit status."""
    _become_unprivileged()
    try:
        order_line, rest = _read_line(CONTROL_FD)
    except OSError:
        raise DeployError("workers are started by cyclone run --workers, or twistd") from None
    if not order_line:
        return 1  # the supervisor is gone already
    order = Order.from_line(order_line)
    sockets = range(REPORT_FD + 1, REPORT_FD + 1 + order.sockets)
    for descriptor in (CONTROL_FD, REPORT_FD, *sockets):
        os.set_inheritable(descriptor, False)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        # They come to all processes at a terminal, or of a service; what they mean is for the
        # supervisor to say.
        signal.signal(number, _pass_over)
    os.environ[WORKER_VARIABLE] = str(order.number)
    pipe = Pipe(REPORT_FD)
    if order.forward_log:
        begin_forwarding(pipe)
    else:
        begin_console(sys.stdout, f"#{order.number} ", order.log_format)
    try:
        return _serve(order, sockets, pipe, rest)
    except DeployError as error:
        detail = f"\n{error.detail}" if error.detail else ""
        pipe.send("failed", error=f"{error}{detail}")
        return 1


def _pass_over(number: int, frame: object) -> None:
    """A signal that is not for us. Unlike SIG_IGN this is not inherited by programs we start."""


def _become_unprivileged() -> None:
    """Give up what ``twistd --euid`` has kept for the supervisor."""
    user, group = os.geteuid(), os.getegid()
    if os.getgid() != group:
        os.setresgid(group, group, group)
    if os.getuid() != user:
        os.setresuid(user, user, user)


def _read_line(descriptor: int) -> tuple[bytes, bytes]:
    """The first line, b"" if there is none, and what has come with it."""
    received = b""
    while b"\n" not in received:
        data = os.read(descriptor, 65536)
        if not data:
            return b"", b""
        received += data
    line, _, rest = received.partition(b"\n")
    return line, rest


def _serve(order: Order, sockets: range, pipe: Pipe, received: bytes) -> int:
    name = order.reactor or default_reactor()
    if name:
        install_reactor(name)
    from twisted.internet import reactor

    if order.directory and order.directory not in sys.path:
        sys.path.insert(0, order.directory)
    factories = [load_application(site.target, site.appopts) for site in order.plan.sites]
    listeners = listeners_for(Handed(reactor, sockets), order.plan, factories)
    service = WebService(listeners, announce=False)
    worker = Worker(reactor, service, factories, pipe)
    for factory in factories:
        _equip(factory, order, worker.full)
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.callWhenRunning(worker.start, received)
    reactor.run()
    return 0


def _equip(factory: Any, order: Order, full: Callable[[], object]) -> None:
    if order.max_requests:
        count_requests(factory, request_limit(order.max_requests), full)


def request_limit(about: int) -> int:
    """A number within a tenth of `about`: workers that began together do not end together."""
    spread = about // 10
    return max(1, about + random.randint(-spread, spread))


def count_requests(factory: Any, limit: int, full: Callable[[], object]) -> None:
    """Have `full` called when `factory` has been given that many requests; it goes on serving."""
    start = getattr(factory, "start_request", None)
    if start is None:
        gen_log.warning("the requests of %r cannot be counted", factory)
        return
    left = limit

    def start_request(exchange: Any) -> None:
        nonlocal left
        left -= 1
        if not left:
            del factory.start_request  # the class has the method
            full()
        start(exchange)

    factory.start_request = start_request


class Worker:
    """What a worker does when it runs."""

    def __init__(self, reactor: Any, service: WebService, factories: list[Any], pipe: Pipe) -> None:
        self._reactor = reactor
        self._service = service
        self._factories = factories
        self._pipe = pipe
        self._asked = False

    def start(self, received: bytes) -> None:
        """The reactor runs, and the places are open."""
        signal.signal(signal.SIGTERM, self._on_signal)
        control = Control(self._reactor, CONTROL_FD, self.on_message, self._alone)
        control.startReading()  # type: ignore[no-untyped-call]
        delay = max(getattr(factory, "drain_delay", 0) for factory in self._factories)
        self._pipe.send("ready", patience=self._patience("drain_timeout", 30.0) + delay)
        control.take(received)

    def full(self) -> None:
        """Enough requests have been served."""
        self._pipe.send("full")

    def _on_signal(self, number: int, frame: object) -> None:
        self._reactor.callFromThread(self.asked_to_end)

    def asked_to_end(self) -> None:
        """Somebody wants this process to end: so it does when another serves in its place.

        The second time it does not wait for that. It never hurries its requests: a service manager
        tells everybody, the supervisor as well.
        """
        if self._asked or not self._pipe.send("asked"):
            stop_reactor(self._reactor)
        self._asked = True

    def on_message(self, message: dict[str, Any]) -> None:
        """Do what the supervisor says."""
        match message.get("type"):
            case "retire":
                for factory in self._factories:
                    limits = getattr(factory, "limits", None)
                    factory.patience = getattr(limits, "drain_idle_timeout", _DEFAULT_PATIENCE)
                stop_reactor(self._reactor)
            case "stop":
                for factory in self._factories:
                    if hasattr(factory, "stopping"):
                        factory.stopping = True  # it may have been leaving already
                    if hasattr(factory, "hurry"):
                        factory.hurry()
                stop_reactor(self._reactor)
            case "cut":
                self._service.cut()
                self._reactor.crash()
            case "ping":
                self._pipe.send("pong")

    def _alone(self) -> None:
        gen_log.error("the supervisor is gone: finishing")
        stop_reactor(self._reactor)

    def _patience(self, name: str, default: float) -> float:
        limits = [getattr(factory, "limits", None) for factory in self._factories]
        return max([default, *(getattr(limit, name, default) for limit in limits)])
