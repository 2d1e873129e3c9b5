"""The application on starlette, served by uvicorn: ``python -m bench.apps.starlette_app PORT``."""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route


async def index(request: Request) -> PlainTextResponse:
    """Plaintext."""
    return PlainTextResponse("hello, world")


async def message(request: Request) -> JSONResponse:
    """JSON."""
    return JSONResponse({"message": "hello, world"})


async def user(request: Request) -> PlainTextResponse:
    """Path and query parameters."""
    return PlainTextResponse(f"{request.path_params['user']} {request.query_params['q']}")


application = Starlette(
    routes=[Route("/", index), Route("/json", message), Route("/user/{user}", user)]
)

if __name__ == "__main__":
    uvicorn.run(
        application,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        http="httptools",
        loop="uvloop",
        access_log=False,
        log_level="error",
    )
