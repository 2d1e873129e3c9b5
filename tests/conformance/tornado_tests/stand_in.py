"""Puts cyclone's modules in the place of Tornado's, in this process.

What Tornado's own tools need is imported before, with Tornado's modules behind it. A name that
cyclone lacks becomes a `Missing`, so that of a test module only the tests that use it fail.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

from .table import SUBSTITUTED

__all__ = ["Missing", "missing_used", "substitute"]

#: Modules that the tests use as tools: imported first, with Tornado's own behind them.
TOOLS = (
    "testing",
    "httpclient",
    "simple_httpclient",
    "http1connection",
    "iostream",
    "tcpclient",
    "tcpserver",
    "netutil",
    "log",
    "gen",
    "concurrent",
    "ioloop",
    "locks",
    "queues",
    "process",
    "util",
    "platform.twisted",  # makes Deferreds acceptable to ``yield`` in Tornado's coroutines
)

#: Taken from Tornado: (module, name). The tests use them to make input or as their client.
BORROWED = {
    ("httputil", "HTTPMessageDelegate"),
    ("httputil", "_ABNF"),
    ("httputil", "_DEFAULT_PARSE_BODY_CONFIG"),
    ("web", "_create_signature_v1"),
    ("web", "_create_signature_v2"),
    ("websocket", "WebSocketClientConnection"),
    ("websocket", "WebSocketClosedError"),
    ("websocket", "WebSocketError"),
    ("websocket", "websocket_connect"),
}

#: What was missed since this was cleared.
missing_used: set[str] = set()


class _MissingType(type):
    """The type of placeholders: they may be imported and subclassed, but not used."""

    label: str

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        missing_used.add(cls.label)
        raise NotImplementedError(f"{cls.label} is missing")

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return placeholder(f"{cls.label}.{name}")


class Missing(Exception, metaclass=_MissingType):
    """Stands for a name that cyclone does not have. An exception, as it may be caught or raised."""

    label = "Missing"


def placeholder(label: str) -> type:
    """Something to import in place of the name `label`."""
    return _MissingType(label.rpartition(".")[2], (Missing,), {"label": label})


def substitute(also: tuple[str, ...] = ()) -> None:
    """Exchange the modules, and those in `also`."""
    import tornado

    for name in TOOLS:
        importlib.import_module(f"tornado.{name}")
    names = (*SUBSTITUTED, *also)
    originals = {name: importlib.import_module(f"tornado.{name}") for name in names}
    for name, original in originals.items():
        try:
            module = importlib.import_module(f"cyclone.{name}")
        except ModuleNotFoundError:
            module = ModuleType(f"cyclone.{name}")
        _complete(module, original, name)
        sys.modules[f"tornado.{name}"] = module
        setattr(tornado, name, module)


def _complete(module: ModuleType, original: ModuleType, name: str) -> None:
    for attribute in dir(original):
        if attribute.startswith("__"):
            continue
        if (name, attribute) in BORROWED and not (
            hasattr(module, attribute) and name != "websocket"
        ):
            setattr(module, attribute, getattr(original, attribute))
        elif not hasattr(module, attribute):
            setattr(module, attribute, placeholder(f"cyclone.{name}.{attribute}"))
