"""Autobahn's cases: ``python -m tests.conformance.websocket`` (make conformance-websocket) runs all
of them, by kosoku, against an echo server and against a client, and writes what came of it into
docs/conformance.md.  Arguments are kosoku's: ``-x '9.*'`` leaves cases out.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

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
COMPRESSION = {"compression_level": 1}


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


def be_client(port: str) -> None:
    """Be the client under test: run every case that the server has, then ask for the report."""

    async def main(reactor: Any) -> None:
        base = f"ws://127.0.0.1:{port}"
        connection = await websocket_connect(f"{base}/getCaseCount")
        count = int(await connection.read_message())
        for case in range(1, count + 1):
            connection = await websocket_connect(
                f"{base}/runCase?case={case}&agent=cyclone",
                compression_options=COMPRESSION,
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


def run(mode: str, arguments: list[str]) -> dict[str, Any]:
    """Run the cases against a server, or a client; what came of each."""
    port = free_port()
    us = [sys.executable, "-m", "tests.conformance.websocket"]
    with tempfile.TemporaryDirectory() as directory:
        them = [KOSOKU, "-o", directory, f"127.0.0.1:{port}", *arguments, "-m"]
        if mode == "server":
            peer = subprocess.Popen([*us, "serve", str(port)], cwd=ROOT)
            drives = [*them, "fuzzingclient"]
        else:
            peer = subprocess.Popen([*them, "fuzzingserver"])
            drives = [*us, "client", str(port)]
        try:
            wait_for(port)
            subprocess.run(drives, cwd=ROOT, check=False)
            index = Path(directory, "index.json")
            [cases] = json.loads(index.read_text("utf-8")).values()
        finally:
            peer.terminate()
            peer.wait()
    found: dict[str, Any] = cases
    return found


def table(results: dict[str, dict[str, Any]]) -> str:
    """The results as Markdown."""
    lines = [
        "| side | cases | OK | informational | other | unclean close |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for side, cases in results.items():
        counts = Counter(case["behavior"] for case in cases.values())
        unclean = sum(
            case["behaviorClose"] not in ("OK", "INFORMATIONAL") for case in cases.values()
        )
        good, informational = counts.pop("OK", 0), counts.pop("INFORMATIONAL", 0)
        other = sum(counts.values())
        lines.append(f"| {side} | {len(cases)} | {good} | {informational} | {other} | {unclean} |")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run everything, and write the table."""
    results = {side: run(side, arguments) for side in ("server", "client")}
    text = table(results)
    print(text)
    if not arguments:
        page = PAGE.read_text("utf-8")
        before, rest = page.split(BEGIN)
        _, after = rest.split(END)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", "utf-8")
    good = ("OK", "INFORMATIONAL")
    cases = [case for side in results.values() for case in side.values()]
    return any(case["behavior"] not in good or case["behaviorClose"] not in good for case in cases)


if __name__ == "__main__":
    install_reactor()
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2])
    elif sys.argv[1:2] == ["client"]:
        be_client(sys.argv[2])
    else:
        sys.exit(main(sys.argv[1:]))
