"""Make a virtual environment fit for another place than the one where it was made.

    python3 relocate.py DIRECTORY PLACE INTERPRETER PROGRAM...

DIRECTORY is the environment, which will be in PLACE with INTERPRETER to run it. Of its programs
only those that are named stay.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def keep_programs(tree: Path, place: str, programs: list[str]) -> None:
    """Remove the other programs, and let these be run by the interpreter of the new place."""
    for path in (tree / "bin").iterdir():
        if path.name not in programs:
            path.unlink()
            continue
        first, _, rest = path.read_text("utf-8").partition("\n")
        if not first.startswith("#!"):
            raise SystemExit(f"{path} is not a script: it begins with {first[:40]!r}")
        path.write_text(f"#!{place}/bin/python3\n{rest}", "utf-8")
    missing = [name for name in programs if not (tree / "bin" / name).exists()]
    if missing:
        raise SystemExit(f"{tree}/bin should have, but has not: {', '.join(missing)}")


def link_interpreter(tree: Path, interpreter: str) -> None:
    """Only the link with the minor version leads out of the environment."""
    name = Path(interpreter).name
    (tree / "bin" / name).symlink_to(interpreter)
    for other in ("python3", "python"):
        (tree / "bin" / other).symlink_to(name)


def forget(tree: Path) -> None:
    """Remove what names the old place, and what only pip would read."""
    configuration = tree / "pyvenv.cfg"
    lines = configuration.read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if line.partition(" = ")[0] != "command"]
    configuration.write_text("".join(kept), "utf-8")
    for name in ("direct_url.json", "RECORD", "INSTALLER", "REQUESTED"):
        for path in tree.glob(f"lib/python*/site-packages/*.dist-info/{name}"):
            path.unlink()
    shutil.rmtree(tree / "include", ignore_errors=True)
    for name in ("lib64", ".gitignore"):  # the latter is of Python 3.13 and later
        (tree / name).unlink(missing_ok=True)
    for path in tree.rglob("*"):
        if path.is_file() and not path.is_symlink() and str(tree).encode() in path.read_bytes():
            raise SystemExit(f"{path} says where it was made")


def main(directory: str, place: str, interpreter: str, *programs: str) -> None:
    """See above."""
    tree = Path(directory)
    keep_programs(tree, place, list(programs))
    link_interpreter(tree, interpreter)
    forget(tree)


if __name__ == "__main__":
    main(*sys.argv[1:])
