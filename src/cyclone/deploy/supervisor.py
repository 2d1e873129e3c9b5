"""The supervisor of workers: it starts them, and puts new ones in the place of those that go.

A worker is a process that accepts connections from sockets which the supervisor holds. All share
one queue of connections for each socket, so that none is lost with a worker that has not accepted
it, and a busy worker leaves its share to idle ones. (With ``SO_REUSEPORT`` each has a queue of its
own: fairer among idle workers, but what waits in the queue of one that ends is reset.)

    STARTING --"ready"--> SERVING --asked to retire or stop--> LEAVING --> gone
       any   --killed, crashed-----------------------------------------> gone

Each worker has a place, numbered from 1. A worker that is replaced serves until the one that takes
its place is ready. One is replaced at a time: so it is when all are rolled, and when a worker has
served as many requests as it should.

Messages between the two are lines of JSON, objects with a ``type``; who does not know a type
passes over it. From the supervisor: ``retire`` (finish, your successor serves), ``stop`` (finish),
``cut`` (at once), ``ping``. From a worker: ``ready``, ``failed``, ``full`` (it has served its
share), ``asked`` (somebody else has told it to end), ``log``, ``pong``.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from cyclone.log import gen_log

from .child import State, Worker
from .errors import DeployError

__all__ = ["Supervisor"]


class _Slot:
    """A place for a worker."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.worker: Worker | None = None
        self.successor: Worker | None = None
        self.failures = 0
        self.retry: IDelayedCall | None = None

    def holds(self, worker: Worker) -> bool:
        return worker is self.worker or worker is self.successor


