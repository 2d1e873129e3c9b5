"""``cyclone run``: a server in the foreground, for a developer or a container."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from twisted.logger import globalLogBeginner

from .console import begin_console
from .errors import DeployError
from .handover import Adopting
from .hangup import HangUp
from .interpreter import interpreter
from .listeners import Listener, adopted_listener, bound_socket, tcp_listener
from .plan import listeners_for
from .reactors import default_reactor, install_reactor, stop_reactor
from .reload import REPORT_FD, SOCKET_FD, Reporter, Server, Supervisor
from .service import WebService
from .systemd import Notifier
from .target import load_application, project_directory
from .wanted import Wanted
from .watch import Watcher
from .worker import Order
from .workers import WorkersService

__all__ = [
    "RunOptions",
    "Signals",
    "default_reactor",
    "install_reactor",
    "run",
    "serve",
    "server_command",
]


@dataclasses.dataclass(frozen=True, slots=True)
class RunOptions(Wanted):
    """What to serve and where (see `cyclone.deploy.Wanted`), and how.

    Attributes:
        reload: start anew when a file changes.
        log_format: of what is logged: ``text``, or ``json`` for lines of JSON.
        reactor: the short name of a Twisted reactor, None for that on uvloop where there is one,
            else Twisted's default.
        supervisor: the family of the socket and the process id of the supervisor that started
            this process; None if there is no supervisor.
        workers: how many processes serve; 0 for this one.
        max_requests: about how many requests a worker serves before it is replaced; 0 for any
            number.
    """

    reload: bool = False
    log_format: str = "text"
    reactor: str | None = None
    supervisor: tuple[int, int] | None = None
    workers: int = 0
    max_requests: int = 0


def run(options: RunOptions) -> int:
    """Serve until a signal comes, and return the exit status.

    Begins logging to standard output.

    Raises:
        DeployError: if the application cannot be loaded, or a place not be listened at.
    """
    begin_console(sys.stdout, log_format=options.log_format)
    if options.reload:
        _check_reload(options)
        return _run_with_reload(options)
    if options.workers:
        return _run_with_workers(options)
    name = options.reactor or default_reactor()
    if name is not None:
        install_reactor(name)
    if options.supervisor is not None:
        return _run_supervised(options, *options.supervisor)
    return _run_alone(options)


def serve(
    make_application: Callable[[Any], Any],
    *,
    port: int = 8888,
    host: str = "127.0.0.1",
    log: TextIO | None = None,
    reactor: str | None = None,
) -> int:
    """Serve an application of this program until a signal comes, and return the exit status.

    Args:
        make_application: makes the factory that serves; called with the reactor, once there is one.
        log: where to log to, None for nowhere.
        reactor: the short name of a Twisted reactor; see `RunOptions`.

    Raises:
        DeployError: the port cannot be listened at, or there is no such reactor.
    """
    if log is not None:
        begin_console(log)
    else:  # else Twisted keeps events for whoever begins later
        globalLogBeginner.beginLoggingTo([], redirectStandardIO=False)
    name = reactor or default_reactor()
    if name is not None:
        install_reactor(name)
    from twisted.internet import reactor as running

    factory = make_application(running)
    return _serve(running, [tcp_listener(running, port, host, factory)])


# -- in this process -------------------------------------------------------------------------------


class Signals:
    """SIGINT and SIGTERM stop: the first one gracefully, the second one at once.

    Attributes:
        received: the last signal that stopped us at once; 0 if none did.
    """

    def __init__(
        self,
        reactor: Any,
        stop: Callable[[], object],
        hasten: Callable[[], object],
        ignore: Sequence[int] = (),
    ) -> None:
        self._reactor = reactor
        self._stop = stop
        self._hasten = hasten
        self._ignore = ignore
        self._stopping = False
        self.received = 0

    def install(self) -> None:
        """Take the signals over from the reactor; call it when the reactor runs."""
        for number in (signal.SIGINT, signal.SIGTERM):
            action: Any = signal.SIG_IGN if number in self._ignore else self._on_signal
            signal.signal(number, action)

    def _on_signal(self, number: int, frame: object) -> None:
        self._reactor.callFromThread(self.act, number)

    def act(self, number: int) -> None:
        """Do what `number` asks for."""
        if self._stopping:
            self.received = number
            self._hasten()
        else:
            self._stopping = True
            self._stop()


def _run_alone(options: RunOptions) -> int:
    from twisted.internet import reactor

    plan = options.plan()
    factories = [load_application(site.target, site.appopts) for site in plan.sites]
    listeners = listeners_for(Adopting(reactor), plan, factories)
    return _serve(reactor, listeners, say=_words(options))


def _serve(
    reactor: Any,
    listeners: list[Listener],
    reporter: Reporter | None = None,
    say: Callable[[list[str]], None] | None = None,
) -> int:
    notifier = Notifier.from_environment()
    service = WebService(listeners, on_listening=say or _say_where, on_stopping=notifier.stopping)
    ignore = () if reporter is None else (signal.SIGINT,)
    signals = Signals(reactor, lambda: stop_reactor(reactor), reactor.crash, ignore)
    reactor.callWhenRunning(signals.install)
    if reporter is not None:
        reactor.callWhenRunning(reporter.start, reactor)
    service.privilegedStartService()
    service.startService()
    hang_up = HangUp(reactor, lambda: _reload(service, notifier), lambda: stop_reactor(reactor))
    reactor.callWhenRunning(hang_up.install)
    reactor.callWhenRunning(notifier.ready, "serving")
    reactor.callWhenRunning(notifier.start_watchdog, reactor)
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()
    notifier.close()
    return signals.received and 128 + signals.received


def _reload(service: WebService, notifier: Notifier) -> None:
    notifier.reloading("reading the certificates anew")
    service.reload()
    notifier.ready("serving")


def _say_where(urls: list[str]) -> None:
    print(f"Listening on {' and '.join(urls)} (Ctrl-C stops)", flush=True)


def _words(options: RunOptions) -> Callable[[list[str]], None]:
    """What says where we listen: for programs that read the log, that stands in there already."""
    return (lambda urls: None) if options.log_format == "json" else _say_where


# -- with a supervisor -----------------------------------------------------------------------------


def _run_supervised(options: RunOptions, family: int, supervisor: int) -> int:
    """Serve on the socket that a supervisor handed over."""
    from twisted.internet import reactor

    # Ctrl-C goes to both processes; what it means is for the supervisor to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reporter = Reporter(REPORT_FD, supervisor, lambda: stop_reactor(reactor))
    try:
        application = load_application(options.target, options.appopts)
    except DeployError:
        reporter.report()
        raise
    listener = adopted_listener(reactor, SOCKET_FD, family, application)
    return _serve(reactor, [listener], reporter, _words(options))


def _check_reload(options: RunOptions) -> None:
    if options.workers:
        raise DeployError("--reload and --workers do not go together: choose one")
    elsewhere = options.unix or options.endpoints or options.systemd or options.proxies
    if elsewhere or not options.target or options.secure.site:
        raise DeployError("--reload serves at a TCP port (--host, --port) only, without TLS")


def _run_with_reload(options: RunOptions) -> int:
    """Supervise a process that serves, and start it anew when a file changes."""
    from twisted.internet import reactor

    with bound_socket(options.host, options.port) as listening:
        child_fds: dict[int, int | str] = {
            0: 0,
            1: 1,
            2: 2,
            SOCKET_FD: listening.fileno(),
            REPORT_FD: "r",
        }
        command = server_command(options, int(listening.family))

        def start(server: Server) -> None:
            reactor.spawnProcess(server, command[0], command, env=None, childFDs=child_fds)

        supervisor = Supervisor(reactor, Watcher(project_directory(options.target)), start)
        status: list[int] = []
        supervisor.ended.addCallback(status.append)
        supervisor.ended.addCallback(lambda _: stop_reactor(reactor))
        signals = Signals(reactor, supervisor.stop, supervisor.stop)
        reactor.callWhenRunning(signals.install)
        reactor.callWhenRunning(supervisor.start)
        reactor.run()
        return status[0] if status else 0


def server_command(options: RunOptions, family: int) -> list[str]:
    """The command line of a server process: this interpreter, with its switches."""
    command = [*interpreter(), "-m", "cyclone", "run", options.target]
    command.append(f"--supervised={family}:{os.getpid()}")
    if options.appopts:
        command.append(f"--appopts={options.appopts}")
    if options.log_format != "text":
        command.append(f"--log-format={options.log_format}")
    if options.reactor:
        command.append(f"--reactor={options.reactor}")
    return command


# -- with workers ----------------------------------------------------------------------------------


def _run_with_workers(options: RunOptions) -> int:
    """Hold the sockets, and have other processes serve at them."""
    from twisted.internet import reactor

    order = Order(0, options.plan(), 0, options.reactor or "", options.max_requests)
    order = dataclasses.replace(order, log_format=options.log_format)
    errors: list[DeployError] = []

    def failed(error: DeployError) -> None:
        errors.append(error)
        stop_reactor(reactor)

    service = WorkersService(
        reactor,
        order,
        options.workers,
        notifier=Notifier.from_environment(),
        on_serving=_words(options),
        on_failure=failed,
    )
    signals = Signals(reactor, lambda: stop_reactor(reactor), service.cut)
    hang_up = HangUp(reactor, service.reload, lambda: stop_reactor(reactor))
    service.privilegedStartService()
    reactor.callWhenRunning(signals.install)
    reactor.callWhenRunning(hang_up.install)
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()
    if errors:
        raise errors[0]
    return signals.received and 128 + signals.received
