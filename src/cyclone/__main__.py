"""``python -m cyclone``: see `cyclone.cli`."""

from __future__ import annotations

import sys

from cyclone.cli import main

if __name__ == "__main__":
    sys.exit(main())
