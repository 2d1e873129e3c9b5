"""Which content codings a client takes (RFC 9110 section 12.5.3).  Pure.

For static files that lie compressed beside the original, see `static`.
"""

from __future__ import annotations

import functools

from .negotiation import LONGEST, weights_of

__all__ = ["SUFFIXES", "acceptable"]

#: Codings and what the name of a file in them ends with, those that make smaller files first.
SUFFIXES = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}


def acceptable(value: str | None) -> tuple[str, ...]:
    """Return the codings of `SUFFIXES` that are worth looking for, the best first.

    Those that the client prefers come first, and among equals those with smaller files.  A coding
    that it likes less than the original is left out.  Without the field, or with one that is
    malformed, there are none: the original is what every client understands.
    """
    return _worth_looking_for(value) if value and len(value) <= LONGEST else ()


@functools.lru_cache(256)
def _worth_looking_for(value: str) -> tuple[str, ...]:
    weights = weights_of(value)
    others = weights.get("*", 0.0)
    # The original is acceptable even if nobody names it; it is preferred only by name.
    original = weights.get("identity", 0.0)
    known = {coding: weights.get(coding, others) for coding in SUFFIXES}
    wanted = [coding for coding, weight in known.items() if weight and weight >= original]
    return tuple(sorted(wanted, key=lambda coding: -known[coding]))
