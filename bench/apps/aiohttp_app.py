"""The application on aiohttp and uvloop: ``python -m bench.apps.aiohttp_app PORT``."""

from __future__ import annotations

import ssl

import uvloop
from aiohttp import web

from bench.apps.common import (
    HOST,
    MESSAGE,
    UPLOAD_LIMIT,
    event,
    jinja_page,
    port,
    static_directory,
    tls_files,
)

_page = jinja_page()
_everybody: set[web.WebSocketResponse] = set()


async def index(request: web.Request) -> web.Response:
    """Plaintext."""
    return web.Response(text="hello, world")


async def message(request: web.Request) -> web.Response:
    """JSON."""
    return web.json_response(MESSAGE)


async def parameters(request: web.Request) -> web.Response:
    """Path and query parameters."""
    return web.Response(text=f"{request.match_info['user']} {request.query['q']}")


async def page(request: web.Request) -> web.Response:
    """A template."""
    return web.Response(text=_page(), content_type="text/html")


async def form(request: web.Request) -> web.Response:
    """An urlencoded form."""
    fields = await request.post()
    return web.Response(text=f"{fields['name']} {len(fields['text'])}")


async def upload(request: web.Request) -> web.Response:
    """A multipart form with a file."""
    fields = await request.post()
    return web.Response(text=str(len(fields["f"].file.read())))


async def events(request: web.Request) -> web.StreamResponse:
    """Server-sent events."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for number in range(int(request.query["n"])):
        await response.write(event(number).encode())
    await response.write_eof()
    return response


async def echo(request: web.Request) -> web.WebSocketResponse:
    """WebSocket messages that come back."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for received in socket:
        await socket.send_str(received.data)
    return socket


async def broadcast(request: web.Request) -> web.WebSocketResponse:
    """WebSocket messages for everybody."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    _everybody.add(socket)
    try:
        async for received in socket:
            for one in list(_everybody):
                await one.send_str(received.data)
    finally:
        _everybody.discard(socket)
    return socket


def make_application() -> web.Application:
    """Return the application."""
    application = web.Application(client_max_size=UPLOAD_LIMIT)
    application.add_routes(
        [
            web.get("/", index),
            web.get("/json", message),
            web.get("/user/{user}", parameters),
            web.get("/page", page),
            web.post("/form", form),
            web.post("/upload", upload),
            web.get("/sse", events),
            web.get("/ws", echo),
            web.get("/broadcast", broadcast),
            web.static("/static", static_directory()),
        ]
    )
    return application


def main() -> None:
    """Serve for ever."""
    context = None
    if files := tls_files():
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*files)
    web.run_app(
        make_application(),
        host=HOST,
        port=port(),
        access_log=None,
        print=None,
        ssl_context=context,
        loop=uvloop.new_event_loop(),
    )


if __name__ == "__main__":
    main()
