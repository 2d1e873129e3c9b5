"""``cyclone run``: a server in the foreground, for a developer or a container."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from twisted.application.reactors import NoSuchReactor, installReactor
from twisted.internet.error import ReactorNotRunning
from twisted.logger import globalLogBeginner

from .console import begin_console
from .errors import DeployError
from .listeners import Listener, adopted_listener, bound_socket, tcp_listener
from .reload import REPORT_FD, SOCKET_FD, Reporter, Server, Supervisor
from .service import WebService
from .target import load_application, project_directory
from .watch import Watcher

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
class RunOptions:
    """What to serve and where.

    Attributes:
        target: what `load_application` understands.
        appopts: the argument for the application's maker.
        reload: start anew when a file changes.
        log_format: of what is logged: ``text``, or ``json`` for lines of JSON.
        reactor: the short name of a Twisted reactor, None for that on uvloop where there is one,
            else Twisted's default.
        supervisor: the family of the socket and the process id of the supervisor that started
            this process; None if there is no supervisor.
    """

    target: str
    port: int = 8888
    host: str = "127.0.0.1"
    appopts: str | None = None
    reload: bool = False
    log_format: str = "text"
    reactor: str | None = None
    supervisor: tuple[int, int] | None = None


def run(options: RunOptions) -> int:
    """Serve until a signal comes, and return the exit status.

    Begins logging to standard output.

    Raises:
        DeployError: if the application cannot be loaded, or the port not be listened at.
    """
    begin_console(sys.stdout, options.log_format)
    if options.reload:
        return _run_with_reload(options)
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
    return _serve(running, tcp_listener(running, port, host, factory))


def default_reactor() -> str | None:
    """The reactor to use if nobody says which; None to leave it to Twisted, or as it is."""
    if "twisted.internet.reactor" in sys.modules or importlib.util.find_spec("uvloop") is None:
        return None
    return "uvloop"


def install_reactor(name: str) -> None:
    """Make the reactor of this short name the one of this process.

    Raises:
        DeployError: if there is none, or it does not work here.
    """
    try:
        installReactor(name)
    except NoSuchReactor:
        raise DeployError(f"there is no reactor {name!r}; see twistd --help-reactors") from None
    except Exception as error:
        raise DeployError(f"the reactor {name!r} cannot be used here: {error}") from error


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

    application = load_application(options.target, options.appopts)
    listener = tcp_listener(reactor, options.port, options.host, application)
    return _serve(reactor, listener)


def _serve(reactor: Any, listener: Listener, reporter: Reporter | None = None) -> int:
    service = WebService([listener], on_listening=_say_where)
    ignore = () if reporter is None else (signal.SIGINT,)
    signals = Signals(reactor, lambda: _stop(reactor), reactor.crash, ignore)
    reactor.callWhenRunning(signals.install)
    if reporter is not None:
        reactor.callWhenRunning(reporter.start, reactor)
    service.privilegedStartService()
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()
    return signals.received and 128 + signals.received


def _stop(reactor: Any) -> None:
    with contextlib.suppress(ReactorNotRunning):  # the application may have stopped it
        reactor.stop()


def _say_where(urls: list[str]) -> None:
    print(f"Listening on {' and '.join(urls)} (Ctrl-C stops)", flush=True)


# -- with a supervisor -----------------------------------------------------------------------------


def _run_supervised(options: RunOptions, family: int, supervisor: int) -> int:
    """Serve on the socket that a supervisor handed over."""
    from twisted.internet import reactor

    # Ctrl-C goes to both processes; what it means is for the supervisor to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reporter = Reporter(REPORT_FD, supervisor, lambda: _stop(reactor))
    try:
        application = load_application(options.target, options.appopts)
    except DeployError:
        reporter.report()
        raise
    listener = adopted_listener(reactor, SOCKET_FD, family, application)
    return _serve(reactor, listener, reporter)


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
        supervisor.ended.addCallback(lambda _: _stop(reactor))
        signals = Signals(reactor, supervisor.stop, supervisor.stop)
        reactor.callWhenRunning(signals.install)
        reactor.callWhenRunning(supervisor.start)
        reactor.run()
        return status[0] if status else 0


def server_command(options: RunOptions, family: int) -> list[str]:
    """The command line of a server process: this interpreter, with its switches."""
    switches = ["-" + "O" * sys.flags.optimize] if sys.flags.optimize else []
    switches += [f"-W{option}" for option in sys.warnoptions]
    command = [sys.executable, *switches, "-m", "cyclone", "run", options.target]
    command.append(f"--supervised={family}:{os.getpid()}")
    if options.appopts:
        command.append(f"--appopts={options.appopts}")
    if options.log_format != "text":
        command.append(f"--log-format={options.log_format}")
    if options.reactor:
        command.append(f"--reactor={options.reactor}")
    return command
