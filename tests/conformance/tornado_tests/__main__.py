"""``make conformance-tornado``."""

from __future__ import annotations

import argparse
import importlib.metadata
import sys

from . import report
from .run import Outcome, choose, run_suite
from .table import SUITES, suite_named


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m tests.conformance.tornado_tests")
    made.add_argument("--modules", help="comma-separated; all by default")
    made.add_argument("--test", default="*", help="only ids that match this pattern")
    made.add_argument("--write", action="store_true", help="rewrite docs/conformance.md")
    made.add_argument("-v", "--verbose", action="store_true", help="show tracebacks")
    return made


def show(outcome: Outcome, verbose: bool) -> None:
    """Tell how a module went."""
    print(
        f"{outcome.suite.name:18} {outcome.count('pass'):4} of {len(outcome.results):4} pass,"
        f" {outcome.count('skip')} skip, {len(outcome.differing)} differ,"
        f" {len(outcome.failures)} fail",
        flush=True,
    )
    for result in outcome.failures:
        print(f"  {result.status:7} {result.test}: {result.reason}")
        if result.missing:
            print(f"          missing: {', '.join(result.missing)}")
        if verbose:
            print(result.traceback)
    for test in outcome.stale:
        print(f"  passes, but is listed in exclusions.toml: {test}")


def main() -> int:
    options = parser().parse_args()
    names = options.modules.split(",") if options.modules else [suite.name for suite in SUITES]
    suites = [suite_named(name) for name in names]
    waiting = [suite for suite in suites if suite.missing()]
    chosen = choose([suite for suite in suites if suite not in waiting], pattern=options.test)
    outcomes = []
    for outcome in chosen.values():
        if outcome.results:
            outcomes.append(run_suite(outcome))
            show(outcome, options.verbose)
    for suite in waiting:
        print(f"{suite.name:18} waits for {', '.join(suite.missing())}")
    if options.write:
        version = importlib.metadata.version("tornado")
        report.document(report.markdown(version, outcomes, waiting))
    return int(any(outcome.failures or outcome.stale for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
