"""The application on falcon: ``python -m bench.apps.falcon_app PORT [uvicorn|granian]``."""

from __future__ import annotations

from collections.abc import AsyncIterator

import falcon
import falcon.asgi
from falcon.asgi import Request, Response, WebSocket

from bench.apps.asgi import serve
from bench.apps.common import MESSAGE, event, jinja_page, static_directory

_page = jinja_page()


class Main:
    """Plaintext."""

    async def on_get(self, request: Request, response: Response) -> None:
        response.content_type = "text/plain"
        response.text = "hello, world"


class Json:
    """JSON."""

    async def on_get(self, request: Request, response: Response) -> None:
        response.media = MESSAGE


class User:
    """Path and query parameters."""

    async def on_get(self, request: Request, response: Response, user: str) -> None:
        response.content_type = "text/plain"
        response.text = f"{user} {request.get_param('q')}"


class Page:
    """A template."""

    async def on_get(self, request: Request, response: Response) -> None:
        response.content_type = "text/html"
        response.text = _page()


class Form:
    """An urlencoded form."""

    async def on_post(self, request: Request, response: Response) -> None:
        fields = await request.get_media()
        response.content_type = "text/plain"
        response.text = f"{fields['name']} {len(fields['text'])}"


class Upload:
    """A multipart form with a file."""

    async def on_post(self, request: Request, response: Response) -> None:
        response.content_type = "text/plain"
        async for part in await request.get_media():
            response.text = str(len(await part.stream.read()))


class Events:
    """Server-sent events."""

    async def on_get(self, request: Request, response: Response) -> None:
        count = request.get_param_as_int("n") or 0

        async def stream() -> AsyncIterator[bytes]:
            for number in range(count):
                yield event(number).encode()

        response.content_type = "text/event-stream"
        response.stream = stream()


class Echo:
    """WebSocket messages that come back."""

    async def on_websocket(self, request: Request, socket: WebSocket) -> None:
        await socket.accept()
        try:
            while True:
                await socket.send_text(await socket.receive_text())
        except falcon.WebSocketDisconnected:
            pass


class Broadcast:
    """WebSocket messages for everybody."""

    def __init__(self) -> None:
        self.everybody: set[WebSocket] = set()

    async def on_websocket(self, request: Request, socket: WebSocket) -> None:
        await socket.accept()
        self.everybody.add(socket)
        try:
            while True:
                received = await socket.receive_text()
                for one in list(self.everybody):
                    await one.send_text(received)
        except falcon.WebSocketDisconnected:
            pass
        finally:
            self.everybody.discard(socket)


def make_application() -> falcon.asgi.App:
    """Return the application."""
    application = falcon.asgi.App()
    for path, resource in (
        ("/", Main()),
        ("/json", Json()),
        ("/user/{user}", User()),
        ("/page", Page()),
        ("/form", Form()),
        ("/upload", Upload()),
        ("/sse", Events()),
        ("/ws", Echo()),
        ("/broadcast", Broadcast()),
    ):
        application.add_route(path, resource)
    application.add_static_route("/static", static_directory())
    return application


application = make_application()

if __name__ == "__main__":
    serve("bench.apps.falcon_app", application)
