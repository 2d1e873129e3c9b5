"""What stands at the head of each file of a project, and in its LICENSE."""

from __future__ import annotations

__all__ = ["clean", "default_license", "header"]

#: Longer ones stand in LICENSE alone.
_LONGEST_HEADER = 40

_APACHE = """\
Copyright {year} {holder}

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    https://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
"""


def clean(text: str) -> str:
    """One line of a name as it may stand anywhere: no control characters, no spaces around."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def default_license(year: int, holder: str) -> str:
    """The notice of the Apache License 2.0."""
    return _APACHE.format(year=year, holder=holder)


def header(text: str, year: int, holder: str) -> str:
    """The lines of comment for the head of a source file; a long license is pointed to.

    A file that was written for cyclone 1.x is a comment already, and stays what it is.
    """
    lines = [line.rstrip() for line in text.strip("\n").splitlines()]
    if len(lines) > _LONGEST_HEADER:
        lines = [f"Copyright {year} {holder}", "The license is in the file LICENSE."]
    return "\n".join(map(_comment, lines))


def _comment(line: str) -> str:
    if line.startswith("#"):
        return line
    return f"# {line}" if line else "#"
