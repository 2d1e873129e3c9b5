"""Plans: as text, for workers, and what becomes of them in supervisor and worker."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, ServerFactory

from cyclone.deploy import TLSFiles
from cyclone.deploy.activation import InheritedSocket
from cyclone.deploy.adoption import HANDED, UNIXAcceptor, adopt, family_of
from cyclone.deploy.errors import DeployError
from cyclone.deploy.handover import Adopting, Binding, Handed, SharedEndpoint
from cyclone.deploy.plan import (
    Place,
    Plan,
    Site,
    absolute,
    for_workers,
    listeners_for,
    systemd_places,
)
from cyclone.deploy.unixsockets import Access

from .conftest import Write

PLAN = Plan(
    (Site("a.py"), Site("b:c", "options")),
    (
        Place("tcp", "127.0.0.1", 80),
        Place("tcp", "::1", 443, site=1, tls=("a.crt", "a.key")),
        Place("unix", "/run/x", access=Access(0o600, 1, 2)),
        Place("endpoint", "tcp:8080"),
        Place("systemd", "web", 3),
    ),
)


def test_a_plan_goes_through_json() -> None:
    assert Plan.from_json(PLAN.to_json()) == PLAN
    files = TLSFiles(None, None, "certs", "ca.pem", "optional")
    place = Place("tcp", "", 443, tls=("a", "b"), files=files, proxies=("10.0.0.0/8", "::1"))
    plan = Plan(PLAN.sites, (place,))
    assert Plan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize("kind", ["tcp", "systemd"])
@pytest.mark.parametrize("proxies", [(), ("127.0.0.1",)])
@pytest.mark.parametrize("several", [True, False])
def test_places_over_tls(
    reactor: Any, tmp_path: Path, listening: socket.socket, kind: Any, proxies: Any, several: bool
) -> None:
    pem = str(tmp_path / "default.pem")
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(pem)
    files = TLSFiles(directory=str(tmp_path)) if several else None
    descriptor = os.dup(listening.fileno()) if kind == "systemd" else 0
    place = Place(kind, "", descriptor, tls=(pem, pem), files=files, proxies=proxies)
    binding = Binding(reactor)
    (listener,) = listeners_for(binding, Plan((), (place,)), [Factory()])
    assert listener.scheme == "https"
    assert listener.certificates is not None
    listener.certificates.reload()
    listener.listen()
    (port,) = binding.ports
    port.stopListening()


def test_what_workers_are_told() -> None:
    told = for_workers(PLAN)
    assert told.sites == PLAN.sites
    assert told.places[:2] == PLAN.places[:2]
    assert told.places[2:] == (
        Place("unix", "/run/x"),
        Place("endpoint", "tcp:8080"),
        Place("systemd", "web", HANDED),
    )
    wrapped = Plan((Site("a"),), (Place("endpoint", r"haproxy:systemd\:domain=INET"),))
    with pytest.raises(DeployError, match="it wraps a socket of systemd"):
        for_workers(wrapped)


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        yield one


def test_families(listening: socket.socket) -> None:
    assert family_of(listening.fileno()) == socket.AF_INET
    with socket.socket() as silent, pytest.raises(ValueError, match="no socket that listens"):
        family_of(silent.fileno())
    with open(os.devnull) as file, pytest.raises(ValueError, match="is no socket: "):
        family_of(file.fileno())


def test_places_of_systemd(listening: socket.socket) -> None:
    number = listening.fileno()
    sockets = [InheritedSocket(number, "web"), InheritedSocket(number, "https")]
    files = ("a.crt", "a.key")
    assert systemd_places(sockets, files, 1) == [
        Place("systemd", "web", number),
        Place("systemd", "https", number, site=1, tls=files),
    ]
    assert [place.tls for place in systemd_places(sockets)] == [None, None]
    with pytest.raises(DeployError, match="systemd has handed over no sockets"):
        systemd_places([])
    with open(os.devnull) as file, pytest.raises(DeployError, match="socket 'x' of systemd: "):
        systemd_places([InheritedSocket(file.fileno(), "x")])


# --- the same plan, twice ------------------------------------------------------------------------


class Greeter(Protocol):
    def connectionMade(self) -> None:
        self.transport.write(b"hello")
        self.transport.loseConnection()


class Quiet(ServerFactory):
    noisy = False
    protocol = Greeter


def shared(plan: Plan, binding: Binding) -> list[Any]:
    ports: list[Any] = []
    errors: list[Any] = []
    for one in listeners_for(binding, plan, [Quiet()] * len(plan.sites)):
        endpoint = SharedEndpoint(one.endpoint, binding, one.place)
        endpoint.listen(one.factory).addCallbacks(ports.append, errors.append)
    assert errors == []
    return ports


async def received(reactor: Any, place: Any) -> bytes:
    """What a server says, asked by a thread."""
    from twisted.internet.threads import deferToThread

    def ask() -> bytes:
        with socket.socket(socket.AF_UNIX if isinstance(place, str) else socket.AF_INET) as client:
            client.settimeout(10)
            client.connect(place)
            return client.makefile("rb").read()

    answer: Deferred[bytes] = deferToThread(ask)
    return await answer


async def test_sockets_are_handed_over(reactor: Any, tmp_path: Path) -> None:
    path, other = str(tmp_path / "one"), str(tmp_path / "two")
    plan = Plan(
        (Site("x"),),
        (
            Place("tcp", "127.0.0.1"),
            Place("unix", path, access=Access(0o600)),
            Place("endpoint", f"unix:{other}"),
        ),
    )
    binding = Binding(reactor)
    held = shared(plan, binding)
    assert binding.ports == held
    descriptors = [os.dup(port.socket.fileno()) for port in held]
    handed = Handed(reactor, descriptors)
    ports = [await one.listen() for one in listeners_for(handed, for_workers(plan), [Quiet()] * 3)]
    number = held[0].getHost().port
    assert await received(reactor, ("127.0.0.1", number)) == b"hello"
    for place in (path, other):
        os.chmod(place, 0o640)
        assert await received(reactor, place) == b"hello"
    assert [str(port.getHost()) for port in ports] == [str(port.getHost()) for port in held]
    for port in ports:
        await port.stopListening()
    assert os.stat(path).st_mode & 0o777 == 0o640, "the file is the other's"
    for port in held:
        port.startListening()
        await port.stopListening()
    assert list(tmp_path.iterdir()) == []


async def test_a_socket_of_systemd_keeps_its_file(reactor: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        os.chmod(path, 0o600)
        listening.listen()
        listeners = listeners_for(
            Adopting(reactor),
            Plan((Site("x"),), (Place("systemd", "web", os.dup(listening.fileno())),)),
            [Quiet()],
        )
        port: Any = await listeners[0].listen()
        assert await received(reactor, path) == b"hello"
        await port.stopListening()
        again = port.stopListening()
        if again is not None:
            await again
    assert os.stat(path).st_mode & 0o777 == 0o600


async def test_tls_is_the_workers_own(reactor: Any, tmp_path: Path) -> None:
    pem = tmp_path / "server.pem"
    issued = trustme.CA().issue_cert("localhost")
    pem.write_bytes(issued.private_key_and_cert_chain_pem.bytes())
    files = (str(pem), str(pem))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        plan = Plan(
            (Site("x"),),
            (
                Place("tcp", "127.0.0.1", tls=files),
                Place("endpoint", f"ssl:0:interface=127.0.0.1:privateKey={pem}"),
                Place("systemd", "https", os.dup(listening.fileno()), tls=files),
            ),
        )
        binding = Binding(reactor)
        held = shared(plan, binding)
        handed = Handed(reactor, [os.dup(port.socket.fileno()) for port in held])
        for one in listeners_for(handed, for_workers(plan), [Quiet()]):
            assert one.certificates is not None
            one.certificates.reload()
            port: Any = await one.listen()
            await port.stopListening()
        for port in held:
            await port.stopListening()


def test_what_cannot_be_shared(reactor: Any, listening: socket.socket) -> None:
    class Late:
        def listen(self, factory: Factory) -> Deferred[Any]:
            return Deferred()

    class Other(Late):
        def listen(self, factory: Factory) -> Deferred[Any]:
            result: Deferred[Any] = Deferred()
            result.callback("a port of its own")
            return result

    class Odd(Late):
        def listen(self, factory: Factory) -> Deferred[Any]:
            raise AttributeError("no such method")

    messages: list[str] = []
    for endpoint in (Late(), Other(), Odd()):
        result = SharedEndpoint(endpoint, Binding(reactor), "it").listen(Factory())
        result.addErrback(lambda failure: messages.append(str(failure.value)))
    assert len(messages) == 3
    assert all(message.startswith("workers cannot share it: ") for message in messages)
    assert "no such method" in messages[2]


def test_accepting_when_there_is_nothing_left(
    listening: socket.socket, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reactor:
        reading = True
        adopted: list[Any] = []

        def addReader(self, reader: object) -> None:
            self.reading = True

        def removeReader(self, reader: object) -> None:
            self.reading = False

        removeWriter = removeReader
        callLater = clock.callLater

    class Listening:
        error: OSError = BlockingIOError()

        def accept(self) -> Any:
            raise self.error

        def close(self) -> None:
            pass

        def fileno(self) -> int:
            return -1

    reactor, fake = Reactor(), Listening()
    acceptor = UNIXAcceptor(reactor, fake, Quiet())  # type: ignore[arg-type]
    acceptor.startListening()
    acceptor.doRead()
    assert reactor.reading
    fake.error = OSError(24, "Too many open files")
    acceptor.doRead()
    assert not reactor.reading
    clock.advance(1)
    assert reactor.reading
    acceptor.doRead()
    fake.error = OSError(9, "Bad file descriptor")
    with pytest.raises(OSError, match="Bad file"):
        acceptor.doRead()
    acceptor.connectionLost(None)
    clock.advance(1)
    assert acceptor.fileno() == -1


def test_adopting_what_does_not_listen(reactor: Any) -> None:
    with open(os.devnull) as file, pytest.raises(ValueError, match="no socket"):
        adopt(reactor, file.fileno(), Quiet())


def test_what_a_plan_names_is_where_it_was(project: Path, write: Write) -> None:
    write("app.py")
    files = TLSFiles("a.pem", None, "certs", "/ca.pem", "required")
    plan = absolute(
        Plan(
            (Site("app.py:Made", "x"), Site("app.py"), Site("app.Made"), Site("app:Made")),
            (
                Place("tcp", "", tls=("a.pem", "/b.pem"), files=files),
                Place("unix", "socket"),
            ),
        )
    )
    path = str(project / "app.py")
    assert [site.target for site in plan.sites] == [f"{path}:Made", path, "app.Made", "app:Made"]
    secure, socket = plan.places
    assert secure.tls == (str(project / "a.pem"), "/b.pem")
    assert secure.files == TLSFiles(
        *(str(project / "a.pem"), None, str(project / "certs"), "/ca.pem", "required")
    )
    assert socket.where == "socket"
