"""The application on blacksheep: ``python -m bench.apps.blacksheep_app PORT [uvicorn|granian]``."""

from __future__ import annotations

from collections.abc import AsyncIterator

from blacksheep import (
    Application,
    Request,
    Response,
    StreamedContent,
    WebSocket,
    WebSocketDisconnectError,
    get,
    html,
    json,
    post,
    text,
    ws,
)

from bench.apps.asgi import serve
from bench.apps.common import EVENTS, MESSAGE, event, jinja_page, static_directory

_page = jinja_page()
_everybody: set[WebSocket] = set()
application = Application()
application.serve_files(static_directory(), root_path="static", extensions={".bin"})


@get("/")
async def index() -> Response:
    """Plaintext."""
    return text("hello, world")


@get("/json")
async def message() -> Response:
    """JSON."""
    return json(MESSAGE)


@get("/user/{user}")
async def parameters(user: str, q: str) -> Response:
    """Path and query parameters."""
    return text(f"{user} {q}")


@get("/page")
async def page() -> Response:
    """A template."""
    return html(_page())


@post("/form")
async def form(request: Request) -> Response:
    """An urlencoded form."""
    fields = await request.form() or {}
    return text(f"{fields['name']} {len(fields['text'])}")


@post("/upload")
async def upload(request: Request) -> Response:
    """A multipart form with a file."""
    (file,) = await request.files("f")
    data = file.data
    return text(str(len(data if isinstance(data, bytes) else data.read())))


@get("/sse")
async def events(request: Request) -> Response:
    """Server-sent events."""
    count = int(request.query.get("n", [str(EVENTS)])[0])

    async def stream() -> AsyncIterator[bytes]:
        for number in range(count):
            yield event(number).encode()

    return Response(200, content=StreamedContent(b"text/event-stream", stream))


@ws("/ws")
async def echo(socket: WebSocket) -> None:
    """WebSocket messages that come back."""
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnectError:
        pass


@ws("/broadcast")
async def broadcast(socket: WebSocket) -> None:
    """WebSocket messages for everybody."""
    await socket.accept()
    _everybody.add(socket)
    try:
        while True:
            received = await socket.receive_text()
            for one in list(_everybody):
                await one.send_text(received)
    except WebSocketDisconnectError:
        pass
    finally:
        _everybody.discard(socket)


if __name__ == "__main__":
    serve("bench.apps.blacksheep_app", application)
