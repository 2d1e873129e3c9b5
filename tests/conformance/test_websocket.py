"""Some of Autobahn's cases on our server and client; ``make conformance-websocket`` runs all."""

from __future__ import annotations

from pathlib import Path

import pytest

from .websocket import KOSOKU, Unit, is_good, run, table

SIDES = [("default", "server"), ("uvloop", "client")]


@pytest.mark.skipif(not Path(KOSOKU).exists(), reason="kosoku is not installed")
@pytest.mark.parametrize(("reactor", "side"), SIDES)
def test_some_cases(reactor: str, side: str) -> None:
    cases = run(Unit(reactor, side, "fast"))
    assert len(cases) > 80
    assert {name for name, case in cases.items() if not is_good(case)} == set()


def test_the_table() -> None:
    good = {"behavior": "OK", "behaviorClose": "OK"}
    open_question = {"behavior": "INFORMATIONAL", "behaviorClose": "INFORMATIONAL"}
    bad = {"behavior": "NON-STRICT", "behaviorClose": "UNCLEAN"}
    text = table({("default", "server"): {"1.1": good, "1.2": open_question, "1.3": bad}})
    assert text.splitlines()[-1] == "| server | the stock one | 3 | 1 | 1 | 1 | 1 |"
    assert is_good(good)
    assert is_good(open_question)
    assert not is_good(bad)
