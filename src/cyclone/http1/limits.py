"""Everything a peer can make grow or last, with a safe default; each is a setting."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, get_args

__all__ = ["Limits", "WritePolicy"]

#: What happens to a connection whose peer does not read while a handler keeps on flushing.
WritePolicy = Literal["close", "drop"]


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one server.  Sizes are bytes, times are seconds; 0 or None turns a time off.

    Attributes:
        max_request_line_size: request line, longer ones are answered 414.
        max_header_size: header section of a request, and trailer section; 431.
        max_header_count: header fields of a request; 431.
        max_body_size: request body after transfer decoding; 413.  A handler class may override it
            with an attribute of the same name, a streaming handler with
            ``self.request.connection.set_max_body_size``.
        max_pipelined_requests: requests of one connection answered in one turn of the reactor.
        max_buffer_size: unparsed bytes kept for a connection that is busy; beyond it the
            transport is paused.
        header_timeout: from the first byte of a request to the end of its header section; 408.
        body_timeout: for a whole request body; 408.
        body_min_rate: bytes per second a body must arrive at after `body_grace` seconds; 408.
        body_grace: see `body_min_rate`.
        idle_connection_timeout: a connection without a request is closed, silently.
        write_timeout: the peer has taken nothing of what waits for it for so long: the connection
            is aborted.
        linger_timeout: how long an error response may be read before the connection goes; over
            TLS also how long a peer may take to say that it is done, too.
        half_close_timeout: how long a handler may still take to answer a peer that has ended its
            side of the connection.
        write_buffer_limit: bytes that may wait for the peer before `write_buffer_policy` applies
            to what is flushed without awaiting.
        write_buffer_policy: ``"close"`` aborts the connection, ``"drop"`` discards the flushed
            chunk.
        no_keep_alive: close each connection after its first response.
        drain_timeout: how long a graceful stop waits for running requests.
        drain_idle_timeout: how long a server that is replaced by another keeps idle connections for
            one more request, which it answers with ``Connection: close``.
    """

    max_request_line_size: int = 16384
    max_header_size: int = 65536
    max_header_count: int = 128
    max_body_size: int = 100 * 1024 * 1024
    max_pipelined_requests: int = 32
    max_buffer_size: int = 65536
    header_timeout: float | None = 20
    body_timeout: float | None = 3600
    body_min_rate: float = 240
    body_grace: float = 10
    idle_connection_timeout: float | None = 75
    write_timeout: float | None = 60
    linger_timeout: float = 2
    half_close_timeout: float | None = 60
    write_buffer_limit: int = 1024 * 1024
    write_buffer_policy: WritePolicy = "close"
    no_keep_alive: bool = False
    drain_timeout: float = 30
    drain_idle_timeout: float = 5

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Limits:
        """Take the limits out of application settings; other settings are passed over.

        Raises:
            ValueError: a limit is of the wrong type or negative; the message names it.
        """
        found = {}
        for field in dataclasses.fields(cls):
            if field.name in settings:
                found[field.name] = _checked(field, settings[field.name])
        return cls(**found)


def _checked(field: dataclasses.Field[Any], value: Any) -> Any:
    if field.name == "write_buffer_policy":
        if value not in get_args(WritePolicy):
            choices = " or ".join(map(repr, get_args(WritePolicy)))
            raise ValueError(f"setting write_buffer_policy must be {choices}, not {value!r}")
        return value
    if field.name == "no_keep_alive":
        return bool(value)
    if value is None:
        if "None" in str(field.type):
            return None
        return field.default if field.type == "int" else 0
    number = int if field.type == "int" else (int, float)
    if not isinstance(value, number) or isinstance(value, bool) or value < 0:
        kind = "a whole number of bytes or items" if number is int else "a number"
        raise ValueError(f"setting {field.name} must be {kind}, 0 or more, not {value!r}")
    return value
