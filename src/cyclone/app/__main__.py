"""``python -m cyclone.app``: see `cyclone.app`."""

from __future__ import annotations

import sys

from cyclone.app.arguments import main

if __name__ == "__main__":
    sys.exit(main())
