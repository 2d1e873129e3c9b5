"""Uploaded files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, BinaryIO

from cyclone.util import ObjectDict

__all__ = ["HTTPFile"]


class HTTPFile(ObjectDict):
    """A file uploaded through a form, in memory or, if it is large, in a temporary file.

    Items, which are attributes too:
        filename (str): as the client sent it.  Never use it as a path.
        body (bytes): the content.  That of a large file is read when it is asked for, each time.
        content_type (str): as the client sent it; ``application/unknown`` if it did not.

    Temporary files go when the request does: keep `body` or a copy made by `save`.
    """

    __slots__ = ("_file", "_spooled")

    filename: str
    body: bytes
    content_type: str
    _file: BinaryIO | None
    _spooled: bool

    def __init__(self, *args: Any, file: BinaryIO | None = None, **kwargs: Any) -> None:
        """Take the items, as `dict` does.

        Args:
            file: what holds the content instead of the item body.
        """
        super().__init__(*args, **kwargs)
        # Attributes are items here, unless they are set like this.
        object.__setattr__(self, "_file", file)
        object.__setattr__(self, "_spooled", file is not None)

    @property
    def file(self) -> BinaryIO:
        """The content as a binary file, at its beginning when it is first asked for."""
        file = self._file
        if file is None:
            file = BytesIO(self["body"])
            object.__setattr__(self, "_file", file)
        return file

    @property
    def size(self) -> int:
        """Size of the content in bytes."""
        if not self._spooled:
            return len(self["body"])
        return os.fstat(self.file.fileno()).st_size

    def __missing__(self, key: str) -> Any:
        if key == "body" and self._spooled:
            with self._rewound() as file:
                return file.read()
        raise KeyError(key)

    @contextmanager
    def _rewound(self) -> Iterator[BinaryIO]:
        """The temporary file from its beginning; its position is as before afterwards."""
        file = self.file
        position = file.tell()
        file.seek(0)
        try:
            yield file
        finally:
            file.seek(position)

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or (key == "body" and self._spooled)

    def get(self, key: str, default: Any = None) -> Any:
        """Return an item, or `default` if there is no such one."""
        # dict.get would not ask __missing__.
        try:
            return self[key]
        except KeyError:
            return default

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the content to a new file.

        Raises:
            FileExistsError: there is a file of that name.
        """
        with open(path, "xb") as target:
            if self._spooled:
                with self._rewound() as file:
                    shutil.copyfileobj(file, target)
            else:
                target.write(self["body"])

    def close(self) -> None:
        """Give the temporary file back, if there is one.  What is in memory stays."""
        if self._spooled:
            self.file.close()
