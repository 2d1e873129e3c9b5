"""The service that is a number of workers: it binds, has them serve, and replaces them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ServerFactory

from cyclone.log import gen_log
from cyclone.util import WORKER_VARIABLE

from .child import CONTROL_FD, REPORT_FD, Worker
from .counted import begin_counting
from .errors import DeployError
from .handover import Binding, SharedEndpoint
from .interpreter import interpreter
from .plan import Plan, for_workers, listeners_for
from .processors import usable_processors
from .service import WebService
from .supervisor import Supervisor
from .systemd import Notifier
from .worker import Order
from .workerlog import log_forwarded

__all__ = ["WorkersService", "worker_count"]


def worker_count(text: str) -> int:
    """How many workers ``--workers`` asks for; ``auto`` is one for each processor we may use.

    Raises:
        ValueError: if it is neither ``auto`` nor a number from 0 (no workers) to 1024.
    """
    if text == "auto":
        return usable_processors()
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= number <= 1024:
        raise ValueError(f"{text!r} is no number of workers; it is auto, or a number up to 1024")
    return number


worker_count.coerceDoc = ""  # type: ignore[attr-defined]


class WorkersService(Service):
    """Worker processes that serve what a plan says, at places which this process holds.

    Starting binds the places; the workers follow when the reactor runs. Stopping closes the places
    and lets the workers finish.

    Args:
        order: for the workers, but for the number; its plan has the places.
        count: how many workers.
        notifier: tells the service manager.
        on_serving: called with the addresses when the first workers serve.
        on_failure: called with the error if none could be started.
        on_stopping: called when the service begins to stop.
    """

    def __init__(
        self,
        reactor: Any,
        order: Order,
        count: int,
        *,
        notifier: Notifier | None = None,
        on_serving: Callable[[list[str]], object] = lambda urls: None,
        on_failure: Callable[[DeployError], object] = lambda error: None,
        on_stopping: Callable[[], object] = lambda: None,
    ) -> None:
        self._reactor = reactor
        self._order = dataclasses.replace(order, plan=for_workers(order.plan))
        self._notifier = notifier or Notifier()
        self._on_serving = on_serving
        self._on_failure = on_failure
        self._on_stopping = on_stopping
        self._count = count
        self._urls: list[str] = []
        self._serves = False
        self._binding = Binding(reactor)
        self._places = WebService(
            _shared(self._binding, order.plan), announce=False, on_listening=self._bound
        )
        self.supervisor = Supervisor(
            reactor,
            count,
            self._spawn,
            on_ready=self._ready,
            on_failed=self._failed,
            on_change=self._changed,
            on_log=lambda worker, event: log_forwarded(worker.number, event),
        )

    # -- starting

    def privilegedStartService(self) -> None:
        """Bind, before `twistd` gives up root.

        Raises:
            DeployError: if a place cannot be listened at, or cannot be shared.
        """
        super().privilegedStartService()  # type: ignore[no-untyped-call]
        self._places.privilegedStartService()

    def startService(self) -> None:
        """Bind, unless that is done, and start the workers as soon as the reactor runs."""
        super().startService()  # type: ignore[no-untyped-call]
        self._places.startService()
        self._reactor.callWhenRunning(self._start)

    def _start(self) -> None:
        noun = "worker" if self._count == 1 else "workers"
        gen_log.info("starting %d %s on %s", self._count, noun, " and ".join(self._urls))
        self._notifier.start_watchdog(self._reactor, self.supervisor.ping)
        try:
            begin_counting()
        except DeployError as error:
            self._failed(error)
            return
        self.supervisor.start()

    def _bound(self, urls: list[str]) -> None:
        self._urls = urls

    def _spawn(self, worker: Worker) -> None:
        order = dataclasses.replace(
            self._order, number=worker.number, sockets=len(self._binding.ports)
        )
        targets = [site.target for site in order.plan.sites]
        command = [*interpreter(), "-m", "cyclone", "worker", str(worker.number), *targets]
        own_output = order.forward_log
        descriptors: dict[int, int | str] = {
            0: 0,
            1: "r" if own_output else 1,
            2: "r" if own_output else 2,
            CONTROL_FD: "w",
            REPORT_FD: "r",
        }
        for offset, port in enumerate(self._binding.ports, REPORT_FD + 1):
            descriptors[offset] = port.socket.fileno()
        environment = {**os.environ, WORKER_VARIABLE: str(worker.number)}
        if self._count > 1:
            # Else uvloop's accepts all that wait in one go, and leaves nothing to the others.
            environment.setdefault("UV_TCP_SINGLE_ACCEPT", "1")
        self._reactor.spawnProcess(
            worker, command[0], command, env=environment, childFDs=descriptors
        )
        worker.write(order.to_line())

    # -- running

    def _ready(self) -> None:
        self._serves = True
        self._notifier.ready(self._status())
        self._on_serving(self._urls)

    def _changed(self) -> None:
        if self._serves and self.supervisor.rolling is None:
            self._notifier.status(self._status())
        else:
            self._notifier.advancing(self._status())

    def _status(self) -> str:
        return f"{self.supervisor.serving} of {self._count} workers serve"

    def _failed(self, error: DeployError) -> None:
        gen_log.critical("no worker could be started: %s", error)
        self._on_failure(error)

    def reload(self) -> None:
        """Replace the workers, one after the other: they load everything anew."""
        if self.supervisor.rolling is None:
            self._notifier.reloading("replacing the workers")
            self.supervisor.roll().addCallback(self._rolled)
        else:
            self.supervisor.roll()

    def _rolled(self, whole: bool) -> None:
        if self.running:
            old = "" if whole else "; the last reload has failed, see the log"
            self._notifier.ready(self._status() + old)

    # -- stopping

    def stopService(self) -> Deferred[None]:
        """Close the places and have the workers finish. Fires when they are gone."""
        super().stopService()  # type: ignore[no-untyped-call]
        self._on_stopping()
        self._notifier.stopping()
        closed: Deferred[None] = self._places.stopService()
        self.supervisor.stop()
        closed.addCallback(lambda _: self.supervisor.ended)
        closed.addCallback(lambda _: self._notifier.close())
        return closed

    def cut(self) -> None:
        """The workers are to end at once: stopping has taken long enough."""
        self.supervisor.stop()


class _Absent(ServerFactory):
    """Stands for an application, which only the workers have."""

    noisy = False


def _shared(binding: Binding, plan: Plan) -> list[Any]:
    listeners = listeners_for(binding, plan, [_Absent() for _ in plan.sites])
    return [
        dataclasses.replace(one, endpoint=SharedEndpoint(one.endpoint, binding, one.place))
        for one in listeners
    ]
