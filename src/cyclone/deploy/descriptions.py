"""Endpoint descriptions that are better served otherwise than Twisted does."""

from __future__ import annotations

import re
from typing import Any

from .tls import NativeTLSEndpoint, has_native_tls, tls_context

__all__ = ["native_tls_endpoint"]

#: What ``ssl:`` takes and the TLS of an event loop can be set up for.
_UNDERSTOOD = {"port", "interface", "backlog", "privateKey", "certKey"}
_DEFAULT_BACKLOG = 50

_PART = re.compile(r"((?:[^:\\]|\\.)*)(?::|$)", re.DOTALL)


def _parts(description: str) -> tuple[list[str], dict[str, str]]:
    """The values of a description without names, and those with; a backslash quotes."""
    plain, named = [], {}
    end = 0
    while end <= len(description):
        found = _PART.match(description, end)
        if found is None:
            break
        name, equals, value = found[1].partition("=")
        unquoted = re.sub(r"\\(.)", r"\1", value if equals else name)
        if equals:
            named[name] = unquoted
        else:
            plain.append(unquoted)
        end = found.end() + (found.end() == len(description))
    return plain, named


def native_tls_endpoint(reactor: Any, description: str) -> NativeTLSEndpoint | None:
    """The endpoint for ``ssl:443:privateKey=key.pem:certKey=cert.pem`` where TLS is the loop's.

    None if it is another description, asks for something that only Twisted's TLS has, or the
    reactor has no other.

    Raises:
        DeployError: if there is something wrong with the files.
        ValueError: if a number is none.
    """
    if not description.startswith("ssl:") or not has_native_tls(reactor):
        return None
    (_, *plain), named = _parts(description)
    if len(plain) > 1 or not named.keys() <= _UNDERSTOOD or bool(plain) is ("port" in named):
        return None
    port = int(plain[0] if plain else named["port"])
    key_file = named.get("privateKey", "server.pem")
    context = tls_context(named.get("certKey", key_file), key_file)
    backlog = int(named.get("backlog", _DEFAULT_BACKLOG))
    return NativeTLSEndpoint(reactor, port, context, backlog, named.get("interface", ""))
