"""The runner of Tornado's tests: what it makes of results, exclusions and documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.tornado_tests import exclusions, report
from tests.conformance.tornado_tests.exclusions import Exclusion, Exclusions
from tests.conformance.tornado_tests.run import Outcome, Result, judge
from tests.conformance.tornado_tests.stand_in import Missing, missing_used, placeholder
from tests.conformance.tornado_tests.table import FAST, SUITES, Suite, suite_named

DIFFERS = Exclusion("a_test.A.one", "differs", "it does.", "we do so.")
UNRUN = Exclusion("a_test.B.*", "unrun", "private.", "nothing.")


def outcome_of(*results: Result) -> Outcome:
    outcome = Outcome(Suite("a"), results=list(results))
    judge(outcome, Exclusions([DIFFERS, UNRUN]))
    return outcome


def test_results_are_judged_by_the_exclusions() -> None:
    one, two = Result("a_test.A.one", "fail"), Result("a_test.A.two", "error", "why")
    outcome = outcome_of(one, two, Result("a_test.A.three", "skip"))
    assert outcome.differing == [(one, DIFFERS)]
    assert outcome.failures == [two]
    assert outcome.stale == []
    assert outcome_of(Result("a_test.A.one", "pass")).stale == ["a_test.A.one"]


def test_patterns_are_for_what_is_not_run() -> None:
    entries = Exclusions([DIFFERS, UNRUN])
    assert entries.unrun("a_test.B.any") is UNRUN
    assert entries.unrun("a_test.A.one") is None
    assert entries.differs("a_test.B.any") is None


def write(path: Path, text: str) -> Path:
    file = path / "exclusions.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    "text",
    [
        '[[differs]]\ntests=["a"]\nreason="r"\n',
        '[[differs]]\ntests=["a"]\nreason="r"\ninstead=""\n',
        '[[differs]]\ntests=["a*"]\nreason="r"\ninstead="i"\n',
        '[[unrun]]\ntests=["a","a"]\nreason="r"\ninstead="i"\n',
    ],
)
def test_entries_are_checked(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        exclusions.load(write(tmp_path, text))


def test_the_file_is_sound() -> None:
    entries = exclusions.load().entries
    assert entries
    names = {suite.name for suite in SUITES}
    assert {entry.test.partition("_test.")[0] for entry in entries} <= names


def test_the_table_is_sound() -> None:
    assert len({suite.name for suite in SUITES}) == len(SUITES)
    assert all(suite_named(name).name == name for name in FAST)
    with pytest.raises(LookupError, match="no such test module: nowhere"):
        suite_named("nowhere")
    assert Suite("x", ("cyclone.nowhere", "cyclone.web:Nothing", "cyclone.web")).missing() == [
        "cyclone.nowhere",
        "cyclone.web:Nothing",
    ]


def test_the_report() -> None:
    outcome = outcome_of(Result("a_test.A.one", "fail"), Result("a_test.A.two", "pass"))
    outcome.unrun.append(("a_test.B.x", UNRUN))
    text = report.markdown("6.6", [outcome], [Suite("b", ("cyclone.nowhere",))])
    assert "| a | 2 | 1 | 0 | 1 | 0 |" in text
    assert "| b | waits for `cyclone.nowhere` | | | | |" in text
    assert "* `a_test.A.one`: it does. *Instead:* we do so." in text
    assert "* `a_test.B.*`: private. *Instead:* nothing." in text
    assert "What fails" not in text
    failing = outcome_of(Result("a_test.A.two", "fail"))
    text = report.markdown("6.6", [failing, failing], [])
    assert "* `a_test.A.two`" in text
    assert "| **all** | 2 | 0 | 0 | 0 | 2 |" in text


def test_documents_keep_what_is_outside_of_the_markers(tmp_path: Path) -> None:
    path = tmp_path / "conformance.md"
    report.document("first", path)
    assert path.read_text().startswith("# Conformance\n")
    path.write_text(path.read_text() + "\n<!-- others -->\n")
    report.document("second", path)
    text = path.read_text()
    assert "first" not in text
    assert text.index("second") < text.index("<!-- others -->")
    path.write_text(report.BEGIN)
    with pytest.raises(ValueError, match="without"):
        report.document("third", path)


def test_placeholders_may_be_named_but_not_used() -> None:
    missing = placeholder("cyclone.web.Thing")
    assert issubclass(missing, Missing)
    assert missing.attribute.label == "cyclone.web.Thing.attribute"  # type: ignore[attr-defined]
    missing_used.clear()
    with pytest.raises(NotImplementedError, match=r"cyclone\.web\.Thing is missing"):
        missing()
    assert missing_used == {"cyclone.web.Thing"}
    with pytest.raises(AttributeError):
        missing.__wrapped__  # type: ignore[attr-defined]  # noqa: B018
