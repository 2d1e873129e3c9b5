"""What has to hold for the built pages; ``make docs`` runs it.

Every public name is described, every link within the documentation leads to a page and to a place
in it, pages load nothing from other servers, and there is an index to search in, which the browser
reads by itself.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import cyclone

#: What makes a browser load something, by the element and its attribute.
LOADING = {
    ("script", "src"),
    ("link", "href"),
    ("img", "src"),
    ("iframe", "src"),
    ("source", "src"),
    ("object", "data"),
    ("form", "action"),
}


class Page(HTMLParser):
    """What a page refers to, what it loads, and which places it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None:
                continue
            if name == "id":
                self.places.add(value)
            elif (tag, name) in LOADING:
                self.loads.append(value)
            elif (tag, name) == ("a", "href"):
                self.links.append(value)


def is_elsewhere(reference: str) -> bool:
    """Whether it leads to another server."""
    parts = urlsplit(reference)
    return bool(parts.netloc) or parts.scheme not in ("", "data")


def wrong_links(root: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """The links and files within `root` that are not there."""
    for path, page in pages.items():
        for reference in [*page.links, *page.loads]:
            if is_elsewhere(reference) or reference.startswith("data:"):
                continue
            parts = urlsplit(reference)
            target = path
            if parts.path:
                target = (path.parent / unquote(parts.path)).resolve()
            place = unquote(parts.fragment)
            if not target.is_file():
                yield f"{path.relative_to(root)}: {reference} is not there"
            elif place and target in pages and place not in pages[target].places:
                yield f"{path.relative_to(root)}: {reference} has no such place"


#: Where this is, which is nobody's business.
CHECKOUT = str(Path(cyclone.__file__).parents[2])
#: Names of public modules that their pages leave out.
LEFT_OUT = {
    # What Tornado's and cyclone 1.x's names are made of, and for the two commands.
    "app": {"SKELETONS", "add_arguments", "run"},
    # Only what applications meet is described; the rest is the engine's.
    "http1": None,
    # The names of txredisapi, which has documents of its own.
    "redis": None,
    # Twisted's kind of interface, which autodoc does not know.
    "uvloopreactor": {"IReactorNativeTLS"},
}


def names_in(inventory: bytes) -> set[str]:
    """The names that a file objects.inv lists."""
    head, body = inventory.split(b"\n", 4)[:4], inventory.split(b"\n", 4)[4]
    if not head[3].endswith(b"zlib."):
        return set()
    return {line.partition(" ")[0] for line in zlib.decompress(body).decode().splitlines()}


def public_names() -> Iterator[tuple[str, str, object]]:
    """Each public module, a name that it lists, and what that is."""
    for module in pkgutil.iter_modules(cyclone.__path__):
        left_out = LEFT_OUT.get(module.name, set())
        if module.name.startswith("_") or module.name == "cli" or left_out is None:
            continue
        face = importlib.import_module(f"cyclone.{module.name}")
        for name in sorted(set(face.__all__) - left_out):
            yield module.name, name, getattr(face, name)


def names_without_a_place(described: set[str]) -> Iterator[str]:
    """The names that public modules list and no page describes, under this or another name."""
    names = [(f"cyclone.{module}.{name}", value) for module, name, value in public_names()]
    known = {id(value) for name, value in names if name in described and callable(value)}
    for name, value in names:
        if name not in described and id(value) not in known:
            yield f"{name} is described nowhere"


def wrong(root: Path) -> list[str]:
    """All that is wrong with the pages in a directory."""
    root = root.resolve()
    texts = {path: path.read_text("utf-8") for path in sorted(root.rglob("*.html"))}
    pages = {path: Page(text) for path, text in texts.items()}
    found = [
        f"{path.relative_to(root)} loads {reference}"
        for path, page in pages.items()
        for reference in page.loads
        if is_elsewhere(reference)
    ]
    found += [
        f"{path.relative_to(root)} says where it was built"
        for path, text in texts.items()
        if CHECKOUT in text
    ]
    for path in sorted(root.rglob("*.css")):
        text = path.read_text("utf-8")
        if "@import" in text or "url(http" in text.replace('"', "").replace("'", ""):
            found.append(f"{path.relative_to(root)} loads something from elsewhere")
    if not pages:
        found.append("there are no pages")
    if not (root / "searchindex.js").is_file():
        found.append("there is no index to search in")
    return found + list(wrong_links(root, pages))


if __name__ == "__main__":
    problems = wrong(Path(sys.argv[1]))
    described = names_in((Path(sys.argv[1]) / "objects.inv").read_bytes())
    problems += names_without_a_place(described)
    print("\n".join(problems) or "All links lead somewhere, and nothing is loaded from elsewhere.")
    sys.exit(bool(problems))
