"""The command.

::

    python -m bench                     a short run of everything, less than ten minutes
    python -m bench --full              five rounds of two seconds a turn, about forty minutes
    python -m bench --write-docs        and rewrite the tables and the plot in docs/
    python -m bench --servers cyclone-epoll,tornado --cases plaintext,json --rounds 9
    python -m bench --database          the cases with PostgreSQL, which are left out otherwise
    python -m bench --only startup,idle     other measurements than the comparison
    python -m bench --report FILE --write-docs  the tables of an earlier run (--json FILE)
    python -m bench --profile plaintext     where the time goes, without network
"""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.cases import CASES
from bench.cpu import NoProc, require_proc
from bench.document import replace_part
from bench.fixtures import Fixtures
from bench.generator import NoCompiler, program
from bench.measures import COMPARISON, MEASURES, Context
from bench.plot import plot
from bench.postgres import NoPostgres
from bench.report import comparison, further, machine, reasons
from bench.results import Results
from bench.servers import REFERENCE, ROOT, SERVERS, version
from bench.turns import Comparison, Plan

DOCUMENT = ROOT / "docs" / "performance.md"
DATABASE = "database"  # the part of the document with the cases that need one
PLOT = ROOT / "docs" / "performance.svg"
_PACKAGES = ("Twisted", "httptools", "uvloop", "uvicorn")


class BenchError(Exception):
    """The command line asks for something that is not there."""


def chosen(given: str | None, known: Iterable[str], what: str) -> list[str]:
    """Return the names in a comma list, or all that are known.

    Raises:
        BenchError: if one is not known.
    """
    names = list(known)
    wanted = given.split(",") if given else names
    for name in wanted:
        if name not in names:
            raise BenchError(f"no {what} {name!r}; there are: {', '.join(names)}")
    return wanted


def make_plan(args: argparse.Namespace) -> Plan:
    """Return the plan of a command line; the reference takes part in any case."""
    servers = chosen(args.servers, SERVERS, "server")
    if REFERENCE not in servers:
        servers.append(REFERENCE)
    seconds, warmup, rounds = (2.0, 0.5, 5) if args.full else (0.5, 0.2, 2)
    cases = chosen(args.cases, CASES, "case")
    if not args.cases:
        cases = [name for name in cases if CASES[name].database is args.database]
    return Plan(
        servers=servers,
        cases=cases,
        rounds=args.rounds or rounds,
        seconds=args.seconds or seconds,
        warmup=warmup,
        connections=args.connections,
        volley=args.volley,
        attempts=2 if args.full else 1,
    )


def conditions(plan: Plan) -> str:
    """Say on what and how the comparison was run."""
    packages = dict.fromkeys([*_PACKAGES, *(p for n in plan.servers for p in SERVERS[n].packages)])
    versions = ", ".join(f"{name} {found}" for name in packages if (found := version(name)))
    arrival = "in volleys" if plan.volley else "each as soon as it has its answer"
    return (
        f"{machine()}; one core for the server, another for the load. {versions}. "
        f"{plan.rounds} rounds of {plan.seconds:g} s a turn; {plan.connections} connections "
        f"unless the case says otherwise, which ask {arrival}. Median [smallest-largest of the "
        "rounds]."
    )


def run(args: argparse.Namespace) -> Results:
    """Run what the command line asks for."""
    plan, results = make_plan(args), Results()
    wanted = chosen(args.only, [COMPARISON, *MEASURES], "measurement")
    if not args.only and (args.servers or args.cases or args.database):
        wanted = [COMPARISON]
    with Fixtures(database=any(CASES[name].database for name in plan.cases)) as fixtures:
        context = Context(fixtures, plan.servers, full=args.full)
        for name in wanted:
            print(f"-- {name}", file=sys.stderr, flush=True)
            if name == COMPARISON:
                results.conditions = conditions(plan)
                results.cases = Comparison(plan, fixtures).run()
            else:
                results.tables[name] = MEASURES[name](context)
            if args.json:  # after each, so that little is lost if one breaks
                results.save(args.json)
    return results


def publish(results: Results) -> None:
    """Write the results into the document, and the plot beside it; what was not run stays."""
    text = DOCUMENT.read_text("utf-8")
    if results.cases:
        if any(CASES[name].database for name in results.cases):
            text = replace_part(text, DATABASE, comparison(results))
        else:
            text = replace_part(text, COMPARISON, comparison(results))
            PLOT.write_text(plot(results), "utf-8")
    for name, table in results.tables.items():
        text = replace_part(text, name, further([table]))
    DOCUMENT.write_text(text, "utf-8")
    print(f"{DOCUMENT.relative_to(ROOT)} is rewritten", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--full", action="store_true", help="the run whose figures are published")
    add("--servers", metavar="LIST", help=f"of {', '.join(SERVERS)} (all)")
    add("--cases", metavar="LIST", help=f"of {', '.join(CASES)} (all)")
    add("--only", metavar="LIST", help=f"of {', '.join([COMPARISON, *MEASURES])} (all)")
    add("--database", action="store_true", help="the cases that need PostgreSQL, and no others")
    add("--rounds", type=int, help="rounds of turns (2; 5 with --full)")
    add("--seconds", type=float, help="measured, of a turn (0.5; 2 with --full)")
    add("--connections", type=int, default=32, help="keep-alive, at once (32)")
    add("--volley", action="store_true", help="ask on all again when all are answered")
    add("--json", type=Path, metavar="FILE", help="write every turn to FILE")
    add("--report", type=Path, metavar="FILE", help="run nothing; show what --json wrote")
    add("--write-docs", action="store_true", help=f"rewrite {DOCUMENT.name} and the plot")
    add("--profile", choices=CASES, help="profile a case in memory instead (cyclone)")
    return parser


def _raise_limits() -> None:
    """Let servers, which inherit it, have as many connections as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _results(args: argparse.Namespace) -> Results:
    if args.report:
        return Results.load(args.report)
    require_proc()
    program()
    _raise_limits()
    return run(args)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = _parser().parse_args(argv)
    if args.profile:
        from bench.calls import profile

        print(profile(args.profile), end="")
        return 0
    try:
        results = _results(args)
    except (BenchError, NoProc, NoCompiler, NoPostgres) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if results.cases:
        print(comparison(results), end="\n\n")
    print(further(results.tables.values()))
    print(reasons(results), file=sys.stderr)
    if args.write_docs:
        publish(results)
    return 0
