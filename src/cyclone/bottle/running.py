"""Serving from a script, until a signal comes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TextIO

from cyclone import autoreload
from cyclone.deploy import DeployError, serve

__all__ = ["serve_application"]


def serve_application(
    make: Callable[[], Any],
    *,
    port: int,
    host: str,
    log: TextIO | None,
    reload: bool,
    reactor: str | None,
) -> None:
    """Serve what `make` makes once the reactor is there; see `Bottle.run`."""

    def application(running: Any) -> Any:
        if reload:
            running.callWhenRunning(autoreload.start, reactor=running)
        return make()

    try:
        status = serve(application, port=port, host=host, log=log, reactor=reactor)
    except DeployError as error:
        sys.exit(f"{error.detail}\n{error}" if error.detail else str(error))
    if status:
        sys.exit(status)