class Supervisor:
    """Keeps a number of workers running.

    A worker that ends is started anew: at once if it had served for `STABLE` seconds, else after a
    time that doubles with each failure, up to `MAX_DELAY`.

    Args:
        clock: source of time and delayed calls.
        count: how many workers.
        spawn: starts a process that speaks to the given `Worker`.
        on_ready: called once, when the first workers have started and at least one serves.
        on_failed: called, in place of `on_ready`, with the error if none could be started.
        on_change: called when a worker has come or gone.
        on_log: called with each `Worker` and the log event that it has sent.

    Attributes:
        ended: fires when the last worker is gone after `stop`.
        rolling: a roll is under way.
    """

    STABLE = 10.0
    FIRST_DELAY = 0.25
    MAX_DELAY = 30.0
    #: A worker that is not ready by then is taken for one that hangs.
    START_TIMEOUT = 300.0
    #: What a worker gets beyond the time it gives its requests.
    MARGIN = 10.0
    KILL = 2.0

    def __init__(
        self,
        clock: Any,
        count: int,
        spawn: Callable[[Worker], object],
        *,
        on_ready: Callable[[], object],
        on_failed: Callable[[DeployError], object],
        on_change: Callable[[], object] = lambda: None,
        on_log: Callable[[Worker, Mapping[str, Any]], object] = lambda worker, event: None,
    ) -> None:
        self.ended: Deferred[None] = Deferred()
        self.rolling: Deferred[bool] | None = None
        self.seconds: Callable[[], float] = clock.seconds
        self.later: Callable[..., IDelayedCall] = clock.callLater
        self._spawn = spawn
        self._on_ready = on_ready
        self._on_failed = on_failed
        self._on_change = on_change
        self._on_log = on_log
        self._slots = [_Slot(number) for number in range(1, count + 1)]
        self._leaving: set[Worker] = set()
        self._queue: list[_Slot] = []  # places whose workers are to be replaced
        self._replacing: _Slot | None = None
        self._rolls: set[_Slot] = set()  # whose turn in the roll under way is to come
        self._roll_again = False
        self._up = False
        self._errors: dict[_Slot, str] = {}  # why first workers did not start
        self._stop_requests = 0

    # -- what it has

    @property
    def serving(self) -> int:
        """How many workers serve."""
        return sum(
            slot.worker is not None and slot.worker.state is State.SERVING for slot in self._slots
        )

    @property
    def workers(self) -> list[Worker]:
        """All that run: those that start, serve and leave."""
        placed = [worker for slot in self._slots for worker in (slot.worker, slot.successor)]
        return [*(worker for worker in placed if worker is not None), *self._leaving]

    # -- what it is told

    def start(self) -> None:
        """Start the workers."""
        for slot in self._slots:
            if not self._stop_requests:
                slot.worker = self._launch(slot)

    def roll(self) -> Deferred[bool]:
        """Replace all workers, one after the other.

        A worker that cannot be started ends the roll; the old ones go on. When one is under way
        already, another follows.

        Returns:
            a Deferred that fires when it is over, with whether all were replaced.
        """
        if self.rolling is not None:
            self._roll_again = True
            return self.rolling
        rolling: Deferred[bool] = Deferred()
        self.rolling = rolling
        self._begin_roll()
        return rolling

    def stop(self) -> None:
        """Have the workers finish, then fire `ended`. A second call means: at once."""
        self._stop_requests += 1
        self._queue.clear()
        self._end_roll(False)
        for slot in self._slots:
            self._forget(slot.retry)
        for worker in self.workers:
            if self._stop_requests > 1:
                worker.tell("cut")
                self._time(worker, self.KILL, self._kill, worker)
            elif worker.state is State.STARTING:
                # The one is for a worker that has got ready by now, the other ends it at once.
                worker.tell("stop")
                worker.send(signal.SIGTERM)
                self._time(worker, worker.patience + self.MARGIN, self._kill, worker)
            else:
                self._dismiss(worker, "stop")
        self._check_ended()

    def ping(self, timeout: float) -> None:
        """Ask the workers whether they are awake; kill those that have not answered in time."""
        for slot in self._slots:
            worker = slot.worker
            if worker is None or worker.state is not State.SERVING:
                continue
            if worker.pinged is None:
                worker.pinged = self.seconds()
                worker.tell("ping")
            elif self.seconds() - worker.pinged >= timeout:
                gen_log.error(
                    "worker %d (process %s) has not answered for %.0f s and is killed",
                    *(worker.number, worker.pid, timeout),
                )
                worker.send(signal.SIGKILL)

    # -- what workers say

    def heard(self, worker: Worker, message: Mapping[str, Any]) -> None:
        """Take a message of `worker`."""
        match message.get("type"):
            case "ready":
                worker.patience = float(message.get("patience", worker.patience))
                self._ready(worker)
            case "failed":
                worker.error = str(message.get("error", ""))
            case "full":
                self._due(worker, "has served its share")
            case "asked":
                self._due(worker, "has been asked to end")
            case "pong":
                worker.pinged = None
            case "log":
                self._on_log(worker, message)

    def printed(self, worker: Worker, line: str) -> None:
        """Take a line that `worker` has printed past its log."""
        event = {"level": "info", "namespace": "cyclone.worker", "text": line}
        self._on_log(worker, event)

    def _ready(self, worker: Worker) -> None:
        slot = self._slot_of(worker)
        if slot is None or worker.state is not State.STARTING:
            return
        worker.state = State.SERVING
        worker.since = self.seconds()
        self._forget(worker.timer)
        gen_log.info("worker %d serves (process %s)", worker.number, worker.pid)
        if worker is slot.successor:
            old, slot.worker, slot.successor = slot.worker, worker, None
            if old is not None:
                self._dismiss(old, "retire")
            self._replaced()
        self._check_up()
        self._on_change()

    def _due(self, worker: Worker, why: str) -> None:
        """`worker` is to be replaced."""
        slot = self._slot_of(worker)
        if slot is None or worker is not slot.worker or self._stop_requests:
            return
        worker.due = True
        if slot.successor is None and slot not in self._queue:
            gen_log.info("worker %d %s and is replaced", worker.number, why)
            self._queue.append(slot)
            self._replace_next()

    def gone(self, worker: Worker, status: int) -> None:
        """`worker` has ended; status -N is signal N."""
        self._forget(worker.timer)
        if worker in self._leaving:
            self._leaving.discard(worker)
            gen_log.info("worker %d has finished (process %s)", worker.number, worker.pid)
        else:
            slot = self._slot_of(worker)
            if slot is not None:
                self._lost(slot, worker, status)
        self._on_change()
        self._check_ended()

    # -- inside

    def _slot_of(self, worker: Worker) -> _Slot | None:
        slot = self._slots[worker.number - 1]
        return slot if slot.holds(worker) else None

    def _launch(self, slot: _Slot) -> Worker:
        worker = Worker(slot.number, self)
        worker.timer = self.later(self.START_TIMEOUT, self._overdue, worker)
        try:
            self._spawn(worker)
        except OSError as error:
            worker.error = f"its process cannot be started: {error}"
            self.later(0, self.gone, worker, 1)
        return worker

    def _overdue(self, worker: Worker) -> None:
        worker.error = worker.error or f"it was not ready within {self.START_TIMEOUT:.0f} s"
        worker.send(signal.SIGKILL)

    def _lost(self, slot: _Slot, worker: Worker, status: int) -> None:
        """A worker has ended that nobody asked to."""
        started = worker.state is not State.STARTING
        successor = worker is slot.successor
        if successor:
            slot.successor = None
        else:
            slot.worker = None
        if self._stop_requests:
            return
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        if started:
            gen_log.error("worker %d (process %s) %s", slot.number, worker.pid, how)
        else:
            worker.error = worker.error or f"a worker {how} before it was ready"
            if self._up or successor:
                gen_log.error("worker %d could not be started: %s", slot.number, worker.error)
        if started and self.seconds() - worker.since >= self.STABLE:
            slot.failures = 0
        else:
            slot.failures += 1
        if successor:
            self._not_replaced(slot)
        elif not self._up:
            self._check_failed(slot, worker.error or f"worker {slot.number} {how}")
        if self._up and slot.worker is None and slot.successor is None:
            self._restart_later(slot)

    def _restart_later(self, slot: _Slot) -> None:
        self._forget(slot.retry)
        delay = 0.0
        if slot.failures:
            delay = min(self.MAX_DELAY, self.FIRST_DELAY * 2.0 ** min(slot.failures - 1, 20))
            gen_log.info("worker %d is started again in %.2f s", slot.number, delay)
        slot.retry = self.later(delay, self._restart, slot)

    def _restart(self, slot: _Slot) -> None:
        slot.retry = None
        if slot.worker is None and slot.successor is None:
            slot.worker = self._launch(slot)

    # -- starting up

    def _check_up(self) -> None:
        """See whether the first workers have all started, or failed to."""
        if self._up or self._stop_requests:
            return
        states = [slot.worker.state if slot.worker else None for slot in self._slots]
        if State.SERVING in states and State.STARTING not in states:
            self._up = True
            for slot in self._slots:
                if slot.worker is None and slot.successor is None:
                    error = self._errors.get(slot, "it has ended")
                    gen_log.error("worker %d could not be started: %s", slot.number, error)
                    self._restart_later(slot)
            self._on_ready()

    def _check_failed(self, failed: _Slot, error: str) -> None:
        self._errors[failed] = error
        if any(slot.worker or slot.successor for slot in self._slots):
            self._check_up()
            return
        self.stop()
        self._on_failed(DeployError(error))

    # -- replacing

    def _begin_roll(self) -> None:
        gen_log.info("replacing %d worker(s), one after the other", len(self._slots))
        self._rolls = set(self._slots)
        self._queue = list(self._slots)
        self._replace_next()

    def _replace_next(self) -> None:
        if self._replacing is not None or not self._queue or self._stop_requests:
            return
        slot = self._replacing = self._queue.pop(0)
        self._rolls.discard(slot)
        self._forget(slot.retry)
        slot.retry = None
        slot.successor = self._launch(slot)

    def _replaced(self) -> None:
        """A successor is in its place."""
        self._replacing = None
        if self.rolling is not None and not self._rolls:
            if self._roll_again:
                self._roll_again = False
                self._begin_roll()
                return
            gen_log.info("all workers have been replaced")
            self._end_roll(True)
        self._replace_next()

    def _not_replaced(self, slot: _Slot) -> None:
        """A successor could not be started: the roll ends, and what serves goes on serving."""
        self._replacing = None
        if self.rolling is not None:
            self._queue.clear()
            left = len(self._rolls) + 1
            gen_log.error("the roll has stopped: %d worker(s) have not been replaced", left)
            self._end_roll(False)
        for each in self._slots:
            if each.worker is not None and each.worker.due and each not in self._queue:
                self._forget(each.retry)
                delay = min(self.MAX_DELAY, self.FIRST_DELAY * 2.0 ** min(slot.failures, 20))
                each.retry = self.later(delay, self._try_again, each)
        self._replace_next()

    def _try_again(self, slot: _Slot) -> None:
        slot.retry = None
        if slot.worker is not None:
            self._due(slot.worker, "is still there")

    def _end_roll(self, whole: bool) -> None:
        rolling, self.rolling = self.rolling, None
        self._rolls = set()
        self._roll_again = False
        if rolling is not None:
            rolling.callback(whole)

    # -- ending

    def _dismiss(self, worker: Worker, message: str) -> None:
        """Have a worker finish; it is killed if it takes longer than it may."""
        worker.tell(message)
        if worker.state is not State.LEAVING:
            worker.state = State.LEAVING
            slot = self._slots[worker.number - 1]
            if worker is slot.worker:
                slot.worker = None
            self._leaving.add(worker)
            self._time(worker, worker.patience + self.MARGIN, self._kill, worker)

    def _kill(self, worker: Worker) -> None:
        gen_log.error("worker %d (process %s) does not end: killed", worker.number, worker.pid)
        worker.send(signal.SIGKILL)

    def _time(
        self, worker: Worker, seconds: float, call: Callable[..., object], *args: Any
    ) -> None:
        self._forget(worker.timer)
        worker.timer = self.later(seconds, call, *args)

    def _forget(self, call: IDelayedCall | None) -> None:
        if call is not None and call.active():
            call.cancel()

    def _check_ended(self) -> None:
        if self._stop_requests and not self.workers and not self.ended.called:
            self.ended.callback(None)
