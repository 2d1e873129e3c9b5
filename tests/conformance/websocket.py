"""Autobahn's cases: ``python -m tests.conformance.websocket`` (make conformance-websocket) runs all
of them, by kosoku, against an echo server and against a client, on both reactors, and writes what
came of it into docs/conformance.md.  ``--groups 1-7,12.1`` runs a part, and writes nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from twisted.application.reactors import installReactor
from twisted.internet import defer, task

from cyclone.web import Application
from cyclone.websocket import WebSocketClosedError, WebSocketHandler, websocket_connect

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conformance.md"
BEGIN, END = "<!-- websocket: begin -->", "<!-- websocket: end -->"
KOSOKU = str(Path(sys.executable).with_name("kosoku"))
#: Larger than any message of a case.
MAX_MESSAGE_SIZE = 64 * 1024 * 1024
#: What is compressed is gigabytes; how well it is makes no difference to the cases.
COMPRESSION: dict[str, Any] = {"compression_level": 1}
#: A server under test answers what it is asked for.  Some cases want a client to have offered this.
NO_TAKEOVER = ("13.2", "13.5", "13.6", "13.7")
GOOD = ("OK", "INFORMATIONAL")

#: The cases in portions, with kosoku's arguments for them.
GROUPS: dict[str, list[str]] = {
    "1-7": ["-x", "9.*", "-x", "10.*", "-x", "12.*", "-x", "13.*"],
    "9-10": ["-i", "9.*", "-i", "10.*"],
    **{f"12.{part}": ["-i", f"12.{part}.*"] for part in range(1, 6)},
    **{f"13.{part}": ["-i", f"13.{part}.*"] for part in range(1, 8)},
}
#: Some of each kind, which the test suite runs.
FAST = [
    *(
        "1.*",
        "2.*",
        "3.*",
        "4.*",
        "5.1*",
        "5.3",
        "5.6",
        "6.2.*",
        "7.1.*",
        "7.3.*",
        "7.5.*",
        "7.7.*",
    ),
    *("7.9.*", "9.1.1", "9.3.1", "12.1.1", "12.3.1", "13.1.1", "13.3.1", "13.4.1"),
]


class Unit(NamedTuple):
    """What is run at once: a group of cases, for one side."""

    reactor: str
    side: str
    group: str


class Echo(WebSocketHandler):
    max_message_size = MAX_MESSAGE_SIZE

    def get_compression_options(self) -> dict[str, Any]:
        return COMPRESSION

    async def on_message(self, message: Any) -> None:
        await self.write_message(message, isinstance(message, bytes))


def install_reactor() -> None:
    """Take the reactor that is named by the variable the test suite has for it."""
    name = os.environ.get("CYCLONE_TEST_REACTOR", "default")
    if name != "default":
        installReactor(name)


def serve(port: str) -> None:
    """Be the server under test."""
    from twisted.internet import reactor

    run: Any = reactor
    app = Application([(r"/.*", Echo)], log_function=lambda handler: None)
    run.listenTCP(int(port), app, interface="127.0.0.1")
    run.run()


def be_client(port: str, group: str) -> None:
    """Be the client under test: run every case that the server has, then ask for the report."""
    options = {**COMPRESSION, "client_no_context_takeover": group in NO_TAKEOVER}

    async def main(reactor: Any) -> None:
        base = f"ws://127.0.0.1:{port}"
        connection = await websocket_connect(f"{base}/getCaseCount")
        count = int(await connection.read_message())
        for case in range(1, count + 1):
            connection = await websocket_connect(
                f"{base}/runCase?case={case}&agent=cyclone",
                compression_options=options,
                max_message_size=MAX_MESSAGE_SIZE,
            )
            try:
                async for message in connection:
                    await connection.write_message(message, isinstance(message, bytes))
            except WebSocketClosedError:
                pass  # by the case
        connection = await websocket_connect(f"{base}/updateReports?agent=cyclone")
        await connection.read_message()

    task.react(lambda reactor: defer.ensureDeferred(main(reactor)))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    """Until somebody listens."""
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"nobody listens at port {port}")


def selected(group: str) -> list[str]:
    """Kosoku's arguments for the cases of a group."""
    if group == "fast":
        return [argument for case in FAST for argument in ("-i", case)]
    return GROUPS[group]


