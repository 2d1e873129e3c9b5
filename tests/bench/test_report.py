"""Statistics, tables, CPU clocks' text formats and the shape of a run."""

from __future__ import annotations

import pytest

from bench.cpu import busy_seconds, schedstat_seconds, stat_seconds
from bench.load import Sample
from bench.report import (
    END_MARK,
    START_MARK,
    Turn,
    case_table,
    cost_ratios,
    machine,
    noise,
    rate_ratios,
    replace_between,
    spread,
)
from bench.run import Plan, main, rotated, tables
from bench.servers import REFERENCE, SERVERS, ServerSpec


def turn(cpu: float, responses: int = 1000, seconds: float = 2.0, foreign: float = 0.0) -> Turn:
    return Turn(Sample(responses, seconds, cpu), foreign)


def test_a_turn_s_figures() -> None:
    one = turn(cpu=1.5, responses=30000, seconds=2.0)
    assert one.microseconds == pytest.approx(50)
    assert one.rate == pytest.approx(15000)
    assert one.used == pytest.approx(0.75)


def test_spread() -> None:
    assert spread([3, 1, 2]).text(1) == "2.0 [1.0-3.0]"
    assert spread([0.125]).text(2) == "0.12 [0.12-0.12]"


def test_ratios_are_formed_within_rounds() -> None:
    # The machine was half as fast in the second round and a third in the third: no ratio moves.
    rounds = {
        "tornado": [turn(1.0), turn(2.0), turn(3.0)],
        "cyclone": [turn(0.1), turn(0.2), turn(0.3)],
    }
    ratio = cost_ratios(rounds, "cyclone", "tornado")
    assert [ratio.low, ratio.median, ratio.high] == pytest.approx([0.1, 0.1, 0.1])


def test_throughput_ratios() -> None:
    rounds = {"a": [turn(1, 100), turn(1, 200)], "b": [turn(1, 300), turn(1, 400)]}
    ratio = rate_ratios(rounds, "b", "a")
    assert (ratio.low, ratio.median, ratio.high) == pytest.approx((2, 2.5, 3))


def test_a_round_without_its_partner_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        cost_ratios({"a": [turn(1)], "b": [turn(1), turn(1)]}, "b", "a")


def test_the_table_has_the_cheapest_first() -> None:
    rounds = {"a": [turn(1.0)], "b": [turn(0.25, 2000, 1.0)]}
    lines = case_table(rounds, {"a": "Ay", "b": "Bee"}, "a").splitlines()
    assert lines[2] == (
        "| Bee | 0.12 [0.12-0.12] | 125.0 [125.0-125.0] | 2000 | 4.0 [4.0-4.0] | 0.25 |"
    )
    assert lines[3].startswith("| Ay | 1.00 [1.00-1.00] | 1000.0")
    assert len({line.count("|") for line in lines}) == 1


def test_noise_is_the_worst_turn_s() -> None:
    assert noise({"x": {"a": [turn(1), turn(1, foreign=0.2)], "b": [turn(1, foreign=0.1)]}}) == 0.2


def test_a_whole_report() -> None:
    plan = Plan(["cyclone", REFERENCE], ["plaintext", "json"], rounds=1)
    results = {
        case: {"cyclone": [turn(0.1)], REFERENCE: [turn(1.0, foreign=0.03)]} for case in plan.cases
    }
    text = tables(plan, results)
    assert "| cyclone, epoll reactor | 0.10 [0.10-0.10] | 0.10 [0.10-0.10] |" in text
    assert "### JSON" in text
    assert "at most 3%" in text
    assert machine() in text


def test_replacing_keeps_what_is_around() -> None:
    text = f"before\n{START_MARK}\nold\n{END_MARK}\nafter\n"
    new = replace_between(text, "new\n")
    assert new == f"before\n{START_MARK}\n\nnew\n\n{END_MARK}\nafter\n"
    assert replace_between(new, "new") == new


@pytest.mark.parametrize(
    "text",
    ["", START_MARK, END_MARK + START_MARK, START_MARK + END_MARK + END_MARK],
)
def test_replacing_needs_the_marks(text: str) -> None:
    with pytest.raises(ValueError, match="once each, in order"):
        replace_between(text, "new")


def test_each_server_goes_first_in_its_turn() -> None:
    orders = [rotated(["a", "b", "c"], number) for number in range(4)]
    assert orders == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]]


def test_only_a_whole_run_may_be_published() -> None:
    assert Plan([*SERVERS], ["plaintext", "browser", "json", "parameters"]).complete
    assert not Plan([*SERVERS], ["plaintext"]).complete
    assert not Plan([REFERENCE], ["plaintext", "browser", "json", "parameters"]).complete
    assert not Plan([*SERVERS], ["plaintext", "browser", "json", "parameters"], rounds=2).complete


@pytest.mark.parametrize("option", ["--servers=nobody", "--cases=nothing"])
def test_unknown_names_are_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([option]) == 1
    assert "there are:" in capsys.readouterr().err


def test_a_missing_peer_is_known_before_the_run() -> None:
    spec = ServerSpec("x", "X", "x_app", ("pytest", "no-such-distribution"))
    assert spec.missing() == ["no-such-distribution"]


def test_clock_texts() -> None:
    assert schedstat_seconds("1500000000 17 3\n") == 1.5
    assert schedstat_seconds("") == 0.0
    numbers = " ".join(str(number) for number in range(4, 53))
    # utime and stime are fields 14 and 15; the command may hold spaces and parentheses.
    assert stat_seconds(f"77 (a) b (c) S {numbers}") == pytest.approx((14 + 15) / 100, rel=1)
    assert stat_seconds("") == 0.0


def test_core_seconds_leave_idle_time_out() -> None:
    text = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 0 0 0 5000 50 0 0 0 0 0\ncpu1 1 2 3 70 80 4 5 6 0 0\n"
    assert busy_seconds(text, 0) == 0.0
    assert busy_seconds(text, 1) == busy_seconds("cpu1 21 0 0 0 0 0 0 0 0 0", 1) > 0
    assert busy_seconds(text, 7) == 0.0
