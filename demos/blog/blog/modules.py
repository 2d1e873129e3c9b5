"""UI modules: parts of pages that several pages have."""

from __future__ import annotations

from typing import Any

from cyclone.escape import linkify
from cyclone.web import UIModule

from . import store, texts

__all__ = ["Entry", "Field"]


class Entry(UIModule):
    """An entry; on its own page (`full`), or with its first paragraphs among others."""

    FIRST = 2

    def render(self, entry: store.Entry, full: bool = False) -> Any:
        written = texts.paragraphs(entry.body)
        shown = written if full else written[: self.FIRST]
        return self.render_string(
            "modules/entry.html",
            entry=entry,
            full=full,
            paragraphs=[self._html(paragraph) for paragraph in shown],
            goes_on=len(shown) < len(written),
        )

    def _html(self, paragraph: str) -> str:
        # Links of strangers: search engines do not follow them, nor learn their targets who read.
        links = 'rel="nofollow ugc noreferrer"'
        return linkify(paragraph, extra_params=links).replace("\n", "<br>\n")

    def css_files(self) -> str:
        return "entry.css"


class Field(UIModule):
    """A field of a form with its label, a hint, and what is wrong with it."""

    def render(
        self, name: str, label: str, value: str = "", error: str = "", hint: str = "", **rest: Any
    ) -> Any:
        """
        Args:
            rest: attributes of the element; ``rows`` makes it a textarea.
        """
        described = [f"{name}-{part}" for part, text in (("hint", hint), ("error", error)) if text]
        attributes = {key.replace("_", "-"): item for key, item in rest.items()}
        if described:
            attributes["aria-describedby"] = " ".join(described)
        if error:
            attributes["aria-invalid"] = "true"
        return self.render_string(
            "modules/field.html",
            name=name,
            label=label,
            value=value,
            error=error,
            hint=hint,
            attributes=attributes,
        )
