"""The test case of cyclone 1.x, under each of the runners people have."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import inlineCallbacks
from twisted.internet.task import deferLater

from cyclone.testing import Client, CycloneTestCase, DeferredClient
from cyclone.web import Application, RequestHandler


class Hello(RequestHandler):
    """Greets, after a turn of the reactor if asked to."""

    async def get(self) -> None:
        if self.get_argument("wait", ""):
            await deferLater(self.application.clock, 0.001, lambda: None)
        self.write("hello")


def make_app() -> Application:
    return Application([("/", Hello)])


# --- here, whatever runs this suite ---------------------------------------------------------------


class TestWithDeferreds(CycloneTestCase):
    """The way of cyclone 1.x."""

    app_builder = staticmethod(make_app)

    @inlineCallbacks
    def test_inline_callbacks(self) -> Any:
        response = yield self.client.get("/", {"wait": "1"})
        self.assertEqual(response.get_status(), 200)
        self.assertEqual(response.content, b"hello")

    async def test_async(self) -> None:
        self.assertEqual((await self.client.get("/")).text, "hello")

    def test_returned(self) -> Any:
        return self.client.get("/").addCallback(lambda found: self.assertEqual(found.code, 200))

    def test_what_it_has(self) -> None:
        self.assertIsInstance(self.client, DeferredClient)
        self.assertIs(self.client, self.client)
        self.assertIs(self.client.app, self.app)
        self.assertIs(self._app, self.app)


class TestWithoutReactor(CycloneTestCase):
    """Responses instead of Deferreds, and an application made by a method."""

    client_impl = Client

    def app_builder(self) -> Application:
        return make_app()

    def test_get(self) -> None:
        self.assertEqual(self.client.get("/").text, "hello")


# --- one case by hand -----------------------------------------------------------------------------


def run(case: CycloneTestCase) -> unittest.TestResult:
    result = unittest.TestResult()
    case.run(result)
    return result


class Case(CycloneTestCase):
    """Has no application of its own."""

    __test__ = False  # run by hand
    client_impl = Client
    seen: list[Any]

    def test_it(self) -> None:
        self.seen = [self.app, self.client.connect()]
        assert not self.seen[1].closed


def test_a_case_without_an_application() -> None:
    result = run(Case("test_it"))
    ((_, text),) = result.errors
    assert "ValueError: set the attribute app_builder" in text


def test_the_builder_may_be_an_argument() -> None:
    case = Case("test_it", app_builder=make_app)
    assert run(case).wasSuccessful()
    assert isinstance(case.seen[0], Application)


def test_create_app_may_be_overridden() -> None:
    app = make_app()
    case = type("Own", (Case,), {"create_app": lambda self: app})("test_it")
    assert run(case).wasSuccessful()
    assert case.seen[0] is app


def test_each_test_has_its_own_application() -> None:
    one, two = (Case("test_it", app_builder=make_app) for _ in range(2))
    assert run(one).wasSuccessful()
    assert run(two).wasSuccessful()
    assert one.seen[0] is not two.seen[0]


def test_connections_are_gone_after_the_test() -> None:
    case = Case("test_it", app_builder=make_app)
    run(case)
    assert case.seen[1].closed
    assert not case.app.connections


# --- the runners ----------------------------------------------------------------------------------

SUITE = """
from twisted.internet.defer import inlineCallbacks
from twisted.internet.task import deferLater
from cyclone import testing
from cyclone.web import Application, RequestHandler


class Hello(RequestHandler):
    async def get(self):
        await deferLater(self.application.clock, 0.001, lambda: None)
        self.write("hello")

    def post(self):
        self.write("posted")


class TestHello(testing.CycloneTestCase):
    app_builder = staticmethod(lambda: Application([("/", Hello)]))

    @inlineCallbacks
    def test_inline(self):
        response = yield self.client.get("/")
        self.assertEqual(response.text, EXPECTED)

    async def test_async(self):
        response = await self.client.get("/")
        self.assertEqual(response.text, EXPECTED)


class TestPlain(testing.CycloneTestCase):
    client_impl = testing.Client
    app_builder = staticmethod(lambda: Application([("/", Hello)]))

    def test_plain(self):
        self.assertEqual(self.client.post("/").text, "posted")
"""

RUNNERS = {
    "trial": ["-m", "twisted.trial", "test_hello"],
    "unittest": ["-m", "unittest", "test_hello"],
    "pytest": ["-m", "pytest", "-q", "-p", "no:cacheprovider", "test_hello.py"],
}
PASSED = {"trial": "successes=3", "unittest": "Ran 3 tests", "pytest": "3 passed"}
FAILED = {"trial": "failures=2", "unittest": "failures=2", "pytest": "2 failed, 1 passed"}


def run_with(runner: str, directory: Path, expected: str) -> subprocess.CompletedProcess[str]:
    (directory / "test_hello.py").write_text(SUITE.replace("EXPECTED", repr(expected)))
    environment = {**os.environ, "PYTHONPATH": str(directory), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    return subprocess.run(
        [sys.executable, *RUNNERS[runner]],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("runner", RUNNERS)
def test_runners(runner: str, tmp_path: Path) -> None:
    result = run_with(runner, tmp_path, "hello")
    assert PASSED[runner] in result.stdout + result.stderr
    assert result.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("runner", RUNNERS)
def test_runners_see_failures(runner: str, tmp_path: Path) -> None:
    result = run_with(runner, tmp_path, "something else")
    assert FAILED[runner] in result.stdout + result.stderr
    assert result.returncode != 0
