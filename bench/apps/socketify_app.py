"""The application on socketify: ``python -m bench.apps.socketify_app PORT``."""

from __future__ import annotations

from typing import Any

from socketify import App, AppListenOptions, AppOptions

from bench.apps.common import HOST, MESSAGE, jinja_page, port, tls_files

_page = jinja_page()


def index(response: Any, request: Any) -> None:
    """Plaintext."""
    response.write_header("Content-Type", "text/plain")
    response.end("hello, world")


def message(response: Any, request: Any) -> None:
    """JSON."""
    response.end(MESSAGE)


def parameters(response: Any, request: Any) -> None:
    """Path and query parameters."""
    response.write_header("Content-Type", "text/plain")
    response.end(f"{request.get_parameter(0)} {request.get_query('q')}")


def page(response: Any, request: Any) -> None:
    """A template."""
    response.write_header("Content-Type", "text/html")
    response.end(_page())


async def form(response: Any, request: Any) -> None:
    """An urlencoded form."""
    fields = await response.get_form_urlencoded()
    response.end(f"{fields['name']} {len(fields['text'])}")


def make_application() -> App:
    """Return the application."""
    options = None
    if files := tls_files():
        certificate, key = files
        options = AppOptions(cert_file_name=certificate, key_file_name=key)
    application = App(options)
    application.get("/", index)
    application.get("/json", message)
    application.get("/user/:user", parameters)
    application.get("/page", page)
    application.post("/form", form)
    application.ws("/ws", {"message": lambda socket, data, code: socket.send(data, code)})
    application.ws(
        "/broadcast",
        {
            "open": lambda socket: socket.subscribe("everybody"),
            "message": lambda socket, data, code: application.publish("everybody", data, code),
        },
    )
    return application


if __name__ == "__main__":
    server = make_application()
    server.listen(AppListenOptions(port=port(), host=HOST), lambda config: None)
    server.run()
