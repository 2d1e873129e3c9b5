"""Statistics, tables, the plot, and the generated parts of a document."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.document import replace_part
from bench.measures import COMPARISON, MEASURES
from bench.plot import bars, plot
from bench.report import (
    case_table,
    comparison,
    cost_ratio,
    further,
    machine,
    noise,
    ratios,
    reasons,
    spread,
)
from bench.results import CaseResult, Results, Table, Turn
from bench.run import DOCUMENT
from bench.servers import REFERENCE


def turn(cpu: float, answers: int = 1000, seconds: float = 2.0, foreign: float = 0.0) -> Turn:
    return Turn(answers, seconds, cpu, p50=500, p99=2500, foreign=foreign, client=0.25)


def results() -> Results:
    plain = CaseResult(
        {
            "cyclone-epoll": [turn(0.1), turn(0.3)],
            REFERENCE: [turn(1.0, foreign=0.03), turn(2.0)],
            "klein": [turn(1.5), turn(3.0)],
        },
        {"socketify": "socketify is not installed"},
    )
    page = CaseResult(
        {REFERENCE: [turn(1.0), turn(1.0)]}, {"cyclone-epoll": "template: status\n404"}
    )
    return Results("Somewhere.", {"plaintext": plain, "template": page})


def test_a_turn_s_figures() -> None:
    one = turn(cpu=1.5, answers=30000, seconds=2.0)
    assert one.cost == pytest.approx(50)
    assert one.rate == pytest.approx(15000)
    assert one.used == pytest.approx(0.75)


def test_spread() -> None:
    assert spread([3, 1, 2]).text(1) == "2.0 [1.0-3.0]"
    assert spread([0.125]).text(2) == "0.12 [0.12-0.12]"


def test_ratios_are_formed_within_rounds() -> None:
    # The machine was half as fast in the second round and a third in the third: no ratio moves.
    case = CaseResult(
        {
            REFERENCE: [turn(1.0), turn(2.0), turn(3.0)],
            "klein": [turn(0.1), turn(0.2), turn(0.3)],
        }
    )
    ratio = cost_ratio(case, "klein")
    assert ratio is not None
    assert [ratio.low, ratio.median, ratio.high] == pytest.approx([0.1, 0.1, 0.1])


def test_throughput_ratios() -> None:
    case = CaseResult({REFERENCE: [turn(1, 100), turn(1, 200)], "b": [turn(1, 300), turn(1, 400)]})
    ratio = ratios(case, "b", lambda turn: turn.rate)
    assert ratio is not None
    assert (ratio.low, ratio.median, ratio.high) == pytest.approx((2, 2.5, 3))


def test_no_ratio_without_the_reference() -> None:
    assert cost_ratio(CaseResult({"klein": [turn(1)]}), "klein") is None
    assert cost_ratio(CaseResult({REFERENCE: [turn(1)]}), "klein") is None


def test_a_round_without_its_partner_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        cost_ratio(CaseResult({REFERENCE: [turn(1)], "b": [turn(1), turn(1)]}), "b")


def test_who_fails_is_left_out_with_all_turns() -> None:
    case = CaseResult({"klein": [turn(1)]})
    case.leave_out("klein", "wrong body")
    assert case == CaseResult({}, {"klein": "wrong body"})


def test_the_table_has_the_cheapest_first() -> None:
    lines = case_table("plaintext", results().cases["plaintext"]).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:5]] == [
        "| cyclone, epoll reactor",
        "| Tornado",
        "| Klein",
    ]
    assert lines[2] == (
        "| cyclone, epoll reactor | 0.12 [0.10-0.15] | 200.0 [100.0-300.0] | 500 | 1.0 [1.0-1.0] "
        "| 0.50 | 1.00 [1.00-1.00] | 2.50 | 0.10 |"
    )
    assert len({line.count("|") for line in lines[:5]}) == 1
    assert lines[-1] == "n/a: socketify."


def test_a_whole_comparison() -> None:
    text = comparison(results())
    assert text.startswith("Somewhere. Other programs took 0% of the server's core in the median")
    assert "| case | cyclone, epoll reactor | Tornado | Klein |" in text
    assert "| Plaintext | **0.12** | 1.00 | 1.50 |" in text
    assert "| Template, 50 escaped rows | n/a | **1.00** | n/a |" in text
    assert "### Template, 50 escaped rows" in text


def test_noise_is_told() -> None:
    assert "at most 3%; the load generator at most 25% of its own" in noise(results())
    assert noise(Results()) == ""


def test_reasons_are_one_line_each() -> None:
    assert reasons(results()).splitlines() == [
        "n/a: plaintext: socketify: socketify is not installed",
        "n/a: template: cyclone-epoll: template: status 404",
    ]


def test_further_tables() -> None:
    text = further(
        [Table("Title", ["server", "ms"], [["Klein", "3"]], "A note."), Table("T", [], [])]
    )
    assert "### Title\n\n| server | ms |\n|---|--:|\n| Klein | 3 |\n\nA note." in text


def test_the_machine_has_no_name() -> None:
    assert re.fullmatch(r"\w+ on \w+, 3 core\(s\), CPython [\d.]+\S*", machine(cores=3))


def test_results_survive_a_file(tmp_path: Path) -> None:
    before = results()
    before.tables["calls"] = Table("Calls", ["case", "calls"], [["Plaintext", "18"]], "Note.")
    before.save(tmp_path / "results.json")
    assert Results.load(tmp_path / "results.json") == before


# --- the plot ------------------------------------------------------------------------------------


def test_the_plot_has_the_cheapest_first() -> None:
    assert [bar.name for bar in bars(results().cases["plaintext"])] == [
        "cyclone-epoll",
        REFERENCE,
        "klein",
    ]


def test_the_plot_is_a_document_that_tells_what_it_shows() -> None:
    svg = ElementTree.fromstring(plot(results()))
    names = {"svg": "http://www.w3.org/2000/svg"}
    assert svg.get("role") == "img"
    described = [
        svg.find(f"svg:*[@id='{name}']", names) for name in svg.get("aria-labelledby", "").split()
    ]
    title, description = (element.text or "" for element in described if element is not None)
    assert title == "CPU time of the server, as ratio to Tornado"
    assert "Plaintext: cyclone, epoll reactor 0.12, Tornado 1.00, Klein 1.50." in description
    assert "prefers-color-scheme: dark" in plot(results())


def test_the_plot_stays_on_its_page() -> None:
    svg = ElementTree.fromstring(plot(results()))
    width, height = float(svg.get("width", "0")), float(svg.get("height", "0"))
    for box in svg.iter("{http://www.w3.org/2000/svg}rect"):
        assert float(box.get("x", "0")) + float(box.get("width", "0")) <= width
        assert float(box.get("y", "0")) + float(box.get("height", "0")) <= height


# --- the document --------------------------------------------------------------------------------


def test_replacing_keeps_what_is_around() -> None:
    text = "before\n<!-- bench: x -->\nold\n<!-- bench: end of x -->\nafter\n"
    new = replace_part(text, "x", "new\n")
    assert new == "before\n<!-- bench: x -->\n\nnew\n\n<!-- bench: end of x -->\nafter\n"
    assert replace_part(new, "x", "new") == new


START, END = "<!-- bench: x -->", "<!-- bench: end of x -->"


@pytest.mark.parametrize("text", ["", START, END + START, START + END + END])
def test_replacing_needs_the_comments(text: str) -> None:
    with pytest.raises(ValueError, match="once each, in order"):
        replace_part(text, "x", "new")


@pytest.mark.parametrize("name", [COMPARISON, *MEASURES])
def test_the_document_has_a_place_for_everything(name: str) -> None:
    replace_part(DOCUMENT.read_text("utf-8"), name, "new")
