"""The application on Klein, served by twisted.web: ``python -m bench.apps.klein_app PORT``."""

from __future__ import annotations

import json

from klein import Klein
from twisted.web.http import Request
from twisted.web.resource import IResource
from twisted.web.static import File

from bench.apps.common import MESSAGE, jinja_page, static_directory
from bench.apps.twisted_site import serve

app = Klein()
_page = jinja_page()


@app.route("/")
def index(request: Request) -> bytes:
    """Plaintext."""
    request.setHeader(b"content-type", b"text/plain")
    return b"hello, world"


@app.route("/json")
def message(request: Request) -> str:
    """JSON."""
    request.setHeader(b"content-type", b"application/json")
    return json.dumps(MESSAGE)


@app.route("/user/<user>")
def parameters(request: Request, user: str) -> str:
    """Path and query parameters."""
    request.setHeader(b"content-type", b"text/plain")
    return f"{user} {request.args[b'q'][0].decode()}"


@app.route("/page")
def page(request: Request) -> str:
    """A template."""
    request.setHeader(b"content-type", b"text/html")
    return _page()


@app.route("/form", methods=["POST"])
def form(request: Request) -> bytes:
    """An urlencoded form."""
    return b"%s %d" % (request.args[b"name"][0], len(request.args[b"text"][0]))


@app.route("/upload", methods=["POST"])
def upload(request: Request) -> bytes:
    """A multipart form with a file."""
    return b"%d" % len(request.args[b"f"][0])


@app.route("/static/", branch=True)
def static(request: Request) -> IResource:
    """The static file."""
    return File(static_directory())


if __name__ == "__main__":
    serve(app.resource())
