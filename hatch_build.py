"""How the description on a package index is made of README.md; hatchling runs it.

A package index shows the text alone: links to files beside it would lead nowhere, and the picture
would be a hole. So links become their text, and the picture goes with the line that speaks of it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


def description_of(readme: str) -> str:
    """The README without what only a checkout has."""
    text = re.sub(r"^!\[[^]]*\]\([^)]*\)\n\n.*?\n\n", "", readme, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"\[([^]]*)\]\((?!\w+:)[^)]*\)", r"\1", text)


class DescriptionHook(MetadataHookInterface):
    """Gives the field that pyproject.toml says is dynamic."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        text = (Path(self.root) / "README.md").read_text("utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": description_of(text)}
