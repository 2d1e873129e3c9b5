"""What has to hold for the built pages; ``make docs`` runs it.

Every link within the documentation leads to a page and to a place in it, pages load nothing from
other servers, and there is an index to search in, which the browser reads by itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

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


def wrong(root: Path) -> list[str]:
    """All that is wrong with the pages in a directory."""
    root = root.resolve()
    pages = {path: Page(path.read_text("utf-8")) for path in sorted(root.rglob("*.html"))}
    found = [
        f"{path.relative_to(root)} loads {reference}"
        for path, page in pages.items()
        for reference in page.loads
        if is_elsewhere(reference)
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
    print("\n".join(problems) or "All links lead somewhere, and nothing is loaded from elsewhere.")
    sys.exit(bool(problems))
