"""What ``twistd cyclone`` runs: the service for its options."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import Any

from cyclone.httputil import TrustedProxies

from .certificates import CertificateStore, TLSFiles
from .errors import DeployError
from .listeners import (
    Listener,
    endpoint_listener,
    tcp_listener,
    tls_file_listener,
    unix_listener,
)
from .options import Options
from .proxyprotocol import trusted_proxies
from .secure import behind_proxies, store_listener
from .service import WebService
from .target import load_application

__all__ = ["Options", "makeService"]


def makeService(options: Options) -> WebService:
    """The service that listens where the options say, for what they say.

    The applications are made now; the places are opened when the service starts.

    Raises:
        DeployError: if there is nothing to serve, or it cannot be loaded.
    """
    from twisted.internet import reactor

    proxies = None
    if options["proxy-protocol"] is not None:
        proxies = trusted_proxies(options["proxy-protocol"])
    plain = [behind_proxies(reactor, one, proxies) for one in _http(reactor, options)]
    listeners = [*plain, *_https(reactor, options, proxies)]
    if not listeners:
        raise DeployError("nothing to run: name an application with --app, or a file (see --help)")
    service = WebService(
        listeners,
        on_failure=lambda error: reactor.stop(),
        on_stopping=lambda: _cut_on_signal(reactor, service),
    )
    return service


def _cut_on_signal(reactor: Any, service: WebService) -> None:
    """While the last requests are finished, a further signal ends them.

    Twisted's own handlers would ask the reactor to stop once more, which it answers with an error.
    """

    def cut(number: int, frame: object) -> None:
        reactor.callFromThread(service.cut)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, cut)


def _http(reactor: Any, options: Options) -> Iterator[Listener]:
    if not options["app"]:
        if options["unix"] or options["endpoints"]:
            raise DeployError("--unix and --listen-endpoint need an --app to serve")
        return
    application = load_application(options["app"], options["appopts"])
    if options["unix"]:
        yield unix_listener(reactor, options["unix"], application)
    for description in options["endpoints"]:
        yield endpoint_listener(reactor, description, application)
    if not options["unix"] and not options["endpoints"]:
        yield tcp_listener(reactor, options["port"], options["listen"], application)


def _https(reactor: Any, options: Options, proxies: TrustedProxies | None) -> Iterator[Listener]:
    files = tls_files(options)
    if not options["ssl-app"]:
        if files is not None:
            raise DeployError("--ssl-certs and --ssl-client-ca need an --ssl-app to serve")
        return
    application = load_application(options["ssl-app"], options["ssl-appopts"])
    if files is not None or proxies is not None:
        files = files or TLSFiles(options["ssl-cert"], options["ssl-key"])
        place = options["ssl-port"], options["ssl-listen"]
        yield store_listener(reactor, *place, CertificateStore(files), application, proxies)
        return
    yield tls_file_listener(
        reactor,
        options["ssl-port"],
        options["ssl-listen"],
        options["ssl-cert"],
        options["ssl-key"],
        application,
    )


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
