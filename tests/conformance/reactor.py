"""Twisted's own tests on our reactor: ``python -m tests.conformance.reactor`` (make
conformance-reactor) runs them and writes what came of it into docs/conformance.md.

There are two kinds: those that make the reactor they test (`reactor_builders`), and all others that
use whatever reactor trial runs on.  Each group runs in a process of its own.  What is left out
stands in ``reactor_exclusions.txt``, with the reasons.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest import TestSuite

from twisted.application.reactors import installReactor

from tests.conformance.reactor_tables import MODULES, exclusions

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conformance.md"
BEGIN, END = "<!-- reactor: begin -->", "<!-- reactor: end -->"

#: Run by trial with ``--reactor=uvloop``.
ON_OUR_REACTOR = [
    "twisted.internet.test.test_endpoints",
    "twisted.internet.test.test_resolver",
    "twisted.protocols",
    "twisted.test.test_amp",
    "twisted.test.test_application",
    "twisted.test.test_ftp",
    "twisted.test.test_internet",
    "twisted.test.test_iutils",
    "twisted.test.test_policies",
    "twisted.test.test_process",
    "twisted.test.test_ssl",
    "twisted.test.test_sslverify",
    "twisted.test.test_stdio",
    "twisted.test.test_task",
    "twisted.test.test_tcp",
    "twisted.test.test_threads",
    "twisted.test.test_unix",
    "twisted.conch.test.test_endpoints",
    "twisted.conch.test.test_filetransfer",
    "twisted.conch.test.test_ssh",
    "twisted.conch.test.test_transport",
    "twisted.conch.test.test_userauth",
    "twisted.spread",
    "twisted.mail",
    "twisted.names",
    "twisted.runner",
    "twisted.web",
    "twisted.words",
]

#: Modules of tests that need a library which is not among those this project installs.
NEEDS = {"twisted.web.test.test_http2": "httpx"}

#: Seconds that a group may take.
PATIENCE = 600


def run_group(name: str) -> dict[str, int]:
    """Run the tests of a module or package, and count what came of them."""
    command = [sys.executable, "-m", "tests.conformance.reactor", name]
    with tempfile.TemporaryDirectory() as directory:
        try:
            done = subprocess.run(
                [*command, f"{directory}/trial"],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired:
            return {"errors": 1}
    last = done.stdout.strip().splitlines()[-1:] or [""]
    counts = {key: int(n) for key, n in re.findall(r"(\w+)=(\d+)", last[0])}
    if counts.get("failures") or counts.get("errors") or not counts:
        print(done.stdout[-8000:], done.stderr[-2000:])
    return counts or {"errors": 1}


def run_in_this_process(name: str, directory: str) -> None:
    """Be trial for one group, without what is excluded."""
    if name not in MODULES:
        installReactor("uvloop")  # before anything asks for one
    from twisted.trial.reporter import VerboseTextReporter
    from twisted.trial.runner import TestLoader, TrialRunner

    names = [name]
    if name in MODULES:
        from tests.conformance import reactor_builders as ours

        short = name.rpartition(".")[2]
        names = [f"{ours.__name__}.{key}" for key in vars(ours) if key.startswith(f"{short}_")]
    suite = TestLoader().loadByNames(names, recurse=True)
    runner = TrialRunner(VerboseTextReporter, workingDirectory=directory)
    result = runner.run(TestSuite(wanted(suite)))
    sys.exit(not result.wasSuccessful())


def wanted(tests: Any) -> Iterator[Any]:
    """The tests of a suite, those to skip marked as such."""
    if isinstance(tests, Iterable):
        for test in tests:
            yield from wanted(test)
        return
    library = NEEDS.get(tests.id())
    if library is not None and importlib.util.find_spec(library) is None:
        return  # no test, but the error that its module could not be imported
    reason = exclusions().get(tests.id())
    if reason is not None:
        tests.skip = reason
    yield tests


def main() -> int:
    """Run everything, and write the table."""
    results = {}
    for group in sorted([*MODULES, *ON_OUR_REACTOR]):
        results[group] = run_group(group)
        print(f"{group}: {results[group]}", flush=True)
    write(table(results))
    return any(r.get("failures") or r.get("errors") for r in results.values())


def table(results: dict[str, dict[str, int]]) -> str:
    """The results as Markdown."""
    lines = ["| tests | passed | skipped | failed |", "|---|--:|--:|--:|"]
    total = [0, 0, 0]
    for group, counts in results.items():
        failed = counts.get("failures", 0) + counts.get("errors", 0)
        row = [counts.get("successes", 0), counts.get("skips", 0), failed]
        total = [a + b for a, b in zip(total, row, strict=True)]
        lines.append(f"| `{group}` | {row[0]} | {row[1]} | {row[2]} |")
    lines.append(f"| together | {total[0]} | {total[1]} | {total[2]} |")
    reasons = [f"* `{test}`: {reason}" for test, reason in exclusions().items()]
    return "\n".join(
        [
            *lines,
            "",
            "Skipped are tests for other systems, for libraries that are not installed, and these:",
            "",
            *reasons,
        ]
    )


def write(text: str) -> None:
    """Put the text between the marks on the page."""
    page = PAGE.read_text("utf-8")
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run_in_this_process(*sys.argv[1:])
    else:
        sys.exit(main())
