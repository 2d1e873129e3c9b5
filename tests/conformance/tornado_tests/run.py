"""Starts a child for each test module, takes what it tells, and judges it."""

from __future__ import annotations

import fnmatch
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import exclusions
from .exclusions import Exclusion, Exclusions
from .table import Suite

__all__ = ["Outcome", "Result", "choose", "run_suite"]

ROOT = Path(__file__).parents[3]

#: Seconds for one test, and for the start and end of a child beside its tests.
TEST_SECONDS = 30.0
CHILD_SECONDS = 30.0


@dataclass(frozen=True)
class Result:
    """How one test ended: ``pass``, ``fail``, ``error``, ``timeout`` or ``skip``."""

    test: str
    status: str
    reason: str = ""
    traceback: str = ""
    missing: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        return self.status in ("pass", "skip")


@dataclass
class Outcome:
    """How one test module went.

    Attributes:
        results: of the tests that were run.
        unrun: tests that were left out, with their entries.
        differing: failures that are excluded.
        failures: failures that are not.
        stale: excluded as failing, and passed.
    """

    suite: Suite
    results: list[Result] = field(default_factory=list)
    unrun: list[tuple[str, Exclusion]] = field(default_factory=list)
    differing: list[tuple[Result, Exclusion]] = field(default_factory=list)
    failures: list[Result] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)

    def count(self, status: str) -> int:
        return sum(result.status == status for result in self.results)


def _environment() -> dict[str, str]:
    return dict(
        os.environ,
        ASYNC_TEST_TIMEOUT="10",
        NO_NETWORK="1",
        EMULATION="1",  # Tornado's tests are more patient then
        CI="true",  # hypothesis: the same examples in every run
        PYTHONPATH=os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        PYTHONOPTIMIZE="",  # Tornado's tests assert
    )


def _messages(task: dict[str, Any], seconds: float) -> Iterator[dict[str, Any]]:
    """Run a child in a directory of its own and yield what it sends; it is gone at the end."""
    reading, writing = os.pipe()
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", f"{__package__}.child"],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            pass_fds=[writing],
            env=_environment(),
            cwd=directory,
        )
        os.close(writing)
        watchdog = threading.Timer(seconds, child.kill)
        watchdog.start()
        try:
            with os.fdopen(reading) as lines:
                with child.stdin as stdin:  # type: ignore[union-attr]
                    stdin.write(json.dumps({**task, "descriptor": writing}).encode())
                for line in lines:
                    yield json.loads(line)
            child.wait()
        finally:
            watchdog.cancel()
            child.kill()
            child.wait()
        output.seek(0)
        yield {"event": "gone", "output": output.read()[-3000:].decode(errors="replace")}


def _all_tests(suites: list[Suite]) -> dict[str, list[str]]:
    names = [suite.name for suite in suites]
    tests: dict[str, list[str]] = {}
    for message in _messages({"list": names}, CHILD_SECONDS * 2):
        if message["event"] == "list":
            tests = message["tests"]
        elif not tests:
            raise RuntimeError(f"cannot list Tornado's tests: {message['output']}")
    return tests


def choose(
    suites: list[Suite], excluded: Exclusions | None = None, pattern: str = "*"
) -> dict[str, Outcome]:
    """List the tests of `suites`; leave out those that are not to be run."""
    excluded = excluded or exclusions.load()
    chosen: dict[str, Outcome] = {}
    listed = _all_tests(suites)
    for suite in suites:
        outcome = chosen[suite.name] = Outcome(suite)
        for test in listed[suite.name]:
            group = test.split(".")[1]
            entry = excluded.unrun(test)
            if entry is not None:
                outcome.unrun.append((test, entry))
            elif any(fnmatch.fnmatchcase(group, wanted) for wanted in suite.classes) and (
                fnmatch.fnmatchcase(test, pattern)
            ):
                outcome.results.append(Result(test, "error", "not run"))
    return chosen


def run_suite(outcome: Outcome, excluded: Exclusions | None = None) -> Outcome:
    """Run the tests that were chosen and judge the results. A dead child is replaced."""
    excluded = excluded or exclusions.load()
    todo = [result.test for result in outcome.results]
    done: dict[str, Result] = {}
    while todo:
        task = {"module": outcome.suite.name, "tests": todo, "seconds": TEST_SECONDS}
        current, ended, output = "", False, ""
        for message in _messages(task, CHILD_SECONDS + 3 * len(todo)):
            if message["event"] == "start":
                current = message["id"]
            elif message["event"] == "result":
                result = _result(message["result"])
                done[result.test] = result
            elif message["event"] == "end":
                ended = True
            else:
                output = message["output"]
        if not ended and current not in todo:
            raise RuntimeError(f"{outcome.suite.module} cannot be run: {output}")
        if not ended and current not in done:
            done[current] = Result(current, "error", "the process died", output)
        todo = [test for test in todo if test not in done]
    outcome.results = [done[result.test] for result in outcome.results]
    judge(outcome, excluded)
    return outcome


def _result(raw: dict[str, Any]) -> Result:
    return Result(
        raw["id"],
        raw["status"],
        raw.get("reason", ""),
        raw.get("traceback", ""),
        tuple(raw["missing"]),
    )


def judge(outcome: Outcome, excluded: Exclusions) -> None:
    """Compare results with the exclusions."""
    for result in outcome.results:
        entry = excluded.differs(result.test)
        if result.good and entry is not None:
            outcome.stale.append(result.test)
        elif not result.good and entry is not None:
            outcome.differing.append((result, entry))
        elif not result.good:
            outcome.failures.append(result)
