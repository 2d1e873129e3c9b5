"""txredisapi, or word of what is missing."""

from __future__ import annotations

try:
    import txredisapi
except ImportError as exc:
    raise ImportError("cyclone.redis needs txredisapi: pip install 'cyclone[redis]'") from exc

__all__ = ["txredisapi"]
