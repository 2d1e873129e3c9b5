"""Catalogs from files: gettext's ``.mo``, or CSV."""

from __future__ import annotations

import codecs
import csv
import gettext
import os
import re
from collections.abc import Iterable

from cyclone.log import gen_log

from .registry import CSVTable, install

__all__ = ["load_gettext_translations", "load_translations", "read_rows"]

_CODE = re.compile(r"[a-z]{2,8}(?:_[A-Z][a-z]{3})?(?:_(?:[A-Z]{2}|[0-9]{3}))?")
_PLURAL_KINDS = ("plural", "singular", "unknown")


def load_translations(directory: str, encoding: str | None = None) -> None:
    """Load the CSV catalogs of a directory: ``es_LA.csv`` and so on (Tornado).

    A row is a message, its translation, and (for messages that come in two numbers) ``singular``
    or ``plural``::

        "Sign out","Salir"
        "%(name)s liked this","A %(name)s le gustó esto","singular"
        "%(name)s liked this","A %(name)s les gustó esto","plural"

    What was loaded before is forgotten. Files whose names are no locale codes, and rows with
    another third column, are reported in the log and left out.

    Args:
        encoding: of the files; by default UTF-8, or UTF-16 where a byte order mark says so.

    Raises:
        OSError: the directory or a file cannot be read.
        ValueError: a file is not in its encoding, or not CSV.
    """
    catalogs: dict[str, CSVTable] = {}
    for name in sorted(os.listdir(directory)):
        code, extension = os.path.splitext(name)
        if extension != ".csv":
            continue
        path = os.path.join(directory, name)
        if not _CODE.fullmatch(code):
            gen_log.error("Unrecognized locale %r (path: %s)", code, path)
            continue
        catalogs[code] = _read_csv(path, encoding)
    install(catalogs)
    gen_log.debug("Supported locales: %s", sorted(catalogs))


def _read_csv(path: str, encoding: str | None) -> CSVTable:
    try:
        with open(path, encoding=encoding or _guess_encoding(path), newline="") as file:
            return read_rows(csv.reader(file), path)
    except (UnicodeError, csv.Error) as error:
        raise ValueError(f"cannot read the translations in {path}: {error}") from error


def _guess_encoding(path: str) -> str:
    with open(path, "rb") as file:
        start = file.read(2)
    return "utf-16" if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def read_rows(rows: Iterable[list[str]], path: str) -> dict[str, dict[str, str]]:
    """Make a catalog of the rows of a CSV file; `path` is for messages in the log."""
    catalog: dict[str, dict[str, str]] = {}
    for number, row in enumerate(rows, 1):
        if len(row) < 2:
            continue
        message, translation, kind = (cell.strip() for cell in [*row, ""][:3])
        kind = kind or "unknown"
        if kind not in _PLURAL_KINDS:
            gen_log.error("Unrecognized plural indicator %r in %s line %d", kind, path, number)
            continue
        catalog.setdefault(kind, {})[message] = translation
    return catalog


def load_gettext_translations(directory: str, domain: str = "cyclone") -> None:
    """Load gettext's catalogs: ``{directory}/{code}/LC_MESSAGES/{domain}.mo`` (Tornado).

    They are made by ``pybabel extract`` and ``pybabel compile``, or by xgettext and msgfmt. What
    was loaded before is forgotten. A catalog that cannot be read is reported in the log and left
    out.

    Args:
        domain: name of the files; cyclone 1.x's default.

    Raises:
        OSError: the directory cannot be read.
    """
    catalogs: dict[str, gettext.NullTranslations] = {}
    for code in sorted(os.listdir(directory)):
        path = os.path.join(directory, code, "LC_MESSAGES", f"{domain}.mo")
        if not os.path.isfile(path):
            continue
        try:
            with open(path, "rb") as file:
                catalogs[code] = gettext.GNUTranslations(file)
        except Exception as error:  # struct.error, UnicodeError, SyntaxError of plural rules ...
            gen_log.error("Cannot load translation for %r: %s", code, error)
    install(catalogs)
    gen_log.debug("Supported locales: %s", sorted(catalogs))
