"""Fuzz the HTTP/1.1 engine.  ``python -m fuzz --count 100000 --seed 1``"""

from __future__ import annotations

import argparse
import random
import sys

from twisted.logger import globalLogBeginner

from .http1 import Violation, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="inputs (default: 100000)")
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, printed")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    arguments = parser.parse_args()
    seed = random.randrange(2**32) if arguments.seed is None else arguments.seed
    # Some handlers of the table fail by design, and would be logged to stderr.
    globalLogBeginner.beginLoggingTo([], discardBuffer=True, redirectStandardIO=False)
    print(f"seed {seed}, {arguments.count} inputs from {arguments.first}", flush=True)
    try:
        run(seed, arguments.count, arguments.first, progress=10_000)
    except Violation as violation:
        print(violation)
        return 1
    print("the invariant holds")
    return 0


sys.exit(main())
