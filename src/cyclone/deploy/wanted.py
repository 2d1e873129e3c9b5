"""What a command line asks for, and its `Plan`: for ``twistd cyclone`` and ``cyclone run``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from .activation import inherited_sockets
from .errors import DeployError
from .plan import Place, Plan, Site, endpoint_place, systemd_places
from .proxyprotocol import trusted_proxies
from .tlsfiles import TLSFiles
from .unixsockets import ANYBODY, Access

__all__ = ["Secure", "Wanted", "access_of"]

_CERTIFICATE, _KEY = "server.crt", "server.key"


@dataclasses.dataclass(frozen=True, slots=True)
class Secure:
    """What is served over TLS, where, and with which certificates: the options ``--ssl-...``.

    Attributes:
        app: what `load_application` understands; None for nothing.
        appopts: the argument for the application's maker.
        port, host: where; None for 8443 and 127.0.0.1.
        certificate, key: PEM files; None for ``server.crt`` and ``server.key``.  Beside a
            `directory` they are the default, and None is for what is called so in there.
        directory: see `TLSFiles`.
        client_ca: who signs certificates of clients, which have to have one then.
        client_certificates: whether they have to: ``none``, ``optional`` or ``required``.
    """

    app: str | None = None
    appopts: str | None = None
    port: int | None = None
    host: str | None = None
    certificate: str | None = None
    key: str | None = None
    directory: str | None = None
    client_ca: str | None = None
    client_certificates: str | None = None

    @property
    def site(self) -> Site | None:
        """The application.

        Raises:
            DeployError: if there is none, and something is said about it.
        """
        if self.app is not None:
            return Site(self.app, self.appopts)
        for field, option in _OPTIONS.items():
            if getattr(self, field) is not None:
                raise DeployError(f"--{option} needs an --ssl-app to serve")
        return None

    @property
    def pair(self) -> tuple[str, str]:
        """The files of certificate and key."""
        return self.certificate or _CERTIFICATE, self.key or _KEY

    @property
    def files(self) -> TLSFiles | None:
        """What is said beyond one certificate and its key; None if that is nothing."""
        clients = self.client_certificates
        if self.directory is None and self.client_ca is None and clients is None:
            return None
        if clients is None:
            clients = "none" if self.client_ca is None else "required"
        certificate: str | None
        key: str | None
        certificate, key = self.pair
        if self.directory is not None and self.certificate is None and self.key is None:
            certificate = key = None
        return TLSFiles(certificate, key, self.directory, self.client_ca, clients)


#: The options whose value makes sense with an application only.
_OPTIONS = {
    "appopts": "ssl-appopts",
    "port": "ssl-port",
    "host": "ssl-listen",
    "certificate": "ssl-cert",
    "key": "ssl-key",
    "directory": "ssl-certs",
    "client_ca": "ssl-client-ca",
    "client_certificates": "ssl-client-certs",
}


def access_of(path: str | None, mode: int | None, owner: tuple[int, int] | None) -> Access:
    """Who may use the unix socket `path`, from ``--unix-mode`` and ``--unix-owner``.

    Raises:
        DeployError: if there is no such socket.
    """
    for name, value in (("unix-mode", mode), ("unix-owner", owner)):
        if value is not None and not path:
            raise DeployError(f"--{name} is for --unix")
    return Access(ANYBODY.mode if mode is None else mode, *(owner or ()))


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """Which applications to serve, and where.

    Attributes:
        target: what `load_application` understands; "" for no application but that over TLS.
        port, host: where it is served, if nowhere else.
        appopts: the argument for the application's maker.
        unix: the path of a unix socket to listen at in place of the port.
        access: who may connect to that.
        endpoints: descriptions of endpoints to listen at in place of the port.
        systemd: listen with the sockets that systemd has opened, in place of the port.
        secure: what is served over TLS.
        proxies: addresses and networks of the proxies that all connections come from, with commas
            between; each begins with a header of the PROXY protocol then.
    """

    target: str = ""
    port: int = 8888
    host: str = "127.0.0.1"
    appopts: str | None = None
    unix: str | None = None
    access: Access = ANYBODY
    endpoints: tuple[str, ...] = ()
    systemd: bool = False
    secure: Secure = Secure()
    proxies: str | None = None

    def plan(self) -> Plan:
        """What to serve and where.

        Raises:
            DeployError: if that makes no sense, or systemd has opened no sockets.
        """
        secure = self.secure.site
        sites = [Site(self.target, self.appopts)] if self.target else []
        if secure is not None:
            sites.append(secure)
        places = [*self._plain_places()]
        if not sites:
            raise DeployError("nothing to run: name an application (see --help)")
        if self.systemd:
            places.extend(self._systemd_places(len(sites) - 1))
        if secure is not None and not any(place.tls for place in places):
            places.append(self._secure_place(len(sites) - 1))
        proxies = () if self.proxies is None else trusted_proxies(self.proxies)
        files = self.secure.files
        return Plan(
            tuple(sites),
            tuple(
                dataclasses.replace(place, proxies=proxies, files=files if place.tls else None)
                for place in places
            ),
        )

    def _plain_places(self) -> Iterator[Place]:
        if not self.target:
            if self.unix or self.endpoints:
                raise DeployError("--unix and --listen-endpoint need an application without TLS")
            return
        if self.unix:
            yield Place("unix", self.unix, access=self.access)
        for description in self.endpoints:
            yield endpoint_place(description)
        if not (self.unix or self.endpoints or self.systemd):
            yield Place("tcp", self.host, port=self.port)

    def _systemd_places(self, secure: int) -> list[Place]:
        tls = None if self.secure.app is None else self.secure.pair
        found = systemd_places(inherited_sockets(), tls, secure)
        if not self.target and any(place.tls is None for place in found):
            raise DeployError("with --ssl-app alone the sockets of systemd must be named https")
        return found

    def _secure_place(self, site: int) -> Place:
        port, host = self.secure.port, self.secure.host
        return Place(
            *("tcp", "127.0.0.1" if host is None else host, 8443 if port is None else port),
            site=site,
            tls=self.secure.pair,
        )
