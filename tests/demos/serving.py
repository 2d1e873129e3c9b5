"""Demos in one process, each at a port of its own, as a gallery of them would have it.

``python -m tests.demos.serving auth facebook`` prints their addresses, one a line, and serves them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.demos.loading import DEMOS, load
from tests.plugins.processes import Process

ROOT = Path(__file__).parents[2]


@contextmanager
def serving(*demos: str) -> Iterator[dict[str, str]]:
    """The addresses of demos, which are served until the block ends; no slash at their ends."""
    process = Process([sys.executable, "-m", "tests.demos.serving", *demos], cwd=ROOT)
    try:
        process.wait_for_line("^ready$")
        lines = (line.split() for line in process.output.splitlines())
        yield {words[0]: words[1] for words in lines if words and words[0] in demos}
        process.stop()
        for bad in ("Traceback", "Unhandled", "[E "):
            assert bad not in process.output, process.output
    finally:
        process.kill()


def main(demos: list[str]) -> None:
    from twisted.internet import reactor
    from twisted.python import log

    log.startLogging(sys.stdout)
    any_reactor: Any = reactor
    for demo in demos:
        sys.path.append(str(DEMOS / demo))  # where some have a package
        port = any_reactor.listenTCP(0, load(demo).Application(), interface="127.0.0.1")
        print(demo, f"http://127.0.0.1:{port.getHost().port}", flush=True, file=sys.__stdout__)
    print("ready", flush=True, file=sys.__stdout__)
    any_reactor.run()


if __name__ == "__main__":
    main(sys.argv[1:])
