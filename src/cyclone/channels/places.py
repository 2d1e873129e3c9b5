"""Engines by URL."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from .memory import MemoryEngine
from .redisengine import RedisEngine
from .streamsengine import RedisStreamsEngine

__all__ = ["engine_of"]

_NUMBERS = {"history": int, "ping_interval": float, "timeout": float, "history_seconds": float}


def engine_of(url: str) -> Any:
    """The engine that a URL names; see `Channels`.

    Raises:
        ValueError: it names none.
        ImportError: it needs an extra that is not installed.
    """
    parts = urlsplit(url)
    options = _options(url, parts.query)
    if parts.scheme == "memory":
        return MemoryEngine(**options)
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise ValueError(
            f"{parts.scheme or url!r} is no engine of channels: use memory:, redis://, rediss:// "
            "or unix://"
        )
    if parts.path.strip("/") and parts.scheme != "unix":
        raise ValueError("channels have no database: messages go to all databases of a server")
    if parts.scheme == "unix":
        if not parts.path or parts.netloc.rpartition("@")[2]:
            raise ValueError("the URL of a unix socket is unix:///its/path")
        options["path"] = unquote(parts.path)
    else:
        options["host"] = parts.hostname or "localhost"
        options["port"] = parts.port or 6379
        options["tls"] = parts.scheme == "rediss"
    for name in ("username", "password"):
        value = getattr(parts, name)
        options[name] = unquote(value) if value else None
    kind = RedisStreamsEngine if "history" in options else RedisEngine
    return kind(**options)


def _options(url: str, query: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    known = {"prefix": str, **_NUMBERS}
    if url.startswith("memory:"):
        known = {"history": int, "max_histories": int, "max_bytes": int}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            raise ValueError(f"{name!r} is no option of this engine: {', '.join(sorted(known))}")
        try:
            options[name] = known[name](value)
        except ValueError:
            raise ValueError(f"option {name} must be a number, not {value!r}") from None
    return options
