"""The language of a request: what the user has chosen, else what the browser asks for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from cyclone._async import as_deferred
from cyclone.locale import Locale
from cyclone.locale import get as closest_locale

if TYPE_CHECKING:
    from .handler import RequestHandler

__all__ = ["accepted_languages", "browser_locale", "get_locale", "set_locale"]

#: Languages of one request that are looked at. Browsers send a handful.
_MAX_LANGUAGES = 100

#: RFC 9110 section 12.4.2.
_WEIGHT = re.compile(r"[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*")


def accepted_languages(header: str) -> list[str]:
    """The languages of an Accept-Language field, those that are liked best first.

    Malformed ones and those with weight 0 are left out, as is what comes after the hundredth.
    Takes linear time.
    """
    weighted = []
    for item in header.split(",", _MAX_LANGUAGES)[:_MAX_LANGUAGES]:
        language, semicolon, parameter = item.partition(";")
        weight = 1.0
        if semicolon:
            match = _WEIGHT.fullmatch(parameter)
            weight = float(match[1]) if match is not None else 0.0
        language = language.strip(" \t")
        if weight and language:
            weighted.append((weight, language))
    weighted.sort(key=lambda pair: -pair[0])
    return [language for _, language in weighted]


def browser_locale(header: str, default: str) -> Locale:
    """The supported locale that fits an Accept-Language field best.

    Args:
        default: code of the locale for those who ask for none.
    """
    return closest_locale(*(accepted_languages(header) or [default]))


def get_locale(handler: RequestHandler) -> Any:
    """The locale of a request: `get_user_locale`, else `get_browser_locale`; asked once.

    Where `get_user_locale` is asynchronous and its answer has yet to come, a Deferred of the
    locale, for ``await self.locale``; from then on the locale itself.
    """
    known = handler._locale
    if known is not None:
        return known
    chosen = handler.get_user_locale()
    waiting = as_deferred(chosen)
    if waiting is None:
        return _settle(handler, chosen)
    locale: Deferred[Any] = Deferred()
    handler._locale = locale

    def answered(answer: Any) -> Any:
        # Whoever fails gets another chance; an assignment in the meantime stands.
        if handler._locale is locale:
            handler._locale = None
            settled = _settle(handler, answer)
        else:
            settled = handler._locale
        locale.callback(settled)
        return answer

    def failed(failure: Any) -> None:
        if handler._locale is locale:
            handler._locale = None
        locale.errback(failure)

    waiting.addCallbacks(answered, failed)
    return locale if handler._locale in (locale, None) else handler._locale


def _settle(handler: RequestHandler, chosen: Any) -> Any:
    handler._locale = chosen or handler.get_browser_locale()
    return handler._locale


def set_locale(handler: RequestHandler, value: Any) -> None:
    """Set the locale of a request, as in ``prepare``."""
    handler._locale = value
