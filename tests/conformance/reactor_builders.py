"""Twisted's own reactor tests, on our reactor; ``python -m tests.conformance.reactor`` runs them.

A class of tests in `twisted.internet.test` is a `ReactorBuilder`: given a function that makes a
reactor, it tests that.  Here each of them is given ours.  Trial finds the classes by the names
that are put into this module's namespace.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

import uvloop
from twisted.internet.test.reactormixins import ReactorBuilder
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from cyclone.uvloopreactor import UvloopReactor
from tests.conformance.reactor_tables import MODULES, exclusions


def make_reactor(test: Any) -> UvloopReactor:
    """A reactor on a loop of its own, which is closed when the test is over."""
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    test.addCleanup(loop.close)
    return UvloopReactor(loop)


def builders() -> dict[str, type[ReactorBuilder]]:
    """The classes of tests, by module and name."""
    found = {}
    for name in MODULES:
        members = vars(importlib.import_module(name))
        for builder in members.values():
            # Those that Twisted itself makes tests of; others are bases.
            made = f"{getattr(builder, '__name__', None)}_AsyncioSelectorReactorTests"
            if made in members:
                found[f"{name.rpartition('.')[2]}.{builder.__name__}"] = builder
    return found


def on_our_reactor(name: str, builder: type[ReactorBuilder]) -> type:
    """The tests of `builder`, with our reactor."""
    members: dict[str, Any] = {
        "__module__": __name__,
        "reactorFactory": make_reactor,
        "timeout": 30,
    }
    excluded = exclusions()
    if name in excluded:
        members["skip"] = excluded[name]
    for test in dir(builder):
        reason = excluded.get(f"{name}.{test}")
        if reason is not None:
            members[test] = _skipped(reason)
    return type(name.replace(".", "_"), (builder, SynchronousTestCase), members)


def _skipped(reason: str) -> Any:
    def skipped(self: Any) -> None:
        raise SkipTest(reason)

    return skipped


for _name, _builder in builders().items():
    globals()[_name.replace(".", "_")] = on_our_reactor(_name, _builder)
