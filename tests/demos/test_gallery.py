"""The gallery's catalogue, and what happens to a demo that does not start."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

DEMOS = Path(__file__).parents[2] / "demos"
#: What is no demo to be opened in a browser over HTTP.
OTHERS = {"gallery", "ssl", "fakeservices"}


@pytest.fixture(scope="module")
def gallery() -> Iterator[Any]:
    """The modules of the demo, by name."""
    sys.path.insert(0, str(DEMOS / "gallery"))
    try:
        yield lambda name: importlib.import_module(f"gallery.{name}")
    finally:
        sys.path.remove(str(DEMOS / "gallery"))
        for name in [name for name in sys.modules if name.partition(".")[0] == "gallery"]:
            del sys.modules[name]


def test_every_demo_is_in_the_catalogue(gallery: Any) -> None:
    listed = {demo.name: demo for room in gallery("catalogue").ROOMS.values() for demo in room}
    there = {str(path.parent.relative_to(DEMOS)) for path in DEMOS.rglob("README.md")}
    assert there - {".", *OTHERS} <= listed.keys()
    missing = [demo.name for demo in listed.values() if not (demo.directory / demo.target).exists()]
    assert missing == []
    assert len({demo.slug for demo in listed.values()}) == len(listed)


PROGRAM = """
import pathlib, sys
from twisted.internet import defer, task
from gallery.catalogue import Demo
from gallery.keeper import CannotStart, Keeper

async def main(reactor):
    keeper = Keeper(reactor)
    bottle = Demo("bottle", "Short links", "")
    first = defer.ensureDeferred(keeper.port_of(bottle, "127.0.0.1"))
    port = await keeper.port_of(bottle, "127.0.0.1")
    assert await first == port > 0
    assert list(keeper.running) == ["bottle"]
    broken = Demo(sys.argv[1], "Broken", "", target="broken.py")
    for _ in range(2):
        try:
            await keeper.port_of(broken, "127.0.0.1")
        except CannotStart as error:
            assert "on purpose" in str(error), error
        else:
            raise AssertionError("it started")
    await keeper.stop()
    assert keeper.running == {}
    print("all is well")

task.react(lambda reactor: defer.ensureDeferred(main(reactor)))
"""


def test_demos_are_started_once_or_say_why_not(spawn: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("raise ValueError('on purpose')")
    program = spawn([sys.executable, "-c", PROGRAM, str(tmp_path)], cwd=DEMOS / "gallery")
    program.wait(40)
    assert "all is well" in program.output
