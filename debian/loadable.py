"""Import every extension module below a directory, and end with status 1 if one cannot be."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main(directory: str) -> int:
    """Import them under the names that programs use."""
    bad = 0
    modules = 0
    for packages in Path(directory).glob("lib/python*/site-packages"):
        sys.path.insert(0, str(packages))
        for path in sorted(packages.rglob("*.so")):
            parts = path.relative_to(packages).with_name(path.name.partition(".")[0]).parts
            name = ".".join(parts)
            modules += 1
            try:
                importlib.import_module(name)
            except Exception as error:
                bad += 1
                print(f"{path} cannot be loaded: {error!r}", file=sys.stderr)
    print(f"{modules} extension modules, {bad} of them bad")
    return 1 if bad or not modules else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
