"""Which content coding a client wants (RFC 9110, section 12.5.3). Pure."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

__all__ = ["LONGEST", "Accepted", "negotiate", "weights_of"]

# coding [ weight ]; a weight has at most three digits behind the point (section 12.4.2).
_ELEMENT = re.compile(
    r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:[ \t]*;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?"
)
#: Longer fields are not looked at: browsers send some 30 characters.
LONGEST = 1024


class Accepted(NamedTuple):
    """What a client takes.

    ``coding`` is the best of the codings on offer, None for none of them; ``identity`` is false
    when the client refuses what is not coded.
    """

    coding: str | None
    identity: bool


_AS_IT_IS = Accepted(None, True)


def negotiate(value: str | None, offered: tuple[str, ...]) -> Accepted:
    """Choose among the codings ``offered``, best first, by an Accept-Encoding field.

    The client's weights come first, then our order. A coding that it likes less than the original
    is not taken; an original that it does not name is what it likes least. Without the field, or
    with one that is malformed, nothing is coded: the original is what every client understands.
    """
    if not value or len(value) > LONGEST:
        return _AS_IT_IS
    return _chosen(value, offered)


@functools.lru_cache(256)
def _chosen(value: str, offered: tuple[str, ...]) -> Accepted:
    weights = weights_of(value)
    if not weights:
        return _AS_IT_IS
    others = weights.get("*", 0.0)
    identity = weights.get("identity", 0.0)
    # The original is acceptable unless it is refused by its name, or with all the rest.
    takes_identity = weights.get("identity", weights.get("*", 1.0)) > 0
    best, chosen = 0.0, None
    for coding in offered:
        weight = weights.get(coding, others)
        if weight > best and weight >= identity:
            best, chosen = weight, coding
    return Accepted(chosen, takes_identity)


def weights_of(value: str) -> dict[str, float]:
    """The weights of an Accept-Encoding field; empty for one that is malformed."""
    weights: dict[str, float] = {}
    for element in value.split(","):
        element = element.strip(" \t")
        found = _ELEMENT.fullmatch(element)
        if found is not None:
            weights[found[1].lower()] = float(found[2] or "1")
        elif element:
            return {}
    if "x-gzip" in weights:  # section 8.4.1.3
        weights.setdefault("gzip", weights["x-gzip"])
    return weights
