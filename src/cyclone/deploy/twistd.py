"""What ``twistd cyclone`` runs: the service for its options."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from twisted.application.service import Service

from .activation import inherited_sockets
from .certificates import TLSFiles
from .errors import DeployError
from .handover import Adopting
from .hangup import HangUp
from .logfile import give_log_away
from .options import Options
from .plan import Place, Plan, Site, absolute, endpoint_place, listeners_for, systemd_places
from .proxyprotocol import trusted_proxies
from .reactors import stop_reactor
from .service import WebService
from .systemd import Notifier
from .target import load_application
from .unixsockets import Access
from .worker import Order
from .workers import WorkersService

__all__ = ["Failing", "Options", "makeService"]


def makeService(options: Options) -> Service:
    """The service that listens where the options say, for what they say.

    Without workers the applications are made now; the places are opened when the service starts.

    Raises:
        DeployError: if there is nothing to serve, or it cannot be loaded.
    """
    from twisted.internet import reactor

    plan = behind(options["proxy-protocol"], Plan(*_sites_and_places(options)))
    if not plan.places:
        raise DeployError("nothing to run: name an application with --app, or a file (see --help)")
    if _twistd_options(options).get("rundir", ".") != ".":
        plan = absolute(plan)
    if options["workers"]:
        return _workers(reactor, options, plan)
    if options["max-requests"]:
        raise DeployError("--max-requests is for --workers")
    factories = [load_application(site.target, site.appopts) for site in plan.sites]
    notifier = Notifier.from_environment()

    def stopping() -> None:
        notifier.stopping()
        _cut_on_signal(reactor, service)

    service = _SingleService(
        listeners_for(Adopting(reactor), plan, factories),
        on_failure=Failing(reactor),
        on_stopping=stopping,
    )
    service.reactor = reactor
    service.notifier = notifier
    service.give_log = partial(give_log_away, _twistd_options(options), os.getcwd())
    return service


def _workers(reactor: Any, options: Options, plan: Plan) -> WorkersService:
    parent = _twistd_options(options)
    if parent.get("chroot"):
        raise DeployError("--workers needs the interpreter, which --chroot leaves behind")
    name = parent.get("reactor") or "default"
    order = Order(
        *(0, plan, 0, name, options["max-requests"]), forward_log=True, directory=os.getcwd()
    )
    service = _ManyService(
        reactor,
        order,
        options["workers"],
        notifier=Notifier.from_environment(),
        on_failure=Failing(reactor),
        on_stopping=lambda: _cut_on_signal(reactor, service),
    )
    service.reactor = reactor
    service.give_log = partial(give_log_away, parent, os.getcwd())
    return service


def _twistd_options(options: Options) -> Any:
    """Those before the word ``cyclone``."""
    return getattr(options, "parent", None) or {}


class _UnderTwistd(Service):
    """What ``twistd`` runs; the log goes over to the user who is to write to it."""

    give_log: Callable[[], object]

    def privilegedStartService(self) -> None:
        """Begin while we are root, if we are."""
        self.give_log()
        super().privilegedStartService()  # type: ignore[no-untyped-call]


class _SingleService(_UnderTwistd, WebService):
    """This process serves."""

    reactor: Any
    notifier: Notifier

    def startService(self) -> None:
        super().startService()
        self.reactor.callWhenRunning(self._running)

    def _running(self) -> None:
        HangUp(self.reactor, self._reload_all, partial(stop_reactor, self.reactor)).install()
        self.notifier.ready("serving")
        self.notifier.start_watchdog(self.reactor)
        self.reactor.addSystemEventTrigger("after", "shutdown", self.notifier.close)

    def _reload_all(self) -> None:
        self.notifier.reloading("reading the certificates anew")
        self.reload()
        self.notifier.ready("serving")


class _ManyService(_UnderTwistd, WorkersService):
    """Workers serve."""

    reactor: Any

    def startService(self) -> None:
        super().startService()
        hang_up = HangUp(self.reactor, self.reload, partial(stop_reactor, self.reactor))
        self.reactor.callWhenRunning(hang_up.install)


class Failing:
    """Ends a program that cannot serve, with the exit status 1.

    ``twistd`` itself ends with 0 when its reactor is stopped, whatever the reason.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._failed = False
        # Registered before most others, so that it is called after them.
        atexit.register(self.exit)

    def __call__(self, error: DeployError) -> None:
        self._failed = True
        stop_reactor(self._reactor)

    def exit(self) -> None:
        """End the process, if it has failed."""
        if self._failed:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(1)


