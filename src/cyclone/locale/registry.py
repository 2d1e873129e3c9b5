"""Which catalogs are loaded, and which locale is the default: one set for the process."""

from __future__ import annotations

import gettext
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = [
    "CSVTable",
    "Catalog",
    "get_supported_locales",
    "install",
    "locale_for",
    "registry",
    "set_default_locale",
]

#: A CSV catalog: ``plural``, ``singular`` and ``unknown`` to messages and their translations.
CSVTable: TypeAlias = Mapping[str, Mapping[str, str]]
Catalog: TypeAlias = CSVTable | gettext.NullTranslations


@dataclass
class Registry:
    """The state of this package.

    Attributes:
        default: code of the locale that the program's own messages are in.
        catalogs: what was loaded, by locale code.
        supported: the codes of `catalogs` and the default.
        locales: the `Locale` objects made so far.
    """

    default: str = "en_US"
    catalogs: Mapping[str, Catalog] = field(default_factory=dict)
    supported: frozenset[str] = frozenset(["en_US"])
    locales: dict[str, Any] = field(default_factory=dict)

    def renew(self, default: str, catalogs: Mapping[str, Catalog]) -> None:
        """Exchange everything; objects made before keep what they have."""
        self.default = default
        self.catalogs = catalogs
        self.supported = frozenset([*catalogs, default])
        self.locales = {}


registry = Registry()


def set_default_locale(code: str) -> None:
    """Say which language the program's own messages are in; ``en_US`` before (Tornado).

    It needs no catalog, and is used for those whose languages are not supported.
    """
    registry.renew(code, registry.catalogs)


def get_supported_locales() -> frozenset[str]:
    """The codes of the locales that have a catalog, and the default locale."""
    return registry.supported


def install(catalogs: Mapping[str, Catalog]) -> None:
    """Use these catalogs in place of those loaded before."""
    registry.renew(registry.default, catalogs)


def locale_for(code: str, make: Callable[[str, Catalog], Any]) -> Any:
    """The locale object of a supported code, made by `make` when it is first asked for.

    Raises:
        LookupError: the code is not supported.
    """
    locale = registry.locales.get(code)
    if locale is None:
        if code not in registry.supported:
            raise LookupError(f"locale {code!r} is not supported: there is no catalog for it")
        locale = registry.locales[code] = make(code, registry.catalogs.get(code, {}))
    return locale
