"""HTTPServer on sockets: listen, bind and start, add_sockets, TLS, stop, closing connections."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from twisted.internet.defer import Deferred
from twisted.internet.ssl import CertificateOptions
from twisted.internet.threads import deferToThread

from cyclone.httpserver import HTTPServer, sockets
from cyclone.httpserver.sockets import bind_sockets
from cyclone.httpserver.tls import tls_context
from cyclone.httputil import HTTPServerRequest
from tests.httpserver.test_callbacks import echo

GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def ask(port: int, wrap: Callable[[socket.socket], socket.socket] | None = None) -> bytes:
    """Make a request, in a thread, and read to its end."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        connection = plain if wrap is None else wrap(plain)
        with connection:
            connection.sendall(GET)
            received = b""
            while data := connection.recv(65536):
                received += data
            return received


def get(port: int, *args: Any) -> Deferred[bytes]:
    return deferToThread(ask, port, *args)


def port_of(server: HTTPServer) -> int:
    return int(server._sockets[0].getsockname()[1])


async def test_listen_and_stop() -> None:
    server = HTTPServer(echo)
    server.listen(0, "127.0.0.1")
    port = port_of(server)
    assert (await get(port)).endswith(b"GET / 127.0.0.1 http ")
    await server.stop()
    await server.close_all_connections()
    with pytest.raises(ConnectionRefusedError):
        await get(port)


async def test_bind_and_start() -> None:
    server = HTTPServer(echo)
    server.bind(0, address="127.0.0.1")
    with pytest.raises(ValueError, match="from this process alone"):
        server.start(0)
    server.start()
    assert (await get(port_of(server))).startswith(b"HTTP/1.1 200")
    server.bind(0, address="127.0.0.1")
    await server.stop()
    assert server._bound == []


async def test_stop_leaves_connections_which_can_be_closed() -> None:
    requests: list[HTTPServerRequest] = []
    asked: Deferred[None] = Deferred()

    def later(request: HTTPServerRequest) -> None:
        requests.append(request)
        asked.callback(None)

    server = HTTPServer(later)
    listening = bind_sockets(0, "127.0.0.1")
    server.add_sockets(listening)
    answer = get(port_of(server))
    await asked
    await server.stop()
    assert listening[0].fileno() == -1
    assert not requests[0].connection.done
    answer.addErrback(lambda failure: failure.trap(ConnectionResetError))
    await server.close_all_connections()
    await answer
    assert requests[0].connection.done


async def test_all_interfaces() -> None:
    server = HTTPServer(echo)
    server.listen(0)
    families = {made.family for made in server._sockets}
    assert socket.AF_INET in families
    assert len({made.getsockname()[1] for made in server._sockets}) == 1
    assert b"127.0.0.1 http" in await get(port_of(server))
    await server.stop()


# --- sockets -------------------------------------------------------------------------------------


def test_one_family() -> None:
    (made,) = bind_sockets(0, "localhost", family=socket.AF_INET)
    with made:
        assert made.family == socket.AF_INET
        assert not made.getblocking()
        with pytest.raises(OSError, match=r"in use"):
            bind_sockets(made.getsockname()[1], "127.0.0.1")


def test_shared_ports() -> None:
    (first,) = bind_sockets(0, "127.0.0.1", reuse_port=True)
    with first:
        (second,) = bind_sockets(first.getsockname()[1], "127.0.0.1", reuse_port=True)
        second.close()


class Kernel:
    """Has an IPv4, and no IPv6 or another trouble with it."""

    def __init__(self, trouble: int) -> None:
        self.trouble = trouble
        self.made: list[socket.socket] = []

    def create_server(self, place: Any, *, family: int, **kwargs: Any) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(self.trouble, "no IPv6")
        self.made.append(socket.create_server(place, **kwargs))
        return self.made[-1]

    def getaddrinfo(self, *args: Any) -> Any:
        return [
            (socket.AF_INET6, 1, 6, "", ("::", 0, 0, 0)),
            (socket.AF_INET, 1, 6, "", ("127.0.0.1", 0)),
        ]

    def __getattr__(self, name: str) -> Any:
        return getattr(socket, name)


def test_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "socket", Kernel(errno.EAFNOSUPPORT))
    (made,) = bind_sockets(0)
    made.close()
    kernel = Kernel(errno.EADDRINUSE)
    monkeypatch.setattr(sockets, "socket", kernel)
    with pytest.raises(OSError, match="no IPv6"):
        bind_sockets(0)
    assert [made.fileno() for made in kernel.made] == [-1]


