"""``python -m bench``: see :mod:`bench.run`."""

from __future__ import annotations

import signal
import sys

from bench.run import main


def _terminated(number: int, frame: object) -> None:
    """End as by Ctrl-C, so that the servers are stopped too."""
    sys.exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminated)
    sys.exit(main())
