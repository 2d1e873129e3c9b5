"""Serving an ASGI application: on uvicorn (httptools, uvloop) or on granian (uvloop)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.apps.common import HOST, port, tls_files, variant

#: Granian answers no more connections than this at once; by default about a thousand.
_CONNECTIONS = 20_000


def serve(name: str, application: Any) -> None:
    """Serve the ``application`` of the module ``name`` for ever, as the command line says."""
    if variant("uvicorn") == "granian":
        _granian(name)
    else:
        _uvicorn(application)


def _uvicorn(application: Any) -> None:
    import uvicorn

    certificate, key = tls_files() or (None, None)
    uvicorn.run(
        application,
        host=HOST,
        port=port(),
        http="httptools",
        loop="uvloop",
        access_log=False,
        log_level="error",
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


def _granian(name: str) -> None:
    from granian import Granian
    from granian.constants import Interfaces, Loops

    files = tls_files()
    certificate, key = map(Path, files) if files else (None, None)
    Granian(
        f"{name}:application",
        address=HOST,
        port=port(),
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        workers=1,
        backlog=_CONNECTIONS,
        backpressure=_CONNECTIONS,
        log_enabled=False,
        ssl_cert=certificate,
        ssl_key=key,
    ).serve()
