"""The application on starlette: ``python -m bench.apps.starlette_app PORT [uvicorn|granian]``."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    StreamingResponse,
)
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from bench.apps.asgi import serve
from bench.apps.common import MESSAGE, event, jinja_page, static_directory
from bench.apps.starlette_database import routes as database_routes

_page = jinja_page()
_everybody: set[WebSocket] = set()


async def index(request: Request) -> PlainTextResponse:
    """Plaintext."""
    return PlainTextResponse("hello, world")


async def message(request: Request) -> JSONResponse:
    """JSON."""
    return JSONResponse(MESSAGE)


async def parameters(request: Request) -> PlainTextResponse:
    """Path and query parameters."""
    return PlainTextResponse(f"{request.path_params['user']} {request.query_params['q']}")


async def page(request: Request) -> HTMLResponse:
    """A template."""
    return HTMLResponse(_page())


async def form(request: Request) -> PlainTextResponse:
    """An urlencoded form."""
    fields = await request.form()
    return PlainTextResponse(f"{fields['name']} {len(fields['text'])}")


async def upload(request: Request) -> PlainTextResponse:
    """A multipart form with a file."""
    fields = await request.form()
    return PlainTextResponse(str(len(await fields["f"].read())))


async def events(request: Request) -> StreamingResponse:
    """Server-sent events."""
    count = int(request.query_params["n"])

    async def stream() -> AsyncIterator[str]:
        for number in range(count):
            yield event(number)

    return StreamingResponse(stream(), media_type="text/event-stream")


async def echo(socket: WebSocket) -> None:
    """WebSocket messages that come back."""
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass


async def broadcast(socket: WebSocket) -> None:
    """WebSocket messages for everybody."""
    await socket.accept()
    _everybody.add(socket)
    try:
        while True:
            received = await socket.receive_text()
            for one in list(_everybody):
                await one.send_text(received)
    except WebSocketDisconnect:
        pass
    finally:
        _everybody.discard(socket)


application = Starlette(
    routes=[
        Route("/", index),
        Route("/json", message),
        Route("/user/{user}", parameters),
        Route("/page", page),
        Route("/form", form, methods=["POST"]),
        Route("/upload", upload, methods=["POST"]),
        Route("/sse", events),
        WebSocketRoute("/ws", echo),
        WebSocketRoute("/broadcast", broadcast),
        Mount("/static", StaticFiles(directory=static_directory())),
        *database_routes(),
    ]
)

if __name__ == "__main__":
    serve("bench.apps.starlette_app", application)