def _cut_on_signal(reactor: Any, service: WebService | WorkersService) -> None:
    """While the last requests are finished, a further signal ends them.

    Twisted's own handlers would ask the reactor to stop once more, which it answers with an error.
    """

    def cut(number: int, frame: object) -> None:
        reactor.callFromThread(service.cut)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, cut)


def _sites_and_places(options: Options) -> tuple[tuple[Site, ...], tuple[Place, ...]]:
    sites: list[Site] = []
    places: list[Place] = []
    elsewhere = options["unix"] or options["endpoints"] or options["systemd"]
    for name in ("unix-mode", "unix-owner"):
        if options[name] is not None and not options["unix"]:
            raise DeployError(f"--{name} is for --unix")
    if options["app"]:
        sites.append(Site(options["app"], options["appopts"]))
        places.extend(_plain_places(options))
        if not elsewhere:
            places.append(Place("tcp", options["listen"], port=options["port"]))
    elif options["unix"] or options["endpoints"]:
        raise DeployError("--unix and --listen-endpoint need an --app to serve")
    tls, files = None, tls_files(options)
    if files is not None and not options["ssl-app"]:
        raise DeployError("--ssl-certs and --ssl-client-ca need an --ssl-app to serve")
    if options["ssl-app"]:
        tls = (options["ssl-cert"], options["ssl-key"])
        sites.append(Site(options["ssl-app"], options["ssl-appopts"]))
    if options["systemd"] and sites:
        found = systemd_places(inherited_sockets(), tls, len(sites) - 1)
        if not options["app"] and any(place.tls is None for place in found):
            raise DeployError("with --ssl-app alone the sockets of systemd must be named https")
        places.extend(found)
    if tls and not any(place.tls for place in places):
        secure = Place("tcp", options["ssl-listen"], options["ssl-port"], len(sites) - 1, tls=tls)
        places.append(secure)
    if files is not None:
        places = [replace(place, files=files) if place.tls else place for place in places]
    return tuple(sites), tuple(places)


def behind(proxies: str | None, plan: Plan) -> Plan:
    """`plan`, with places whose peers are these proxies (``--proxy-protocol``).

    Raises:
        DeployError: they are none.
    """
    if proxies is None:
        return plan
    trusted_proxies(proxies)
    names = tuple(name.strip() for name in proxies.split(",") if name.strip())
    return Plan(plan.sites, tuple(replace(place, proxies=names) for place in plan.places))


def _plain_places(options: Options) -> Iterator[Place]:
    if options["unix"]:
        mode, owner = options["unix-mode"], options["unix-owner"]
        access = Access(*(() if mode is None else (mode,)))
        if owner is not None:
            access = Access(access.mode, *owner)
        yield Place("unix", options["unix"], access=access)
    for description in options["endpoints"]:
        yield endpoint_place(description)


def tls_files(options: Options) -> TLSFiles | None:
    """What the options say beyond one certificate and its key; None if they say no more.

    With a directory, ``--ssl-cert`` and ``--ssl-key`` are the default certificate if given.
    """
    directory, authorities = options["ssl-certs"], options["ssl-client-ca"]
    clients = options["ssl-client-certs"]
    if directory is None and authorities is None and clients is None:
        return None
    if clients is None:
        clients = "none" if authorities is None else "required"
    certificate, key = options["ssl-cert"], options["ssl-key"]
    if directory is not None and (certificate, key) == ("server.crt", "server.key"):
        certificate = key = None
    return TLSFiles(certificate, key, directory, authorities, clients)
