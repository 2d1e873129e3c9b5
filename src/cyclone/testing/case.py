"""`CycloneTestCase`: the test case of cyclone 1.x."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from twisted.trial.unittest import TestCase

from .client import BaseClient, DeferredClient


class CycloneTestCase(TestCase):
    """A trial test case with an application and a client for it.

    It runs under trial, unittest and pytest. Each test gets a new application::

        class TestMain(CycloneTestCase):
            app_builder = staticmethod(make_app)

            @inlineCallbacks
            def test_main(self):
                response = yield self.client.get("/")
                self.assertEqual(response.get_status(), 200)

    The methods of `client` return Deferreds, which suits ``@inlineCallbacks``, ``async def``
    and ``return d`` in tests, and handlers that wait for the reactor. A test that needs no
    reactor sets ``client_impl = Client`` and gets responses instead.

    Attributes:
        app_builder: called without arguments for the application; may be a method.
        client_impl: called with the application for the client.
    """

    client_impl: Callable[[Any], BaseClient[Any]] = DeferredClient
    app_builder: Callable[..., Any] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        builder = kwargs.pop("app_builder", None)
        if builder is not None:
            self.app_builder = builder
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]

    def create_app(self) -> Any:
        """The application of one test; calls `app_builder` unless overridden.

        Raises:
            ValueError: there is no `app_builder`, neither as an attribute nor as the argument of
                that name.
        """
        if self.app_builder is None:
            raise ValueError(
                "set the attribute app_builder to a callable that returns the application, "
                "or override create_app, or pass app_builder=... to the test case"
            )
        return self.app_builder()

    @cached_property
    def app(self) -> Any:
        """The application of this test, made when it is first asked for."""
        return self.create_app()

    @cached_property
    def client(self) -> Any:
        """The client of this test; its connections are dropped when the test ends."""
        client = self.client_impl(self.app)
        self.addCleanup(client.close)
        return client

    @property
    def _app(self) -> Any:
        # cyclone 1.x's name of `app`, which tests written for it use
        return self.app
