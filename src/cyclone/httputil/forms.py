"""Forms in request bodies, of either type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO

from cyclone.escape import parse_qs_bytes

from .errors import HTTPInputError
from .files import HTTPFile
from .formconfig import ParseBodyConfig, ParseUrlEncodedConfig, get_parse_body_config
from .multipart_form import parse_multipart, parse_multipart_form_data
from .multipart_rules import boundary_of

__all__ = ["parse_body_arguments", "parse_query", "parse_stream_arguments"]

Arguments = dict[str, list[bytes]]
Files = dict[str, list[HTTPFile]]

_URLENCODED = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"


def form_type(content_type: str) -> str:
    """Return the media type in a Content-Type if it is one of forms, else ""."""
    # Most requests come without a body, and most bodies are no forms.
    if not content_type:
        return ""
    media_type = content_type.partition(";")[0].strip(" \t").lower()
    return media_type if media_type in (_URLENCODED, _MULTIPART) else ""


def parse_query(query: str, config: ParseBodyConfig | None = None) -> Arguments:
    """Return the arguments in the query of a URL, those without a value included.

    Args:
        query: percent-encoded.
        config: limits.  Default: those of `set_parse_body_config`.

    Raises:
        HTTPInputError: there are too many.
    """
    if not query:
        return {}
    if config is None:
        config = get_parse_body_config()
    try:
        return parse_qs_bytes(query, True, max_num_fields=config.urlencoded.max_arguments)
    except ValueError as exc:
        raise HTTPInputError(f"Invalid query string: {_reason(exc)}") from None


def parse_body_arguments(
    content_type: str,
    body: bytes,
    arguments: Arguments,
    files: Files,
    headers: Mapping[str, str] | None = None,
    *,
    config: ParseBodyConfig | None = None,
) -> None:
    """Parse a form that is in memory; a body of another type is left alone.

    Args:
        content_type: of the body.
        body: all of it.
        arguments: gets the values of fields, by name.
        files: gets the files, by name.
        headers: of the request; an encoded form is refused.
        config: limits.  Default: those of `set_parse_body_config`.

    Raises:
        HTTPInputError: the form is malformed or exceeds a limit; nothing was added then.
    """
    kind = form_type(content_type)
    if not kind:
        return
    if headers is not None and "Content-Encoding" in headers:
        raise HTTPInputError("Unsupported Content-Encoding")
    if config is None:
        config = get_parse_body_config()
    if kind == _MULTIPART:
        boundary = boundary_of(content_type)
        parse_multipart_form_data(boundary, body, arguments, files, config=config.multipart)
        return
    for name, values in _parse_urlencoded(body, config.urlencoded).items():
        arguments.setdefault(name, []).extend(values)


def parse_stream_arguments(
    content_type: str,
    stream: BinaryIO,
    size: int,
    headers: Mapping[str, str],
    *,
    config: ParseBodyConfig | None = None,
    spool_size: int | None = 1024 * 1024,
) -> tuple[Arguments, Files]:
    """Parse a form that is read from a stream.

    Args:
        content_type: of the body.
        stream: the body, at its beginning.
        size: of the body in bytes.
        headers: of the request; an encoded form is refused.
        config: limits.  Default: those of `set_parse_body_config`.
        spool_size: see `parse_multipart`.

    Returns:
        the values of fields by name, and the files by name, which are the caller's to close.

    Raises:
        HTTPInputError: the form is malformed or exceeds a limit.
    """
    kind = form_type(content_type)
    if not kind:
        return {}, {}
    if "Content-Encoding" in headers:
        raise HTTPInputError("Unsupported Content-Encoding")
    if config is None:
        config = get_parse_body_config()
    if kind == _MULTIPART:
        return parse_multipart(stream, content_type, config.multipart, spool_size=spool_size)
    if size > config.urlencoded.max_size:
        raise HTTPInputError("Invalid x-www-form-urlencoded body: it is too large")
    return _parse_urlencoded(stream.read(), config.urlencoded), {}


def _parse_urlencoded(body: bytes, config: ParseUrlEncodedConfig) -> Arguments:
    if len(body) > config.max_size:
        raise HTTPInputError("Invalid x-www-form-urlencoded body: it is too large")
    try:
        return parse_qs_bytes(body, True, max_num_fields=config.max_arguments)
    except ValueError as exc:
        raise HTTPInputError(f"Invalid x-www-form-urlencoded body: {_reason(exc)}") from None


def _reason(error: ValueError) -> str:
    # The text of a UnicodeError would show what was received.
    return "not Latin-1" if isinstance(error, UnicodeError) else str(error)