def run(unit: Unit) -> dict[str, Any]:
    """Run the cases of a group against our server, or our client; what came of each."""
    port = free_port()
    us = [sys.executable, "-m", "tests.conformance.websocket"]
    options: dict[str, Any] = {
        "cwd": ROOT,
        "env": {**os.environ, "CYCLONE_TEST_REACTOR": unit.reactor},
        "stdout": subprocess.DEVNULL,
    }
    with tempfile.TemporaryDirectory() as directory:
        them = [KOSOKU, "-o", directory, f"127.0.0.1:{port}", *selected(unit.group), "-m"]
        if unit.side == "server":
            peer = subprocess.Popen([*us, "serve", str(port)], **options)
            drives = [*them, "fuzzingclient"]
        else:
            peer = subprocess.Popen([*them, "fuzzingserver"], **options)
            drives = [*us, "client", str(port), unit.group]
        try:
            wait_for(port)
            subprocess.run(drives, check=False, **options)
            if unit.side == "client":  # kosoku ends when its report is written
                with contextlib.suppress(subprocess.TimeoutExpired):
                    peer.wait(120)
            index = Path(directory, "index.json")
            [cases] = json.loads(index.read_text("utf-8")).values()
        finally:
            peer.terminate()
            peer.wait()
    found: dict[str, Any] = cases
    return found


def run_or_take(unit: Unit, directory: Path) -> dict[str, Any]:
    """What came of the cases of a group; run unless the directory has it already."""
    kept = directory / f"{unit.reactor}-{unit.side}-{unit.group}.json"
    if not kept.exists():
        kept.write_text(json.dumps(run(unit)), "utf-8")
    cases: dict[str, Any] = json.loads(kept.read_text("utf-8"))
    bad = {name: case["behavior"] for name, case in cases.items() if not is_good(case)}
    print(f"{unit.reactor} {unit.side} {unit.group}: {len(cases)} cases", bad or "", flush=True)
    return cases


def is_good(case: dict[str, Any]) -> bool:
    """Whether a case has passed, and its connection was closed as it should be."""
    return case["behavior"] in GOOD and case["behaviorClose"] in GOOD


def table(results: dict[tuple[str, str], dict[str, Any]]) -> str:
    """The results as Markdown."""
    lines = [
        "| side | reactor | cases | OK | informational | other | unclean close |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for (reactor, side), cases in results.items():
        counts = Counter(case["behavior"] for case in cases.values())
        unclean = sum(case["behaviorClose"] not in GOOD for case in cases.values())
        good, informational = counts.pop("OK", 0), counts.pop("INFORMATIONAL", 0)
        other = sum(counts.values())
        name = "the stock one" if reactor == "default" else reactor
        figures = (len(cases), good, informational, other, unclean)
        lines.append(f"| {side} | {name} | {' | '.join(map(str, figures))} |")
    return "\n".join(lines)


def main(argv: list[str]) -> int:
    """Run everything, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.websocket")
    add = parser.add_argument
    add("--groups", help=f"of {','.join(GROUPS)} (all)", default=",".join(GROUPS))
    add("--reactors", default="default,uvloop", help="default,uvloop")
    add("--keep", type=Path, help="a directory for results, which are not made again")
    add("--jobs", type=int, default=1, help="groups at a time (1)")
    arguments = parser.parse_args(argv)
    groups = arguments.groups.split(",")
    with contextlib.ExitStack() as stack:
        directory = arguments.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        directory.mkdir(parents=True, exist_ok=True)
        sides = itertools.product(arguments.reactors.split(","), ("server", "client"))
        units = [Unit(*side, group) for side in sides for group in groups]
        with ThreadPoolExecutor(arguments.jobs) as pool:
            found = list(pool.map(lambda unit: run_or_take(unit, directory), units))
    results: dict[tuple[str, str], dict[str, Any]] = {}
    for unit, cases in zip(units, found, strict=True):
        results.setdefault((unit.reactor, unit.side), {}).update(cases)
    text = table(results)
    print(text)
    if set(groups) == set(GROUPS):
        page = PAGE.read_text("utf-8")
        before, rest = page.split(BEGIN)
        _, after = rest.split(END)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", "utf-8")
    return not all(is_good(case) for cases in found for case in cases.values())


if __name__ == "__main__":
    install_reactor()
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2])
    elif sys.argv[1:2] == ["client"]:
        be_client(*sys.argv[2:])
    else:
        sys.exit(main(sys.argv[1:]))
