"""The wire table: what clients send, and what must come back.

Each row is a `Case`: bytes in, answers out, closed or kept. ``tests/http1/test_wire.py`` runs
all of them, whole, cut in pieces and behind another request; the fuzzer mutates them.
"""

from __future__ import annotations

from . import bodies, connections, fields, lines
from .app import application
from .case import FIRST, PROBE, Answer, Case, echo, request

CASES: tuple[Case, ...] = lines.CASES + fields.CASES + bodies.CASES + connections.CASES

__all__ = ["CASES", "FIRST", "PROBE", "Answer", "Case", "application", "echo", "request"]
