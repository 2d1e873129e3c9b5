"""From the options of ``twistd cyclone`` to its service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trustme
from twisted.application.service import IServiceMaker
from twisted.internet.protocol import ServerFactory
from twisted.plugin import getPlugins

from cyclone.deploy.errors import DeployError
from cyclone.deploy.options import Options
from cyclone.deploy.service import WebService
from cyclone.deploy.twistd import makeService

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
        ([], "nothing to run: name an application with --app, or a file"),
        (["-u", "/x", "--ssl-app=apps.Secure"], "--unix and --listen-endpoint need an --app"),
        (["--listen-endpoint=tcp:1"], "--unix and --listen-endpoint need an --app"),
        (["-r", "apps.Plain", "--listen-endpoint=odd:1"], "bad endpoint 'odd:1'"),
        (["-r", "gone.Application"], "there is no module 'gone'"),
        (["--ssl-app=apps.Secure", "--ssl-cert=gone.crt"], "cannot read the certificate gone.crt"),
        (["--ssl-app=gone.Secure"], "there is no module 'gone'"),
        (
            ["-r", "apps.Plain", "--ssl-certs=."],
            "--ssl-certs and --ssl-client-ca need",
        ),
        (
            ["--ssl-app=apps.Secure", "--ssl-certs=gone"],
            "cannot read the directory of",
        ),
        (["-r", "apps.Plain", "--proxy-protocol=proxy"], "--proxy-protocol: 'proxy' is neither"),
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


def test_the_plugin_leads_here() -> None:
    (plugin,) = [one for one in getPlugins(IServiceMaker) if one.tapname == "cyclone"]
    assert plugin.options is Options
    assert plugin.makeService is makeService
    assert plugin.description
