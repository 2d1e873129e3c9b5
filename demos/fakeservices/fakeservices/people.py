"""Whom one may pretend to be."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PEOPLE", "Person", "portrait"]


@dataclass(frozen=True)
class Person:
    """Somebody.

    Attributes:
        key: what they are called in forms.
        number: what they are called in APIs.
        colour: of their portrait.
    """

    key: str
    number: int
    first: str
    last: str
    colour: str

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"

    @property
    def email(self) -> str:
        return f"{self.key}@example.org"


PEOPLE = {
    person.key: person
    for person in (
        Person("ada", 1815, "Ada", "Lovelace", "#7a3e9d"),
        Person("grace", 1906, "Grace", "Hopper", "#0f6b64"),
    )
}


def portrait(person: Person) -> str:
    """A picture of somebody, SVG."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">'
        f'<rect width="64" height="64" fill="{person.colour}"/>'
        '<g fill="#fff"><circle cx="32" cy="25" r="11"/>'
        '<path d="M10 64c0-14 9-22 22-22s22 8 22 22z"/></g></svg>'
    )
