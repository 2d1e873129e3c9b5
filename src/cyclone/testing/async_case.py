"""Tornado's test cases on Twisted's reactor, for unittest, pytest and trial."""

from __future__ import annotations

import functools
import os
import socket
import sys
import tempfile
import types
import unittest
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar, overload

from cyclone._async import is_pending
from cyclone.httpserver import HTTPServer, tls_context
from cyclone.options import parse_command_line
from cyclone.util import import_object

from .certificate import self_signed
from .loop import ReactorLoop

__all__ = [
    "AsyncHTTPSTestCase",
    "AsyncHTTPTestCase",
    "AsyncTestCase",
    "bind_unused_port",
    "gen_test",
    "get_async_test_timeout",
    "main",
    "setup_with_context_manager",
]

_T = TypeVar("_T")
_Test = TypeVar("_Test", bound=Callable[..., Any])


def bind_unused_port(
    reuse_port: bool = False, address: str = "127.0.0.1"
) -> tuple[socket.socket, int]:
    """A socket that listens at a port that the system has chosen, and the port."""
    made = socket.create_server((address, 0), reuse_port=reuse_port)
    made.setblocking(False)
    return made, int(made.getsockname()[1])


def get_async_test_timeout() -> float:
    """Seconds that `gen_test` and `AsyncTestCase.wait` give: ``ASYNC_TEST_TIMEOUT``, or 5."""
    try:
        return float(os.environ.get("ASYNC_TEST_TIMEOUT", ""))
    except ValueError:
        return 5.0