# --- TLS -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    directory = tmp_path_factory.mktemp("tls")
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    paths = {name: str(directory / name) for name in ("certfile", "keyfile", "ca_certs")}
    certificate.private_key_pem.write_to_path(paths["keyfile"])
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(paths["certfile"], append=True)
    authority.cert_pem.write_to_path(paths["ca_certs"])
    return paths


def pair(files: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"certfile": files["certfile"], "keyfile": files["keyfile"], **more}


def client_context(authority: trustme.CA, certificate: bool = False) -> Any:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if certificate:
        authority.issue_cert("client@example.com").configure_cert(context)
    return lambda plain: context.wrap_socket(plain, server_hostname="localhost")


async def test_tls(authority: trustme.CA, files: dict[str, str]) -> None:
    options = pair(files, ciphers="ECDHE+AESGCM", ssl_version=None)
    server = HTTPServer(echo, ssl_options=options)
    server.listen(0, "127.0.0.1")
    assert (await get(port_of(server), client_context(authority))).endswith(b"https ")
    await server.stop()
    await server.close_all_connections()


async def test_certificates_of_clients(authority: trustme.CA, files: dict[str, str]) -> None:
    def show(request: HTTPServerRequest) -> None:
        request.headers["X"] = "1"
        echo(request)
        seen.append(request.get_ssl_certificate(binary_form=True) is not None)

    seen: list[bool] = []
    options = pair(files, cert_reqs=ssl.CERT_OPTIONAL, ca_certs=files["ca_certs"])
    server = HTTPServer(show, ssl_options=options)
    server.listen(0, "127.0.0.1")
    for certificate in (True, False):
        await get(port_of(server), client_context(authority, certificate))
    await server.stop()
    await server.close_all_connections()
    assert seen == [True, False]


def test_a_context_factory_is_taken_as_it_is() -> None:
    options = CertificateOptions()
    assert tls_context(options) is options


def test_bad_tls_options(files: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="certfile"):
        HTTPServer(echo, ssl_options={"keyfile": files["keyfile"]})
    with pytest.raises(FileNotFoundError):
        HTTPServer(echo, ssl_options=pair(files, certfile="/nowhere"))
    with pytest.raises(FileNotFoundError):
        HTTPServer(echo, ssl_options=pair(files, keyfile="/nowhere"))
    with pytest.raises(TypeError, match="not SSLContext"):
        HTTPServer(echo, ssl_options=ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
    with pytest.raises(ValueError, match="unknown ssl_options: certfiles"):
        HTTPServer(echo, ssl_options=pair(files, certfiles=""))
    with pytest.raises(ValueError, match="need ca_certs"):
        HTTPServer(echo, ssl_options=pair(files, cert_reqs=ssl.CERT_REQUIRED))
    empty = tmp_path / "empty"
    empty.write_text("")
    with pytest.raises(ValueError, match=r"."):
        HTTPServer(echo, ssl_options={"certfile": str(empty)})


# --- settings ------------------------------------------------------------------------------------


def test_settings() -> None:
    server = HTTPServer(
        echo,
        max_header_size=1000,
        idle_connection_timeout=5,
        body_timeout=6,
        max_buffer_size=7000,
        chunk_size=8,
        header_timeout=9,
        xheaders=True,
        trusted_downstream=["10.0.0.1"],
    )
    limits = server.limits
    assert (limits.max_header_size, limits.idle_connection_timeout) == (1000, 5)
    assert (limits.body_timeout, limits.max_body_size, limits.header_timeout) == (6, 7000, 9)
    assert (server.chunk_size, server.xheaders) == (8, True)
    assert server.trusted_downstream == ["10.0.0.1"]
    assert server.request_callback is echo
    assert HTTPServer(echo, max_body_size=1, max_buffer_size=2).limits.max_body_size == 1
    assert HTTPServer(echo).limits == HTTPServer(echo, max_body_size=None).limits


def test_subclasses_take_settings_by_initialize() -> None:
    class Mine(HTTPServer):
        def initialize(self, *args: Any, mine: str = "", **kwargs: Any) -> None:
            super().initialize(*args, **kwargs)
            self.mine = mine

    server = Mine(echo, mine="x", no_keep_alive=True)
    assert (server.mine, server.limits.no_keep_alive) == ("x", True)
