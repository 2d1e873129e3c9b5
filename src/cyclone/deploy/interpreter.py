"""The command that starts another process of ours: this interpreter, as it was started itself."""

from __future__ import annotations

import sys

__all__ = ["interpreter"]

#: Names in `sys.flags`, and the switches that set them.
_SWITCHES = (
    ("isolated", "-I"),
    ("ignore_environment", "-E"),
    ("no_user_site", "-s"),
    ("safe_path", "-P"),
    ("dont_write_bytecode", "-B"),
    ("dev_mode", "-Xdev"),
    ("utf8_mode", "-Xutf8"),
)


def interpreter() -> list[str]:
    """The command of this interpreter, with its switches."""
    switches = [switch for name, switch in _SWITCHES if getattr(sys.flags, name)]
    if sys.flags.optimize:
        switches.append("-" + "O" * sys.flags.optimize)
    return [sys.executable, *switches, *(f"-W{option}" for option in sys.warnoptions)]
