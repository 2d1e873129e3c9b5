"""Loads the app.py of a demo, under a name of its own."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

DEMOS = Path(__file__).parents[2] / "demos"


def load(demo: str) -> ModuleType:
    """The module ``demos/<demo>/app.py``."""
    spec = importlib.util.spec_from_file_location(f"demo_{demo}", DEMOS / demo / "app.py")
    if spec is None or spec.loader is None:
        raise ImportError(demo)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module
