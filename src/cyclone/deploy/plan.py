"""What is to be served and where, as values: a command line says it, a worker is told it.

A `Plan` goes through JSON, from the supervisor to its workers. `listeners_for` makes of it what a
`WebService` listens with; in the supervisor, in a worker and in a single process it is the same
code, on different reactors (see `cyclone.deploy.handover`).
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Sequence
from typing import Any, Literal

from twisted.internet.interfaces import IStreamServerEndpoint

from cyclone.httputil import TrustedProxies

from .activation import InheritedSocket, chosen_socket, inherited_sockets
from .adoption import HANDED, AdoptedEndpoint, family_of
from .certificates import CertificateStore
from .errors import DeployError
from .listeners import (
    Listener,
    endpoint_listener,
    tcp_listener,
    tls_file_listener,
    unix_listener,
)
from .secure import ProxiedEndpoint, behind_proxies, store_listener
from .target import absolute_target
from .tls import Certificates, CertificateSource
from .tlsfiles import TLSFiles
from .unixsockets import ANYBODY, Access

__all__ = [
    "Place",
    "Plan",
    "Site",
    "absolute",
    "endpoint_place",
    "for_workers",
    "listeners_for",
    "systemd_places",
]


_SYSTEMD = re.compile(r"\bsystemd\\*:")


@dataclasses.dataclass(frozen=True, slots=True)
class Site:
    """An application, as a command line names it."""

    target: str
    appopts: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A place to listen at.

    Attributes:
        kind: ``tcp``: `port` of `where`, an address; ``unix``: the path `where`, for `access`;
            ``endpoint``: the description `where`; ``systemd``: descriptor `port`, named `where`.
        site: which of the plan's applications is served there.
        tls: the files of certificate and key, None for a place without TLS.
        files: in their place, certificates of several hosts, and who signs those of clients.
        proxies: whose connections begin with a header of the PROXY protocol.
    """

    kind: Literal["tcp", "unix", "endpoint", "systemd"]
    where: str
    port: int = 0
    site: int = 0
    access: Access = ANYBODY
    tls: tuple[str, str] | None = None
    files: TLSFiles | None = None
    proxies: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """Applications, and the places at which each is served."""

    sites: tuple[Site, ...]
    places: tuple[Place, ...]

    def to_json(self) -> str:
        """The plan as text."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """The plan of `to_json`."""
        found = json.loads(text)
        sites = tuple(Site(**site) for site in found["sites"])
        return cls(sites, tuple(_place(**place) for place in found["places"]))


def _place(
    access: dict[str, int],
    tls: list[str] | None,
    files: dict[str, Any] | None,
    proxies: list[str],
    **rest: Any,
) -> Place:
    return Place(
        access=Access(**access),
        tls=(tls[0], tls[1]) if tls else None,
        files=TLSFiles(**files) if files else None,
        proxies=tuple(proxies),
        **rest,
    )


def absolute(plan: Plan) -> Plan:
    """The plan for a process that is about to change its directory: applications and certificates
    are where they are now, while a UNIX socket belongs to the new one."""

    def place_of(place: Place) -> Place:
        tls = place.tls and (os.path.abspath(place.tls[0]), os.path.abspath(place.tls[1]))
        return dataclasses.replace(place, tls=tls, files=place.files and place.files.absolute())

    sites = (dataclasses.replace(site, target=absolute_target(site.target)) for site in plan.sites)
    return Plan(tuple(sites), tuple(map(place_of, plan.places)))


def for_workers(plan: Plan) -> Plan:
    """The plan as workers get it: who may use a socket has been settled when it was bound, and
    what systemd has opened is handed to them as all else.

    Raises:
        DeployError: if a description wraps one of systemd's sockets: it would look for that itself.
    """
    return dataclasses.replace(plan, places=tuple(map(_for_worker, plan.places)))


def _for_worker(place: Place) -> Place:
    if place.kind == "systemd":
        return dataclasses.replace(place, port=HANDED)
    if place.kind == "endpoint" and _SYSTEMD.search(place.where):
        raise DeployError(f"workers cannot share {place.where}: it wraps a socket of systemd")
    return dataclasses.replace(place, access=ANYBODY)


def endpoint_place(description: str) -> Place:
    """The place of an endpoint description.

    Raises:
        DeployError: it means a socket that systemd has not opened.
    """
    if not description.startswith("systemd:"):
        return Place("endpoint", description)
    try:
        one = chosen_socket(description, inherited_sockets())
    except ValueError as error:
        raise DeployError(f"bad endpoint {description!r}: {error}") from error
    return systemd_places([one])[0] if one else Place("endpoint", description)


def systemd_places(
    sockets: Sequence[InheritedSocket], tls: tuple[str, str] | None = None, secure: int = 0
) -> list[Place]:
    """A place for each socket that systemd has opened.

    With `tls`, certificate and key, those named ``https`` serve site number `secure` over TLS.

    Raises:
        DeployError: if there are none, or one is no socket to listen at.
    """
    if not sockets:
        raise DeployError(
            "systemd has handed over no sockets ($LISTEN_FDS): is there a .socket unit?"
        )
    places = []
    for one in sockets:
        try:
            family_of(one.descriptor)
        except ValueError as error:
            raise DeployError(f"socket {one.name!r} of systemd: {error}") from error
        over_tls = tls is not None and one.name == "https"
        places.append(
            Place(
                "systemd",
                one.name,
                port=one.descriptor,
                site=secure if over_tls else 0,
                tls=tls if over_tls else None,
            )
        )
    return places


def listeners_for(reactor: Any, plan: Plan, factories: Sequence[Any]) -> list[Listener]:
    """What a service listens with; `factories` are the applications, one for each site.

    Args:
        reactor: one of `cyclone.deploy.handover`.

    Raises:
        DeployError: if there is something wrong with a certificate or a description.
    """
    return [_listener(reactor, place, factories[place.site]) for place in plan.places]


def _listener(reactor: Any, place: Place, factory: Any) -> Listener:
    proxies = TrustedProxies(place.proxies) if place.proxies else None
    if place.kind == "systemd":
        return _systemd_listener(reactor, place, factory, proxies)
    if place.tls is not None:
        if place.files is None and proxies is None:
            return tls_file_listener(reactor, place.port, place.where, *place.tls, factory)
        store = CertificateStore(place.files or TLSFiles(*place.tls))
        return store_listener(reactor, place.port, place.where, store, factory, proxies)
    match place.kind:
        case "tcp":
            plain = tcp_listener(reactor, place.port, place.where, factory)
        case "unix":
            plain = unix_listener(reactor, place.where, factory, place.access)
        case "endpoint":
            plain = endpoint_listener(reactor, place.where, factory)
    return behind_proxies(reactor, plain, proxies)


def _systemd_listener(
    reactor: Any, place: Place, factory: Any, proxies: TrustedProxies | None
) -> Listener:
    certificates: CertificateSource | None = None
    if place.files is not None:
        certificates = CertificateStore(place.files)
    elif place.tls is not None:
        certificates = Certificates(*place.tls)
    endpoint: IStreamServerEndpoint
    if proxies is None:
        endpoint = AdoptedEndpoint(reactor, place.port, certificates)
    else:
        plain = AdoptedEndpoint(reactor, place.port)
        endpoint = ProxiedEndpoint(plain, proxies, reactor, certificates)
    scheme = "https" if certificates else "http"
    return Listener(endpoint, factory, f"socket {place.where!r} of systemd", scheme, certificates)
