"""The command: servers in turn, round after round, then the tables.

::

    python -m bench                      all servers, all cases; rewrites docs/performance.md
    python -m bench --quick              a look: two short rounds, nothing written
    python -m bench --servers cyclone,tornado --cases plaintext --rounds 9
    python -m bench --calls              Python function calls per request, no network, no clock
    python -m bench --profile plaintext  where the CPU time goes, without network
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.cases import CASES, WrongAnswer
from bench.cpu import NoProc, core_seconds, pinned, require_proc, tree_seconds, two_cores
from bench.load import Sample
from bench.report import (
    Rounds,
    Turn,
    case_table,
    cost_ratios,
    machine,
    noise,
    replace_between,
)
from bench.servers import REFERENCE, ROOT, SERVERS, Server, ServerError, version

DOCUMENT = ROOT / "docs" / "performance.md"
_MAX_FOREIGN = 0.15  # of the server's core; a noisier turn is run again
_ATTEMPTS = 3
_LOAD_TIMEOUT = 60.0  # seconds more than a turn may take

Results = dict[str, dict[str, list[Turn]]]


class BenchError(Exception):
    """The run cannot go on; the message says which server and why."""


@dataclass(frozen=True)
class Plan:
    """What to run: names of servers and cases, and the shape of a turn (times in seconds)."""

    servers: Sequence[str]
    cases: Sequence[str]
    rounds: int = 5
    seconds: float = 2.0
    warmup: float = 0.5
    connections: int = 64

    @property
    def complete(self) -> bool:
        """Whether the tables of this plan may replace the published ones."""
        whole = set(self.servers) == set(SERVERS) and set(self.cases) == set(CASES)
        return whole and self.rounds >= 5 and self.seconds >= 2


def rotated(names: Sequence[str], number: int) -> list[str]:
    """Return ``names`` in the order of round ``number``: each goes first in its turn."""
    start = number % len(names)
    return [*names[start:], *names[:start]]


def run(plan: Plan) -> Results:
    """Run ``plan``: case name -> server name -> turns.

    Servers are started anew for each round, so that luck with memory layout and hash seeds is
    averaged too.  Raises :class:`BenchError` and :class:`bench.servers.ServerError`.
    """
    results: Results = {case: {name: [] for name in plan.servers} for case in plan.cases}
    for number in range(plan.rounds):
        order = rotated(plan.servers, number)
        with ExitStack() as stack:
            servers = [_started(name, stack) for name in order]
            for case in plan.cases:
                for server in servers:
                    results[case][server.spec.name].append(_turn(plan, case, server))
                _progress(number, case, results[case])
    return results


def _started(name: str, stack: ExitStack) -> Server:
    server = Server(SERVERS[name], two_cores()[0])
    stack.callback(server.stop)
    return server


def _turn(plan: Plan, case: str, server: Server) -> Turn:
    """One turn; a turn that other programs disturbed is run again, the least disturbed counts."""
    turns: list[Turn] = []
    for _ in range(_ATTEMPTS):
        turns.append(_attempt(plan, case, server))
        if turns[-1].foreign <= _MAX_FOREIGN:
            break
    return min(turns, key=lambda turn: turn.foreign)


def _attempt(plan: Plan, case: str, server: Server) -> Turn:
    core = two_cores()[0]
    if core is None:
        return Turn(_load(plan, case, server))
    start, busy, own = time.perf_counter(), core_seconds(core), tree_seconds(server.pid)
    sample = _load(plan, case, server)
    others = core_seconds(core) - busy - (tree_seconds(server.pid) - own)
    return Turn(sample, max(0.0, others / (time.perf_counter() - start)))


def _load(plan: Plan, case: str, server: Server) -> Sample:
    """Run the load generator as a process on its own core."""
    command = [sys.executable, "-m", "bench.load", "--case", case, "--port", str(server.port)]
    command += ["--pid", str(server.pid), "--connections", str(plan.connections)]
    command += ["--warmup", str(plan.warmup), "--seconds", str(plan.seconds)]
    with pinned(two_cores()[1]):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        output, _ = process.communicate(timeout=plan.warmup + plan.seconds + _LOAD_TIMEOUT)
    finally:
        if process.poll() is None:
            process.kill()
    server.check_alive()
    answer = json.loads(output or '{"error": "the load generator failed"}')
    if "error" in answer:
        raise BenchError(f"{server.spec.name}: {answer['error']}")
    return Sample(**answer)


def _progress(number: int, case: str, turns: Rounds) -> None:
    figures = "  ".join(f"{name} {turn[-1].microseconds:.1f}" for name, turn in turns.items())
    print(f"round {number + 1} {case}: CPU us/request  {figures}", file=sys.stderr, flush=True)


def tables(plan: Plan, results: Results) -> str:
    """Return the Markdown of a run: how it was made, a summary, a table for each case."""
    titles = {name: SERVERS[name].title for name in plan.servers}
    parts = [_conditions(plan, results), _summary(plan, results, titles)]
    for case, rounds in results.items():
        parts += [f"### {CASES[case].title}", case_table(rounds, titles, REFERENCE)]
    return "\n\n".join(parts)


def _conditions(plan: Plan, results: Results) -> str:
    packages = dict.fromkeys(p for name in plan.servers for p in SERVERS[name].packages)
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    pin = "one for the server, one for the load" if two_cores()[0] is not None else "not pinned"
    return (
        f"{machine()} ({pin}). {versions}. {plan.rounds} rounds of {plan.seconds:g} s a turn, "
        f"{plan.connections} keep-alive connections. Median [smallest-largest of the rounds]. "
        f"Other programs took at most {noise(results):.0%} of the server's core in a turn."
    )


def _summary(plan: Plan, results: Results, titles: dict[str, str]) -> str:
    """The main figure alone: servers down, cases across."""
    head = ["server", *(CASES[case].title for case in results)]
    lines = ["| " + " | ".join(head) + " |", "|---" + "|--:" * len(results) + "|"]
    for name in plan.servers:
        ratios = [cost_ratios(rounds, name, REFERENCE).text(2) for rounds in results.values()]
        lines.append("| " + " | ".join([titles[name], *ratios]) + " |")
    title = f"CPU time of the server per request, as ratio to {titles[REFERENCE]}:"
    return f"{title}\n\n" + "\n".join(lines)


def _chosen(given: str | None, known: Iterable[str], what: str) -> list[str]:
    names = list(known)
    chosen = given.split(",") if given else names
    for name in chosen:
        if name not in names:
            raise BenchError(f"no {what} {name!r}; there are: {', '.join(names)}")
    return chosen


def _plan(args: argparse.Namespace) -> Plan:
    servers = _chosen(args.servers, SERVERS, "server")
    if REFERENCE not in servers:
        servers.append(REFERENCE)
    cases = _chosen(args.cases, CASES, "case")
    for name in servers:
        missing = SERVERS[name].missing()
        if missing:
            raise BenchError(f"{name} needs {', '.join(missing)}: install the extra 'bench'")
    if args.quick:
        return Plan(servers, cases, 2, 0.5, 0.2, args.connections)
    return Plan(servers, cases, args.rounds, args.seconds, args.warmup, args.connections)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--servers", help=f"comma list of {', '.join(SERVERS)} (all)")
    parser.add_argument("--cases", help=f"comma list of {', '.join(CASES)} (all)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of turns (5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="measured, of a turn (2)")
    parser.add_argument("--warmup", type=float, default=0.5, help="seconds before that (0.5)")
    parser.add_argument("--connections", type=int, default=64, help="keep-alive, at once (64)")
    parser.add_argument("--quick", action="store_true", help="two short rounds")
    parser.add_argument("--no-write", action="store_true", help=f"leave {DOCUMENT.name} alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every turn to FILE")
    parser.add_argument("--calls", action="store_true", help="count calls instead (cyclone)")
    parser.add_argument("--profile", choices=CASES, help="profile a case instead (cyclone)")
    return parser


def _publish(plan: Plan, text: str) -> None:
    if not plan.complete:
        print(f"a partial run: {DOCUMENT.name} is left as it is", file=sys.stderr)
        return
    DOCUMENT.write_text(replace_between(DOCUMENT.read_text("utf-8"), text), "utf-8")
    print(f"{DOCUMENT.relative_to(ROOT)} is rewritten", file=sys.stderr)


def _save(path: Path, results: Results) -> None:
    raw = {
        case: {
            name: [{**vars(turn.sample), "foreign": turn.foreign} for turn in turns]
            for name, turns in rounds.items()
        }
        for case, rounds in results.items()
    }
    path.write_text(json.dumps(raw, indent=1), "utf-8")


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status: 1 when a server failed or answered wrongly."""
    args = _parser().parse_args(argv)
    try:
        if args.calls or args.profile:
            from bench import calls

            print(calls.profile(args.profile) if args.profile else calls.report(), end="")
            return 0
        require_proc()
        plan = _plan(args)
        results = run(plan)
    except (BenchError, ServerError, NoProc, WrongAnswer) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if args.json:
        _save(args.json, results)
    text = tables(plan, results)
    print(text)
    if not args.no_write:
        _publish(plan, text)
    return 0
