"""What the applications share: the page's rows, the events, where files are."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

HOST = "127.0.0.1"
MESSAGE = {"message": "hello, world"}
TITLE = "Rows & <more>"
ROWS: list[dict[str, Any]] = [
    {"id": number, "name": f"<{number}>", "text": f'number {number} & "quoted"'}
    for number in range(50)
]
UPLOAD_LIMIT = 4 * 1024 * 1024
EVENTS = 1000

#: The exit status of an application that cannot run here.
UNAVAILABLE = 69

_PAGE = """<!doctype html><html><head><title>{{ title }}</title></head><body><table>
{%% for row in rows %%}<tr><td>{{ row["id"] }}</td><td>{{ row["name"] }}</td>\
<td>{{ row["text"] }}</td></tr>
{%% %s %%}</table></body></html>"""

#: The page for Jinja and, the same in all but one word, for Tornado's templates.
JINJA_PAGE = _PAGE % "endfor"
TORNADO_PAGE = _PAGE % "end"


def jinja_page() -> Callable[[], str]:
    """Return what renders the page for the frameworks that have no templates of their own."""
    import jinja2

    template = jinja2.Environment(autoescape=True).from_string(JINJA_PAGE)
    return lambda: template.render(title=TITLE, rows=ROWS)


def event_data(number: int) -> str:
    """Return what one event says."""
    return f'{{"number": {number}, "text": "hello, world"}}'


def event(number: int) -> str:
    """Return one event."""
    return f"data: {event_data(number)}\n\n"


def static_directory() -> str:
    """Return the directory of the static file."""
    return str(Path(os.environ.get("BENCH_STATIC", ".")).resolve())


def tls_files() -> tuple[str, str] | None:
    """Return the certificate's and the key's file if the server is to speak TLS."""
    directory = os.environ.get("BENCH_TLS")
    if not directory:
        return None
    return str(Path(directory, "certificate.pem")), str(Path(directory, "key.pem"))


def unavailable(reason: str) -> NoReturn:
    """End: the application cannot run here, for a reason that the tables tell."""
    print(reason)
    sys.exit(UNAVAILABLE)


def port() -> int:
    """Return the port to listen on."""
    return int(sys.argv[1])


def variant(default: str) -> str:
    """Return which of several ways to serve was asked for."""
    return sys.argv[2] if len(sys.argv) > 2 else default
