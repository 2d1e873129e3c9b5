"""Which of Tornado's test modules are run, and what each needs.

A module whose needs are not met is reported as waiting, not as failing: it switches itself on when
the last of them is there.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass

__all__ = ["FAST", "SUBSTITUTED", "SUITES", "Suite", "suite_named"]

#: Modules of ``tornado`` that are replaced by those of ``cyclone``.
SUBSTITUTED = (
    "escape",
    "httputil",
    "template",
    "locale",
    "options",
    "routing",
    "web",
    "websocket",
    "auth",
    "wsgi",
    "httpserver",
)


@dataclass(frozen=True)
class Suite:
    """One test module of Tornado.

    Attributes:
        name: ``web`` for ``tornado.test.web_test``.
        needs: names without which it makes no sense to run: modules, or names in modules.
        classes: patterns of the test classes that look at what is substituted.
        also: modules that are replaced for this suite only, being tools for the others.
    """

    name: str
    needs: tuple[str, ...] = ()
    classes: tuple[str, ...] = ("*",)
    also: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        return f"tornado.test.{self.name}_test"

    def missing(self) -> list[str]:
        """Which of the needs are not met."""
        return [name for name in self.needs if not _exists(name)]


def _exists(name: str) -> bool:
    module, _, attribute = name.partition(":")
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError:
        return False
    return not attribute or hasattr(found, attribute)


_WEB = (
    "cyclone.template",
    "cyclone.web:UIModule",
    "cyclone.web:create_signed_value",
    "cyclone.web:GZipContentEncoding",
)

#: Switch a module on by adding a line; off by a need that is not there.
SUITES = (
    Suite("escape", ("cyclone.escape",)),
    Suite("httputil", ("cyclone.httputil",)),
    Suite("locale", ("cyclone.locale",)),
    Suite("options", ("cyclone.options",)),
    Suite("routing", ("cyclone.routing", "cyclone.wsgi")),
    Suite("template", ("cyclone.template",)),
    Suite("web", _WEB),
    Suite("auth", ("cyclone.auth", *_WEB)),
    Suite("httpserver", ("cyclone.httpserver",)),
    Suite("wsgi", ("cyclone.wsgi",)),
    Suite("websocket", ("cyclone.websocket",)),
    Suite("simple_httpclient", ("cyclone.web:GZipContentEncoding",)),
    Suite("security_corpus", (*_WEB, "cyclone.websocket")),
    Suite("property", ("cyclone.template", "cyclone.websocket")),
    Suite("gen", ("cyclone.web",), ("GenWebTest",)),
    Suite("asyncio", ("cyclone.web",), ("SelectorThreadContextvarsTest",)),
    Suite("circlerefs", ("cyclone.web",)),
    Suite("log", ("cyclone.log",), ("LogFormatterTest", "EnablePrettyLoggingTest"), ("log",)),
)

#: Those that ``make test`` runs: all but one whose tests try many examples.
FAST = tuple(suite.name for suite in SUITES if suite.name != "property")


def suite_named(name: str) -> Suite:
    """The suite of that name.

    Raises:
        LookupError: there is none.
    """
    for suite in SUITES:
        if suite.name == name:
            return suite
    raise LookupError(f"no such test module: {name}; there are {[s.name for s in SUITES]}")
