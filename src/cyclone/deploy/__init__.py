"""Running applications: ``twistd cyclone``, ``cyclone run``, and what both are made of.

`load_application` finds what a command line names, a `Listener` is a place to listen at, and
`WebService` is the Twisted service that listens, and stops without dropping a request. A program
that has its own ``twisted.application.service.Application`` uses them so::

    service = WebService([tcp_listener(reactor, 8888, "127.0.0.1", my_application)])
    service.setServiceParent(application)
"""

from __future__ import annotations

from .certificates import CertificateStore
from .errors import DeployError
from .foreground import RunOptions, run, serve
from .listeners import (
    Listener,
    adopted_listener,
    endpoint_listener,
    tcp_listener,
    tls_file_listener,
    tls_listener,
    unix_listener,
)
from .options import port_number, request_count
from .proxyprotocol import ProxyProtocolFactory
from .secure import behind_proxies, store_listener
from .service import WebService
from .target import load_application
from .tls import tls_options
from .tlsfiles import TLSFiles
from .unixsockets import Access, socket_mode, socket_owner
from .wanted import Secure, Wanted, access_of
from .watch import Watcher, loaded_sources
from .worker import run_worker
from .workers import worker_count

__all__ = [
    "Access",
    "CertificateStore",
    "DeployError",
    "Listener",
    "ProxyProtocolFactory",
    "RunOptions",
    "Secure",
    "TLSFiles",
    "Wanted",
    "Watcher",
    "WebService",
    "access_of",
    "adopted_listener",
    "behind_proxies",
    "endpoint_listener",
    "load_application",
    "loaded_sources",
    "port_number",
    "request_count",
    "run",
    "run_worker",
    "serve",
    "socket_mode",
    "socket_owner",
    "store_listener",
    "tcp_listener",
    "tls_file_listener",
    "tls_listener",
    "tls_options",
    "unix_listener",
    "worker_count",
]
