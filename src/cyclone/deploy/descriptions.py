"""Endpoint descriptions that are better served otherwise than Twisted does."""

from __future__ import annotations

import dataclasses
import re

from .tls import Certificates

__all__ = ["TLSDescription", "tls_description"]

#: What ``ssl:`` takes and we set TLS up for ourselves.
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


@dataclasses.dataclass(frozen=True, slots=True)
class TLSDescription:
    """What ``ssl:443:privateKey=key.pem:certKey=cert.pem`` says."""

    port: int
    interface: str
    backlog: int
    certificates: Certificates


def tls_description(description: str) -> TLSDescription | None:
    """What a description of TLS with certificate files says.

    None if it is another description, or asks for something that only Twisted's endpoint has.

    Raises:
        DeployError: if there is something wrong with the files.
        ValueError: if a number is none.
    """
    if not description.startswith("ssl:"):
        return None
    (_, *plain), named = _parts(description)
    if len(plain) > 1 or not named.keys() <= _UNDERSTOOD or bool(plain) is ("port" in named):
        return None
    key_file = named.get("privateKey", "server.pem")
    return TLSDescription(
        port=int(plain[0] if plain else named["port"]),
        interface=named.get("interface", ""),
        backlog=int(named.get("backlog", _DEFAULT_BACKLOG)),
        certificates=Certificates(named.get("certKey", key_file), key_file),
    )
