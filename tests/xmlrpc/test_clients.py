"""Clients that nobody here wrote: those of the standard library and of Twisted."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Callable
from typing import Any
from xmlrpc.client import Binary, DateTime, Fault, MultiCall, ProtocolError, ServerProxy

import pytest
from twisted.internet.threads import deferToThread

from cyclone.web import Application
from tests.httpclient.support import serving

from .support import Service

with warnings.catch_warnings():  # it is built on a deprecated class of Twisted's
    warnings.simplefilter("ignore", DeprecationWarning)
    from twisted.web.xmlrpc import Proxy

DATA = [
    *(1, -1, 1.5, True, "é<&>\n", [], {"a": [{"b": "c"}]}, Binary(b"\x00\xff")),
    DateTime("20200102T03:04:05"),
]


class Allowing(Service):
    """Also writes None."""

    allowNone = True

    def prepare(self) -> None:
        if self.request.path == "/closed":
            self.send_error(403)


async def in_a_thread(use: Callable[[str], Any]) -> Any:
    """What `use` makes of the URL of a service, which it is given in a thread."""
    async with serving(Application([(r"/.*", Allowing)])) as served:
        return await deferToThread(use, served.url)


def test_the_standard_library(reactor_run: Any) -> None:
    def use(url: str) -> None:
        with ServerProxy(f"{url}/RPC2", allow_none=True) as server:
            assert [server.echo(value) for value in [*DATA, None]] == [*DATA, None]
            assert server.deep.texts.upper("a") == "A"
            assert "add" in server.system.listMethods()
            assert server.system.methodHelp("add") == "Add two numbers."
            assert server.system.methodSignature("add") == [["int", "int", "int"]]
            with pytest.raises(Fault, match="seven"):
                server.fault(7, "seven")
            with pytest.raises(Fault, match="function nothing not found"):
                server.nothing()
            several = MultiCall(server)
            several.add(1, 2)
            several.fault(7, "seven")
            several.texts.upper("b")
            results = several()
            assert (results[0], results[2]) == (3, "B")
            with pytest.raises(Fault, match="seven"):
                results[1]
        with ServerProxy(f"{url}/", use_builtin_types=True) as server:
            assert server.bytes()[:2] == [b"\x00\xff", b"a"]
            assert server.bytes()[3] == datetime.datetime(2020, 1, 2, 3, 4, 5)
        with ServerProxy(f"{url}/closed") as server, pytest.raises(ProtocolError, match="403"):
            server.add(1)

    reactor_run(lambda: in_a_thread(use))


@pytest.mark.filterwarnings("ignore:twisted.web.http.HTTPClient:DeprecationWarning")
async def test_twisted() -> None:
    async with serving(Application([(r"/.*", Allowing)])) as served:
        proxy = Proxy(f"{served.url}/RPC2".encode(), allowNone=True)
        for value in [*DATA, None]:
            assert await proxy.callRemote("echo", value) == value
        assert await proxy.callRemote("deep.texts.upper", "a") == "A"
        assert "texts.upper" in await proxy.callRemote("system.listMethods")
        assert await proxy.callRemote("coroutine", [1]) == [1]
        with pytest.raises(Fault) as caught:
            await proxy.callRemote("nothing")
        assert caught.value.faultCode == 8001
