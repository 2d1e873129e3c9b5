"""The field Sec-WebSocket-Extensions, and how permessage-deflate is agreed on.  Pure.

RFC 6455 section 9.1 for the grammar, RFC 7692 section 7.1 for the parameters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .deflate import EXTENSION, CompressionOptions, Parameters

__all__ = ["agree", "format_agreement", "format_offer", "parse_extensions", "read_agreement"]

Extension = tuple[str, list[tuple[str, str | None]]]

#: A list longer than this is of no honest client.
_MAX_EXTENSIONS = 16
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_NAME = re.compile(rf"[ \t]*({_TOKEN})[ \t]*")
_PARAMETER = re.compile(rf';[ \t]*({_TOKEN})[ \t]*(?:=[ \t]*(?:({_TOKEN})|"({_TOKEN})")[ \t]*)?')
_BITS = re.compile(r"[89]|1[0-5]")
_FLAGS = ("server_no_context_takeover", "client_no_context_takeover")
_SIZES = ("server_max_window_bits", "client_max_window_bits")


def parse_extensions(values: Iterable[str]) -> list[Extension]:
    """The extensions that the fields list, each a name and its parameters.

    Raises:
        ValueError: a field is malformed, or there are too many extensions.
    """
    found: list[Extension] = []
    for value in values:
        position = 0
        while True:
            name = _NAME.match(value, position)
            if name is None or len(found) == _MAX_EXTENSIONS:
                raise ValueError("malformed Sec-WebSocket-Extensions")
            position = name.end()
            parameters: list[tuple[str, str | None]] = []
            while parameter := _PARAMETER.match(value, position):
                position = parameter.end()
                parameters.append((parameter[1], parameter[2] or parameter[3]))
            found.append((name[1], parameters))
            if position == len(value):
                break
            if value[position] != ",":
                raise ValueError("malformed Sec-WebSocket-Extensions")
            position += 1
    return found


def _checked(parameters: list[tuple[str, str | None]], offer: bool) -> dict[str, int | None]:
    """The parameters of permessage-deflate; flags are 1, a size without a value is None.

    Raises:
        ValueError: one is unknown, comes twice, or has a value that it must not have.
    """
    found: dict[str, int | None] = {}
    for name, value in parameters:
        if name in found:
            raise ValueError(f"{name} comes twice")
        if name in _FLAGS and value is None:
            found[name] = 1
        elif name in _SIZES and value is not None and _BITS.fullmatch(value):
            found[name] = int(value)
        elif name == "client_max_window_bits" and value is None and offer:
            found[name] = None
        else:
            raise ValueError(f"invalid parameter {name} of {EXTENSION}")
    return found


def agree(extensions: Iterable[Extension], options: CompressionOptions) -> Parameters | None:
    """The server's answer to what a client offers: the first offer that can be accepted.

    None when there is none (RFC 7692 section 5: invalid ones are declined, not refused).
    """
    for name, parameters in extensions:
        if name != EXTENSION:
            continue
        try:
            offered = _checked(parameters, offer=True)
        except ValueError:
            continue
        server_bits = min(
            offered.get("server_max_window_bits") or 15, options.server_max_window_bits
        )
        if server_bits < 9:
            continue  # zlib cannot compress with so small a window
        client_bits = 15
        if "client_max_window_bits" in offered:  # else it does not know the parameter
            most = offered["client_max_window_bits"] or 15
            client_bits = min(most, options.client_max_window_bits)
        return Parameters(
            "server_no_context_takeover" in offered or options.server_no_context_takeover,
            "client_no_context_takeover" in offered or options.client_no_context_takeover,
            server_bits,
            client_bits,
        )
    return None


def format_agreement(parameters: Parameters) -> str:
    """The server's field.  What is the default anyway is left out."""
    parts = [EXTENSION]
    parts += [flag for flag in _FLAGS if getattr(parameters, flag)]
    parts += [f"{size}={bits}" for size in _SIZES if (bits := getattr(parameters, size)) != 15]
    return "; ".join(parts)


def format_offer(options: CompressionOptions) -> str:
    """The client's field."""
    parts = [EXTENSION]
    parts += [flag for flag in _FLAGS if getattr(options, flag)]
    if options.server_max_window_bits != 15:
        parts.append(f"server_max_window_bits={options.server_max_window_bits}")
    bits = options.client_max_window_bits
    parts.append("client_max_window_bits" if bits == 15 else f"client_max_window_bits={bits}")
    return "; ".join(parts)


def read_agreement(values: Iterable[str], options: CompressionOptions | None) -> Parameters | None:
    """What the server has agreed to; None when it does not compress.

    Args:
        options: what was offered; None for nothing.

    Raises:
        ValueError: it has agreed to what was not offered (RFC 7692 section 7.1).
    """
    extensions = parse_extensions(values)
    if not extensions:
        return None
    if options is None or len(extensions) > 1 or extensions[0][0] != EXTENSION:
        raise ValueError("the server uses an extension that was not offered")
    agreed = _checked(extensions[0][1], offer=False)
    server_bits = agreed.get("server_max_window_bits") or 15
    client_bits = min(agreed.get("client_max_window_bits") or 15, options.client_max_window_bits)
    if server_bits > options.server_max_window_bits:
        raise ValueError("the server's window is larger than it was asked for")
    if options.server_no_context_takeover and "server_no_context_takeover" not in agreed:
        raise ValueError("the server keeps its context although it was asked not to")
    if client_bits < 9:
        raise ValueError("the server wants a window of 8 bits, which zlib cannot make")
    return Parameters(
        "server_no_context_takeover" in agreed,
        "client_no_context_takeover" in agreed or options.client_no_context_takeover,
        server_bits,
        client_bits,
    )
