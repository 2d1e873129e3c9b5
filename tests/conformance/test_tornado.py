"""Tornado's own tests, as many as are quick; ``make conformance-tornado`` runs all of them."""

from __future__ import annotations

import pytest

from tests.conformance.tornado_tests.run import choose, run_suite
from tests.conformance.tornado_tests.table import FAST, suite_named

pytest.importorskip("tornado")


@pytest.mark.slow
@pytest.mark.timeout(170)
@pytest.mark.parametrize("name", FAST)
def test_module(name: str) -> None:
    suite = suite_named(name)
    if missing := suite.missing():
        pytest.skip(f"waits for {', '.join(missing)}")
    outcome = run_suite(choose([suite])[name])
    problems = [f"{result.test}: {result.reason}" for result in outcome.failures]
    problems += [f"{test} passes: take it out of exclusions.toml" for test in outcome.stale]
    assert not problems, "\n".join(problems)
    assert outcome.count("pass"), "nothing was run"
