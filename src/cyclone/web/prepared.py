"""Header fields that many responses have in common, kept encoded.

Nearly all responses of a handler set the same fields to the same values, by the same calls of
``set_header``.  So what a handler has set is not a mapping at first but a `Prepared`: the fields
so far, encoded, and for each further ``set_header`` the `Prepared` that it leads to.  A handler
that does anything else with its fields gets a mapping of its own (`Prepared.headers`).

What is kept is bounded: a value that has come once is not remembered, the second time makes it an
entry, and when there are too many they are all forgotten.
"""

from __future__ import annotations

from time import time

from cyclone.http1 import SERVER, date_now
from cyclone.httputil import HTTPHeaders

__all__ = ["PLAIN", "Prepared", "date_field"]

_DEFAULT_TYPE = "text/html; charset=UTF-8"
#: Fields that vary, or that responses need a closer look for.
_NEVER_PREPARED = frozenset(
    {"Connection", "Content-Length", "Date", "Etag", "Set-Cookie", "Transfer-Encoding"}
)
_NEVER_WITH_TAG = _NEVER_PREPARED - {"Etag"}
_LONGEST = 128
_MOST = 256


class Prepared:
    """Header fields without ``Date``.  Never changed.

    Attributes:
        encoded: the fields as they go out.
        following: (name, value) of a ``set_header`` to what there is after it.
        tagged: the entity tag is among them.  Who gives such fields to a handler has evaluated
            the preconditions of the request.
        first: responses begin with these fields.
    """

    __slots__ = ("_fields", "encoded", "first", "following", "tagged")

    def __init__(self, fields: HTTPHeaders, first: bool = False) -> None:
        self._fields = fields
        self.first = first
        self.encoded = fields.encode()
        self.following: dict[tuple[str, str], Prepared] = {}
        self.tagged = "Etag" in fields

    @property
    def fields(self) -> HTTPHeaders:
        """The fields, which nobody may change."""
        return self._fields

    def get(self, name: str) -> str | None:
        """The value of a field, None when there is none."""
        value: str | None = self._fields.get(name)
        return value

    def headers(self) -> HTTPHeaders:
        """The fields and ``Date``, for a handler to change."""
        headers = self._fields.copy()
        headers["Date"] = date_now()
        return headers

    def after(self, name: str, value: str) -> Prepared | None:
        """What there is after a ``set_header`` that is not in `following`; None if it is not to be
        remembered.

        Raises:
            HTTPInputError: name or value is malformed.
        """
        if len(name) > _LONGEST or len(value) > _LONGEST:
            return None
        fields = self._fields.copy()
        fields[name] = value
        if fields.has_any(_NEVER_WITH_TAG if self.tagged else _NEVER_PREPARED):
            return None
        if self.tagged and fields["Etag"] != self._fields["Etag"]:
            return None  # the preconditions have to be looked at again
        return _memory.keep(self, (name, value), fields)


class _Memory:
    """Decides what is worth an entry."""

    def __init__(self) -> None:
        self._seen: set[tuple[int, str, str]] = set()
        self._entries: list[Prepared] = []  # those that have followers

    def keep(self, before: Prepared, step: tuple[str, str], fields: HTTPHeaders) -> Prepared | None:
        """An entry for a step that has been seen before, else None."""
        seen = (id(before), *step)
        if seen not in self._seen:
            if len(self._seen) >= _MOST:
                self._seen.clear()
            self._seen.add(seen)
            return None
        if len(self._entries) >= _MOST:
            for entry in self._entries:
                entry.following.clear()
            self._entries.clear()
        prepared = before.following[step] = Prepared(fields)
        self._entries.append(before)
        return prepared


_memory = _Memory()

#: What a response has before its handler sets anything.
PLAIN = Prepared(HTTPHeaders({"Server": SERVER, "Content-Type": _DEFAULT_TYPE}), first=True)


class _DateField:
    """The ``Date`` field, encoded anew once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._encoded = b""

    def __call__(self) -> bytes:
        second = int(time())
        if second != self._second:
            self._second = second
            self._encoded = f"Date: {date_now()}\r\n".encode("ascii")
        return self._encoded


date_field = _DateField()
