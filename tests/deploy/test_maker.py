"""From the options of ``twistd cyclone`` to its service."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from twisted.application.service import IServiceMaker
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import deferLater
from twisted.plugin import getPlugins

from cyclone.deploy.activation import InheritedSocket
from cyclone.deploy.errors import DeployError
from cyclone.deploy.options import Options
from cyclone.deploy.service import WebService
from cyclone.deploy.twistd import Failing, makeService
from cyclone.deploy.unixsockets import Access
from cyclone.testing import ExpectLog

from .conftest import Write

APPS = """
    from twisted.internet.protocol import ServerFactory

    class Plain(ServerFactory):
        def __init__(self, options=None):
            self.options = options

    class Secure(Plain):
        pass
"""


@pytest.fixture
def apps(write: Write) -> Path:
    path = write("apps.py", APPS)
    certificate = trustme.CA().issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(str(path.parent / "server.crt"))
    certificate.private_key_pem.write_to_path(str(path.parent / "server.key"))
    return path


def made(*arguments: str) -> list[tuple[str, str, str, Any]]:
    """The places of the service for these arguments, and what is served there."""
    options = Options()
    options.parseOptions(list(arguments))
    service = makeService(options)
    assert isinstance(service, WebService)
    return [
        (one.scheme, one.place, type(one.factory).__name__, one.factory.options)
        for one in service.listeners
    ]


@pytest.mark.parametrize(
    ("arguments", "places"),
    [
        (["-r", "apps.Plain"], [("http", "port 8888 of 127.0.0.1", "Plain", None)]),
        (
            ["-r", "apps.Plain", "-c", "o p", "-p", "80", "-l", "::1"],
            [("http", "port 80 of ::1", "Plain", "o p")],
        ),
        (["-p", "1", "apps.py"], None),
        (["-r", "apps.py:Plain", "-u", "/x"], [("http", "unix socket /x", "Plain", None)]),
        (
            ["-r", "apps:Plain", "--listen-endpoint=tcp:1", "--listen-endpoint=tcp:2", "-u", "/x"],
            [
                ("http", "unix socket /x", "Plain", None),
                ("http", "tcp:1", "Plain", None),
                ("http", "tcp:2", "Plain", None),
            ],
        ),
        (["--ssl-app=apps.Secure"], [("https", "port 8443 of 127.0.0.1", "Secure", None)]),
        (
            [
                *("-r", "apps.Plain", "-c", "a", "--ssl-app=apps.Secure", "--ssl-appopts=b"),
                *("--ssl-port=1", "--ssl-listen=::"),
            ],
            [
                ("http", "port 8888 of 127.0.0.1", "Plain", "a"),
                ("https", "port 1 of ::", "Secure", "b"),
            ],
        ),
        (
            ["-r", "apps.Plain", "-u", "/x", "--ssl-app=apps.Secure"],
            [
                ("http", "unix socket /x", "Plain", None),
                ("https", "port 8443 of 127.0.0.1", "Secure", None),
            ],
        ),
        (
            ["--ssl-app=apps.Secure", "--ssl-certs=.", "--ssl-client-certs=none"],
            [("https", "port 8443 of 127.0.0.1", "Secure", None)],
        ),
        (
            ["-r", "apps.Plain", "--ssl-app=apps.Secure", "--proxy-protocol=10.0.0.1,::1"],
            [
                ("http", "port 8888 of 127.0.0.1", "Plain", None),
                ("https", "port 8443 of 127.0.0.1", "Secure", None),
            ],
        ),
    ],
)
def test_places(apps: Path, arguments: list[str], places: list[Any] | None) -> None:
    if places is None:
        with pytest.raises(DeployError, match="several applications"):
            made(*arguments)
    else:
        assert made(*arguments) == places


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to run: name an application"),
        (["-u", "/x", "--ssl-app=apps.Secure"], "--unix and --listen-endpoint need an application"),
        (["--listen-endpoint=tcp:1"], "--unix and --listen-endpoint need an application"),
        (["-r", "apps.Plain", "--listen-endpoint=odd:1"], "bad endpoint 'odd:1'"),
        (["-r", "gone.Application"], "there is no module 'gone'"),
        (["--ssl-app=apps.Secure", "--ssl-cert=gone.crt"], "cannot read the certificate gone.crt"),
        (["--ssl-app=gone.Secure"], "there is no module 'gone'"),
        (
            ["-r", "apps.Plain", "--ssl-certs=."],
            "--ssl-certs needs an --ssl-app",
        ),
        (
            ["--ssl-app=apps.Secure", "--ssl-certs=gone"],
            "cannot read the directory of",
        ),
        (["-r", "apps.Plain", "--proxy-protocol=proxy"], "--proxy-protocol: 'proxy' is neither"),
        (["-r", "apps.Plain", "--unix-mode=660"], "--unix-mode is for --unix"),
        (["-r", "apps.Plain", "--unix-owner=root"], "--unix-owner is for --unix"),
        (["-r", "apps.Plain", "--systemd"], "systemd has handed over no sockets"),
        (["-r", "apps.Plain", "--max-requests=5"], "--max-requests is for --workers"),
        (["-r", "apps.Plain", "--workers=2", "--listen-endpoint=odd:1"], "bad endpoint 'odd:1'"),
    ],
)
def test_what_cannot_be_made(apps: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(DeployError) as caught:
        made(*arguments)
    assert str(caught.value).startswith(message)


def test_one_application_at_several_places_is_one(apps: Path) -> None:
    options = Options()
    options.parseOptions(["-r", "apps.Plain", "--listen-endpoint=tcp:1", "-u", "/x"])
    first, second = makeService(options).listeners
    assert isinstance(first.factory, ServerFactory)
    assert first.factory is second.factory


def test_a_place_that_fails_late_stops_the_reactor(
    apps: Path, reactor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[bool] = []
    monkeypatch.setattr(reactor, "stop", lambda: stopped.append(True))
    options = Options()
    options.parseOptions(["-r", "apps.Plain"])
    service = makeService(options)
    assert service.on_failure is not None
    service.on_failure(DeployError("late"))
    assert stopped == [True]


def test_the_owner_of_a_unix_socket(apps: Path) -> None:
    options = Options()
    options.parseOptions(["-r", "apps.Plain", "-u", "/x", "--unix-mode=600", "--unix-owner=0:0"])
    (listener,) = makeService(options).listeners
    assert listener.endpoint._access == Access(0o600, 0, 0)


def test_sockets_of_systemd(apps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        names: list[str] = []
        monkeypatch.setattr(
            "cyclone.deploy.wanted.inherited_sockets",
            lambda: [InheritedSocket(listening.fileno(), name) for name in names],
        )
        names[:] = ["web", "https"]
        assert made("--systemd", "-r", "apps.Plain", "--ssl-app=apps.Secure") == [
            ("http", "socket 'web' of systemd", "Plain", None),
            ("https", "socket 'https' of systemd", "Secure", None),
        ]
        names[:] = ["https"]
        assert [one[2] for one in made("--systemd", "--ssl-app=apps.Secure")] == ["Secure"]
        names[:] = ["web"]
        with pytest.raises(DeployError, match="must be named https"):
            made("--systemd", "--ssl-app=apps.Secure")


# --- running it ----------------------------------------------------------------------------------


@pytest.fixture
def free_signals() -> Iterator[None]:
    """SIGHUP is free, and what is installed is taken back."""
    numbers = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


async def test_one_process(
    apps: Path, free_signals: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", manager.getsockname())
        options = Options()
        options.parseOptions(["--ssl-app=apps.Secure", "--ssl-port=0"])
        service: Any = makeService(options)
        service.startService()
        assert manager.recv(1000).startswith(b"READY=1")
        signal.raise_signal(signal.SIGHUP)
        while not (said := received(manager)):
            await deferLater(service.reactor, 0, lambda: None)
        assert said.startswith("RELOADING=1")
        assert received(manager).startswith("READY=1")
        Path("server.crt").write_text("nothing")
        service.reload()  # says why not, and goes on
        await service.stopService()
        assert received(manager).startswith("STOPPING=1")
        service.notifier.close()
    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL


def received(manager: socket.socket) -> str:
    try:
        return manager.recv(1000).decode()
    except BlockingIOError:
        return ""


@pytest.mark.parametrize(
    ("directory", "reason"),
    [("", "Permission denied"), ("/proc/no", r"\$PROMETHEUS_MULTIPROC_DIR")],
)
async def test_workers_that_cannot_be_started(
    apps: Path, free_signals: None, monkeypatch: pytest.MonkeyPatch, directory: str, reason: str
) -> None:
    def no_process(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", directory)
    stopped: list[bool] = []
    options = Options()
    options.parseOptions(["-r", "apps.Plain", "-p0", "--workers=2"])
    service: Any = makeService(options)
    monkeypatch.setattr(service.reactor, "spawnProcess", no_process)
    monkeypatch.setattr("cyclone.deploy.twistd.stop_reactor", lambda _: stopped.append(True))
    with ExpectLog("cyclone.general", f"no worker could be started: .*{reason}"):
        service.startService()
        while not stopped:
            await deferLater(service.reactor, 0, lambda: None)
    service.reload()
    await service.stopService()
    service.cut()
    assert service.supervisor.workers == []


def test_workers_need_their_interpreter(apps: Path) -> None:
    options = Options()
    options.parent = {"chroot": "/srv"}
    options.parseOptions(["-r", "apps.Plain", "--workers=2"])
    with pytest.raises(DeployError, match="which --chroot leaves behind"):
        makeService(options)


def test_a_failure_is_an_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr("cyclone.deploy.twistd.os._exit", ended.append)
    monkeypatch.setattr("cyclone.deploy.twistd.atexit.register", lambda _: None)
    monkeypatch.setattr("cyclone.deploy.twistd.stop_reactor", lambda _: None)
    failure = Failing(None)
    failure.exit()
    assert ended == []
    failure(DeployError("no"))
    failure.exit()
    assert ended == [1]


def test_the_plugin_leads_here() -> None:
    (plugin,) = [one for one in getPlugins(IServiceMaker) if one.tapname == "cyclone"]
    assert plugin.options is Options
    assert plugin.makeService is makeService
    assert plugin.description
