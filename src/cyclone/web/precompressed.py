"""Which content codings a client takes (RFC 9110 section 12.5.3).  Pure.

For static files that lie compressed beside the original, see `static`.
"""

from __future__ import annotations

import functools
import re

__all__ = ["SUFFIXES", "acceptable"]

#: Codings and what the name of a file in them ends with, those that make smaller files first.
SUFFIXES = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}

# coding [ weight ]; the weight has at most three digits behind the point (section 12.4.2).
_ELEMENT = re.compile(
    r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:[ \t]*;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?"
)
_LONGEST = 1024


@functools.lru_cache(256)
def acceptable(value: str | None) -> tuple[str, ...]:
    """Return the codings of `SUFFIXES` that are worth looking for, the best first.

    Those that the client prefers come first, and among equals those with smaller files.  A coding
    that it likes less than the original is left out.  Without the field, or with one that is
    malformed, there are none: the original is what every client understands.
    """
    if not value or len(value) > _LONGEST:
        return ()
    weights: dict[str, float] = {}
    for element in value.split(","):
        element = element.strip(" \t")
        found = _ELEMENT.fullmatch(element)
        if found is not None:
            weights[found[1].lower()] = float(found[2] or "1")
        elif element:
            return ()
    if "x-gzip" in weights:  # section 8.4.1.3
        weights.setdefault("gzip", weights["x-gzip"])
    others = weights.get("*", 0.0)
    # The original is acceptable even if nobody names it; it is preferred only by name.
    original = weights.get("identity", 0.0)
    known = {coding: weights.get(coding, others) for coding in SUFFIXES}
    wanted = [coding for coding, weight in known.items() if weight and weight >= original]
    return tuple(sorted(wanted, key=lambda coding: -known[coding]))
