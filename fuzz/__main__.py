"""Fuzz the HTTP/1.1 engine and the WebSockets.  ``python -m fuzz websocket --count 100000``"""

from __future__ import annotations

import argparse
import random
import sys
import tracemalloc

from twisted.logger import globalLogBeginner

from . import http1, websocket
from .http1 import Violation

TARGETS = {"http1": http1.run, "websocket": websocket.run}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", help=f"{', '.join(TARGETS)} (default: all)")
    parser.add_argument("--count", type=int, default=100_000, help="inputs (default: 100000)")
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, printed")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    arguments = parser.parse_args()
    targets = arguments.target or list(TARGETS)
    if not TARGETS.keys() >= set(targets):
        parser.error(f"the targets are {', '.join(TARGETS)}")
    if arguments.count < 1 or arguments.first < 0:
        parser.error("--count is at least 1, and --first at least 0")
    seed = random.randrange(2**32) if arguments.seed is None else arguments.seed
    # Some handlers of the table fail by design, and would be logged to stderr.
    globalLogBeginner.beginLoggingTo([], discardBuffer=True, redirectStandardIO=False)
    for target in targets:
        print(f"{target}: seed {seed}, {arguments.count} inputs from {arguments.first}", flush=True)
        if target == "websocket":
            tracemalloc.start()  # its invariant bounds the memory in use
        try:
            TARGETS[target](seed, arguments.count, arguments.first, progress=10_000)
        except Violation as violation:
            print(violation)
            return 1
    print("the invariant holds")
    return 0


sys.exit(main())
