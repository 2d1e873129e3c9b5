"""Results by module: as a table, and between the markers of docs/conformance.md."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .exclusions import Exclusion
from .run import ROOT, Outcome
from .table import Suite

__all__ = ["document", "markdown", "put_between_markers"]

DOCUMENT = ROOT / "docs" / "conformance.md"
BEGIN, END = "<!-- tornado: begin -->", "<!-- tornado: end -->"

_HEAD = "# Conformance\n\nHow cyclone fares in tests that others wrote.\n"


def markdown(version: str, outcomes: Iterable[Outcome], waiting: Iterable[Suite]) -> str:
    """The section on Tornado's tests."""
    outcomes = list(outcomes)
    lines = [
        "## Tornado's own tests",
        "",
        f"The tests that ship inside Tornado {version}, run against cyclone's modules by",
        "`make conformance-tornado`, which writes this section. *Differs*: fails for the reason",
        "given below. Log messages are not compared: cyclone has its own.",
        "",
        "| test module | run | pass | skip themselves | differs | fail |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    rows = [(o.suite.name, _figures(o)) for o in outcomes]
    if len(rows) > 1:
        rows.append(
            ("**all**", [sum(column) for column in zip(*(f for _, f in rows), strict=True)])
        )
    lines += [f"| {name} | " + " | ".join(map(str, figures)) + " |" for name, figures in rows]
    lines += [
        f"| {suite.name} | waits for {', '.join(f'`{n}`' for n in suite.missing())} | | | | |"
        for suite in waiting
    ]
    lines += _entries("What differs", [(r.test, e) for o in outcomes for r, e in o.differing])
    lines += _entries("What is not run", _patterns(outcomes))
    failures = [result for o in outcomes for result in o.failures]
    if failures:
        lines += ["", "### What fails", ""]
        lines += [f"* `{result.test}`" for result in failures]
    return "\n".join(lines)


def _figures(outcome: Outcome) -> list[int]:
    return [
        len(outcome.results),
        outcome.count("pass"),
        outcome.count("skip"),
        len(outcome.differing),
        len(outcome.failures),
    ]


def _patterns(outcomes: list[Outcome]) -> list[tuple[str, Exclusion]]:
    entries = {entry.test: entry for o in outcomes for _, entry in o.unrun}
    return list(entries.items())


def _entries(title: str, entries: list[tuple[str, Exclusion]]) -> list[str]:
    """Entries with the same words are one item."""
    if not entries:
        return []
    grouped: dict[tuple[str, str], list[str]] = {}
    for test, entry in entries:
        grouped.setdefault((entry.reason, entry.instead), []).append(test)
    lines = ["", f"### {title}", ""]
    for (reason, instead), tests in grouped.items():
        lines.append(f"* {', '.join(f'`{test}`' for test in tests)}: {reason} *Instead:* {instead}")
    return lines


def put_between_markers(text: str, section: str) -> str:
    """`text` with `section` between the markers, which are added at the end if need be."""
    block = f"{BEGIN}\n{section}\n{END}"
    before, found, rest = text.partition(BEGIN)
    if not found:
        return f"{text.rstrip()}\n\n{block}\n"
    _, ended, after = rest.partition(END)
    if not ended:
        raise ValueError(f"{BEGIN} without {END}")
    return f"{before}{block}{after}"


def document(section: str, path: Path = DOCUMENT) -> None:
    """Write `section` into the document, which is made if need be."""
    text = path.read_text(encoding="utf-8") if path.exists() else _HEAD
    path.write_text(put_between_markers(text, section), encoding="utf-8")
