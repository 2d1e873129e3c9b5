"""Short links: an application of functions, in one file.

::

    python app.py                              (in this directory)
    cyclone run app.py
    twistd -n cyclone -r app.Application

Links are kept in memory, and are gone when the server stops.
"""

from __future__ import annotations

import pathlib
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from cyclone.bottle import Bottle

HERE = pathlib.Path(__file__).parent
MOST_LINKS = 1000
LONGEST_URL = 2000

app = Bottle(
    template_path=str(HERE / "templates"),
    static_path=str(HERE / "static"),
    cross_origin_protection=True,
)


@dataclass
class Link:
    url: str
    visits: int = 0


links: dict[str, Link] = {}


def shorten(url):
    """Keep a link under a new key; returns the key, or raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or len(url) > LONGEST_URL:
        raise ValueError(
            f"A link is http:// or https:// and at most {LONGEST_URL} characters long."
        )
    if any(character.isspace() or not character.isprintable() for character in url):
        raise ValueError("A link has no spaces in it.")
    while len(links) >= MOST_LINKS:
        del links[next(iter(links))]  # the oldest
    key = secrets.token_urlsafe(4)
    links[key] = Link(url)
    return key


def show(web, **values):
    return web.render("index.html", links=links, **{"error": "", "url": "", **values})


@app.get("/")
def index(web):
    return show(web)


@app.post("/")
def add(web):
    url = web.get_argument("url", "")
    try:
        shorten(url)
    except ValueError as error:
        web.set_status(422)
        return show(web, error=str(error), url=url)
    return web.redirect("/", status=303)


@app.get("/<key>", name="link")
def follow(web, key):
    link = links.get(key)
    if link is None:
        return web.send_error(404)
    link.visits += 1
    return web.redirect(link.url)


# The same as an interface for programs. What is returned is written, a dictionary as JSON.


@app.get("/api/links")
def list_links(web):
    return {key: {"url": link.url, "visits": link.visits} for key, link in links.items()}


@app.post("/api/links")
def add_link(web):
    try:
        key = shorten(web.get_argument("url"))
    except ValueError as error:
        web.set_status(422)
        return {"error": str(error)}
    web.set_status(201)
    web.set_header("Location", web.reverse_url("link", key))
    return {"key": key}


@app.route("/api/links/<key>", method=["delete"])
def remove_link(web, key):
    web.set_status(204 if links.pop(key, None) else 404)


@app.error(404)
def not_found(web, error):
    return web.render_string("missing.html", path=web.request.path)


Application = app.create_app  # for twistd and `cyclone run`

if __name__ == "__main__":
    app.run(reload=True)
