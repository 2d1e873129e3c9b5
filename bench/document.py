"""The generated parts of a document: named, each between two comments.

::

    <!-- bench: comparison -->
    ... written by the benchmark ...
    <!-- bench: end of comparison -->
"""

from __future__ import annotations


def replace_part(text: str, name: str, new: str) -> str:
    """Return ``text`` with the part ``name`` replaced by ``new``.

    Raises:
        ValueError: if the comments around it are not there once each, in order.
    """
    start, end = f"<!-- bench: {name} -->", f"<!-- bench: end of {name} -->"
    if text.count(start) != 1 or text.count(end) != 1 or text.index(start) > text.index(end):
        raise ValueError(f"the comments {start!r} and {end!r} must be there once each, in order")
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n\n{new.strip()}\n\n{end}{after}"
