"""The command line, and what is read from the texts of other programs."""

from __future__ import annotations

import sys

import pytest

from bench.apps.common import UNAVAILABLE
from bench.cases import CASES
from bench.cpu import busy_seconds, schedstat_seconds, stat_seconds, status_number
from bench.measures.instructions import NoCount, instructions
from bench.measures.syscalls import counts
from bench.run import BenchError, _parser, chosen, conditions, main, make_plan
from bench.servers import REFERENCE, SERVERS, ServerSpec
from bench.turns import Plan, rotated

DATABASE = ["db", "queries", "updates", "fortunes"]


def plan_of(*arguments: str) -> Plan:
    return make_plan(_parser().parse_args(arguments))


def test_each_server_goes_first_in_its_turn() -> None:
    orders = [rotated(["a", "b", "c"], number) for number in range(4)]
    assert orders == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]]


def test_a_run_has_everything_unless_told_otherwise() -> None:
    plan = plan_of()
    assert plan.servers == [*SERVERS]
    assert plan.cases == [name for name in CASES if name not in DATABASE]
    assert plan_of("--database").cases == DATABASE
    assert plan_of("--cases=db,json").cases == ["db", "json"]
    assert plan_of("--full").rounds > plan.rounds
    assert plan_of("--full", "--rounds=1").rounds == 1


def test_the_reference_takes_part_always() -> None:
    assert plan_of("--servers=klein").servers == ["klein", REFERENCE]


def test_the_shape_of_a_turn() -> None:
    plan = plan_of("--seconds=3", "--volley", "--connections=7")
    assert plan.shape(CASES["plaintext"]).connections == 7
    assert plan.shape(CASES["broadcast"]).connections == 100
    arguments = plan.shape(CASES["plaintext"]).arguments()
    assert "--volley" in arguments and "--seconds=3.0" in arguments
    assert "in volleys" in conditions(plan)
    assert "as soon as" in conditions(plan_of())


def test_names_are_chosen_from_what_is_known() -> None:
    assert chosen("b,a", ["a", "b"], "thing") == ["b", "a"]
    assert chosen(None, ["a", "b"], "thing") == ["a", "b"]
    with pytest.raises(BenchError, match="no thing 'c'; there are: a, b"):
        chosen("a,c", ["a", "b"], "thing")


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmark runs on Linux")
@pytest.mark.parametrize("option", ["--servers=nobody", "--cases=nothing", "--only=nonsense"])
def test_unknown_names_are_refused(
    option: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.run.program", lambda: None)
    monkeypatch.setattr("bench.run._raise_limits", lambda: None)
    assert main([option]) == 1
    assert "there are:" in capsys.readouterr().err


def test_a_missing_peer_is_known_before_it_is_started() -> None:
    spec = ServerSpec("x", "X", "x_app", ("pytest", "no-such-distribution"), "x")
    assert spec.missing() == ["no-such-distribution"]


def test_the_status_of_who_cannot_run_is_no_other_s() -> None:
    assert UNAVAILABLE not in (0, 1, 2)


# --- texts of other programs ---------------------------------------------------------------------


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


def test_numbers_of_a_status_text() -> None:
    text = "Name:\tpython\nVmRSS:\t   20480 kB\nvoluntary_ctxt_switches:\t7\n"
    assert status_number(text, "VmRSS") == 20480
    assert status_number(text, "voluntary_ctxt_switches") == 7
    assert status_number(text, "nonvoluntary_ctxt_switches") == 0


def test_cachegrind_s_count() -> None:
    assert instructions("==7== \n==7== I   refs:      1,234,567\n") == 1234567
    assert instructions("==7== I refs:        89\n") == 89
    with pytest.raises(NoCount, match="out of order"):
        instructions("==7== something\nout of order\n")


def test_strace_s_counts() -> None:
    summary = (
        "% time     seconds  usecs/call     calls    errors syscall\n"
        "------ ----------- ----------- --------- --------- ----------------\n"
        " 60.00    0.060000          10      1000           sendto\n"
        " 40.00    0.040000          10      2001         1 recvfrom\n"
        "------ ----------- ----------- --------- --------- ----------------\n"
        "100.00    0.100000          10      3001         1 total\n"
    )
    assert counts(summary) == {"recvfrom": 2001, "sendto": 1000}
    assert list(counts(summary)) == ["recvfrom", "sendto"]
    assert counts("") == {}
