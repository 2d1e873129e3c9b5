"""Limits for the forms in request bodies and for query strings (Tornado's classes)."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = [
    "ParseBodyConfig",
    "ParseMultipartConfig",
    "ParseUrlEncodedConfig",
    "get_parse_body_config",
    "set_parse_body_config",
]


@dataclass
class ParseMultipartConfig:
    """Limits for ``multipart/form-data`` bodies.

    Attributes:
        enabled: whether they are parsed at all.
        max_parts: fields and files in a form.
        max_part_header_size: bytes in the header section of a part.
        max_fields_size: bytes in all fields that are no files.  Those are kept in memory.
    """

    enabled: bool = True
    max_parts: int = 100
    max_part_header_size: int = 10 * 1024
    max_fields_size: int = 16 * 1024 * 1024


@dataclass
class ParseUrlEncodedConfig:
    """Limits for ``application/x-www-form-urlencoded`` bodies.

    Attributes:
        max_arguments: arguments in a form, and in the query of a URL.
        max_size: bytes in a form.  It is kept in memory.
    """

    max_arguments: int = 1000
    max_size: int = 16 * 1024 * 1024


@dataclass
class ParseBodyConfig:
    """Limits for request bodies, by their type."""

    multipart: ParseMultipartConfig = field(default_factory=ParseMultipartConfig)
    urlencoded: ParseUrlEncodedConfig = field(default_factory=ParseUrlEncodedConfig)


_default = ParseBodyConfig()


def set_parse_body_config(config: ParseBodyConfig) -> None:
    """Set the limits that apply where no others are given, for the whole process."""
    global _default
    _default = config


def get_parse_body_config() -> ParseBodyConfig:
    """Return the limits that apply where no others are given."""
    return _default
