"""Makes catalogs for tests: gettext's ``.mo`` files, and CSV."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

HEAD = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=n != 1;\n"


def mo_file(messages: Mapping[str, str]) -> bytes:
    """A catalog in gettext's binary format; plurals and contexts are joined by NUL and EOT."""
    entries = sorted({"": HEAD, **messages}.items())
    keys = [key.encode() for key, _ in entries]
    values = [value.encode() for _, value in entries]
    count = len(entries)
    start = 28 + 16 * count
    data = b""
    tables = []
    for texts in (keys, values):
        table = b""
        for text in texts:
            table += struct.pack("<II", len(text), start + len(data))
            data += text + b"\0"
        tables.append(table)
    head = struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, start)
    return head + tables[0] + tables[1] + data


def write_mo(root: Path, code: str, messages: Mapping[str, str], domain: str = "cyclone") -> Path:
    directory = root / code / "LC_MESSAGES"
    directory.mkdir(parents=True)
    path = directory / f"{domain}.mo"
    path.write_bytes(mo_file(messages))
    return path
