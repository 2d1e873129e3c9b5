"""The application: routes, settings, and the keys that may sign."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from cyclone.log import app_log
from cyclone.web import Application

from .base import S3Handler
from .buckets import BucketHandler, ServiceHandler
from .objects import ObjectHandler
from .store import MIN_PART, Store

__all__ = ["S3Application"]

HERE = Path(__file__).parents[1]


def load_keys(path: Path) -> dict[str, str]:
    """Access keys and their secrets, of a file that is made if need be.

    Raises:
        ValueError: the file holds something else.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(descriptor, "w") as file:
            key = "CYCLONE" + secrets.token_hex(7).upper()
            json.dump({key: secrets.token_urlsafe(30)}, file, indent=2)
    keys = json.loads(path.read_text())
    if not isinstance(keys, dict) or not all(isinstance(each, str) for each in keys.values()):
        raise ValueError(f"{path} must hold an object of access keys and secrets")
    return keys


class S3Application(Application):
    """A store that S3's clients can use (path style).

    Args:
        data: directory of everything; it is made if need be.
        min_part: see `Store`.
        settings: of cyclone.
    """

    def __init__(self, data: str = "", *, min_part: int = MIN_PART, **settings: Any) -> None:
        directory = Path(data) if data else HERE / "data"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = directory.resolve() / "keys.json"
        keys = load_keys(file)
        app_log.info("Access keys and secrets are in %s", file)
        defaults = {
            "store": Store(directory, min_part),
            "keys": keys,
            "keys_file": file,
            "template_path": str(HERE / "templates"),
            "chunk_size": 256 * 1024,
            "default_handler_class": S3Handler,
        }
        routes = [
            (r"/", ServiceHandler),
            (r"/([^/]+)/?", BucketHandler),
            (r"/([^/]+)/(.+)", ObjectHandler),
        ]
        super().__init__(routes, **{**defaults, **settings})
