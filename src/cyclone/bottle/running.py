"""Serving from a script, until a signal comes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TextIO

from cyclone import autoreload
from cyclone.deploy import DeployError, port_number, serve

__all__ = ["serve_application"]


def serve_application(
    make: Callable[[], Any],
    *,
    port: int | str,
    host: str,
    log: TextIO | None,
    reload: bool,
    reactor: str | None,
) -> None:
    """Serve what `make` makes once the reactor is there; see `Bottle.run`."""

    if log is not None and not hasattr(log, "write"):
        raise TypeError(f"log is a file object, or None for no log, not {log!r}")

    def application(running: Any) -> Any:
        if reload:
            running.callWhenRunning(autoreload.start, reactor=running)
        return make()

    try:
        number = port_number(str(port))  # "8888", as the environment has it, is one too
        status = serve(application, port=number, host=host, log=log, reactor=reactor)
    except DeployError as error:
        sys.exit(f"{error.detail}\n{error}" if error.detail else str(error))
    if status:
        sys.exit(status)