class AsyncTestCase(unittest.TestCase):
    """A test case whose tests run the reactor (Tornado).

    Tests are decorated with `gen_test`, or call `wait`, and have something else call `stop`.
    They cannot be run inside of a reactor that runs; trial's own test cases can.

    Attributes:
        io_loop: the reactor, with methods of Tornado's ``IOLoop``.
    """

    io_loop: ReactorLoop

    def __init__(self, methodName: str = "runTest") -> None:
        super().__init__(methodName)
        test = getattr(self, methodName, None)
        if test is not None:
            setattr(self, methodName, _checked(self, test))
        self._stopped = self._running = False
        self._stop_value: Any = None
        self._failure: BaseException | None = None

    def setUp(self) -> None:
        super().setUp()
        self.io_loop = self.get_new_ioloop()
        self.io_loop.on_error = self._callback_failed

    def tearDown(self) -> None:
        self.io_loop.on_error = None
        super().tearDown()
        self._rethrow()

    def get_new_ioloop(self) -> ReactorLoop:
        """The loop of a test: the process's reactor, which cannot be exchanged."""
        return ReactorLoop()

    def _callback_failed(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self.stop()

    def _rethrow(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def stop(self, _arg: Any = None, **kwargs: Any) -> None:
        """Have `wait` return `_arg`, or a dictionary of `kwargs`."""
        self._stop_value = kwargs or _arg
        if self._running:
            self._running = False
            self.io_loop.stop()
        self._stopped = True

    def wait(
        self, condition: Callable[[], object] | None = None, timeout: float | None = None
    ) -> Any:
        """Run the reactor until `stop` is called, and return what it was given.

        Args:
            condition: has to be true at the end; else the reactor is run again.
            timeout: seconds; `get_async_test_timeout` by default, 0 for no limit.

        Raises:
            AssertionError: it has taken longer.
        """
        seconds = get_async_test_timeout() if timeout is None else timeout
        limit = (
            self.io_loop.reactor.callLater(seconds, self._time_is_up, seconds) if seconds else None
        )
        try:
            while not self._stopped or (condition is not None and not condition()):
                self._stopped, self._running = False, True
                self.io_loop.start()
                self._running = False
                if self._failure is not None:
                    break
        finally:
            self._stopped = self._running = False
            if limit is not None:
                self.io_loop.remove_timeout(limit)
        self._rethrow()
        value, self._stop_value = self._stop_value, None
        return value

    def _time_is_up(self, seconds: float) -> None:
        self._callback_failed(
            self.failureException(f"Async operation timed out after {seconds} seconds")
        )


def _checked(case: AsyncTestCase, test: Callable[..., Any]) -> Callable[..., None]:
    """The test, so that one that was left undecorated is not taken for a success."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        result = test(*args, **kwargs)
        if isinstance(result, types.GeneratorType):
            raise TypeError(
                "Generator test methods should be decorated with cyclone.testing.gen_test"
            )
        if is_pending(result):
            case.io_loop.run_sync(lambda: result, get_async_test_timeout())
        elif result is not None:
            raise ValueError(f"Return value from test method ignored: {result!r}")

    return run


@overload
def gen_test(func: _Test) -> _Test: ...
@overload
def gen_test(*, timeout: float | None = None) -> Callable[[_Test], _Test]: ...
def gen_test(func: Callable[..., Any] | None = None, timeout: float | None = None) -> Any:
    """Decorate a test of `AsyncTestCase` that is ``async def``, or yields what it waits for.

    Args:
        timeout: seconds that the test may take; `get_async_test_timeout` if that is more, or if
            none are given.
    """

    def decorate(test: Callable[..., Any]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(self: AsyncTestCase, *args: Any, **kwargs: Any) -> None:
            seconds = timeout
            if seconds is None:
                seconds = get_async_test_timeout()
            elif "ASYNC_TEST_TIMEOUT" in os.environ:
                seconds = max(seconds, get_async_test_timeout())
            self.io_loop.run_sync(lambda: test(self, *args, **kwargs), seconds)

        return run

    return decorate if func is None else decorate(func)


class AsyncHTTPTestCase(AsyncTestCase):
    """A test case with an application, a server for it on a port of its own, and a client.

    Subclasses override `get_app`.

    Attributes:
        http_server: the `HTTPServer`.
        http_client: an `AsyncHTTPClient`.
    """

    def setUp(self) -> None:
        super().setUp()
        listening, self._port = bind_unused_port()
        self.http_client = self.get_http_client()
        self._app = self.get_app()
        self.http_server = self.get_http_server()
        self.http_server.add_socket(listening)

    def tearDown(self) -> None:
        async def close() -> None:
            await self.http_server.stop()
            await self.http_server.close_all_connections()

        self.http_client.close()
        self.io_loop.run_sync(close, get_async_test_timeout())
        del self._app, self.http_server, self.http_client
        super().tearDown()

    def get_app(self) -> Any:
        """The application, or what else an `HTTPServer` serves."""
        raise NotImplementedError

    def get_http_client(self) -> Any:
        """The client; a `cyclone.httpclient.AsyncHTTPClient`."""
        return import_object("cyclone.httpclient.AsyncHTTPClient")()

    def get_http_server(self) -> HTTPServer:
        """The server for the application."""
        return HTTPServer(self._app, **self.get_httpserver_options())

    def get_httpserver_options(self) -> dict[str, Any]:
        """Arguments for the server."""
        return {}

    def get_http_port(self) -> int:
        """The port of the server."""
        return self._port

    def get_protocol(self) -> str:
        """What URLs of the server begin with."""
        return "http"

    def get_url(self, path: str) -> str:
        """The URL of a path at the server."""
        return f"{self.get_protocol()}://127.0.0.1:{self.get_http_port()}{path}"

    def fetch(self, path: str, raise_error: bool = False, **kwargs: Any) -> Any:
        """Request a path at the server, or a whole URL, and wait for the response.

        Args:
            raise_error: raise an exception for responses of the kinds 4xx and 5xx.
            kwargs: for the client's ``fetch``.
        """
        url = path if path.lower().startswith(("http://", "https://")) else self.get_url(path)
        return self.io_loop.run_sync(
            lambda: self.http_client.fetch(url, raise_error=raise_error, **kwargs),
            get_async_test_timeout(),
        )


class AsyncHTTPSTestCase(AsyncHTTPTestCase):
    """An `AsyncHTTPTestCase` over TLS, with a certificate that the client does not verify."""

    def get_http_client(self) -> Any:
        """The client."""
        made = import_object("cyclone.httpclient.AsyncHTTPClient")
        return made(force_instance=True, defaults={"validate_cert": False})

    def get_httpserver_options(self) -> dict[str, Any]:
        """Arguments for the server: `get_ssl_options`."""
        return {"ssl_options": self.get_ssl_options()}

    def get_ssl_options(self) -> Any:
        """The server's certificate; see `HTTPServer.initialize`."""
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            file.write(self_signed())
            file.flush()
            # Made while the file is there: nothing is left on disk.
            return tls_context({"certfile": file.name})

    def get_protocol(self) -> str:
        """What URLs of the server begin with."""
        return "https"


def setup_with_context_manager(testcase: unittest.TestCase, cm: AbstractContextManager[_T]) -> _T:
    """Enter a context in ``setUp`` that is left at the end of the test."""
    return testcase.enterContext(cm)


def main(**kwargs: Any) -> None:
    """Run the tests that the command line names, after taking `cyclone.options` off it.

    Args:
        kwargs: for `unittest.main`.
    """
    rest = parse_command_line(sys.argv)
    unittest.main(argv=[sys.argv[0], *rest], **kwargs)
