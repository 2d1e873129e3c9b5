"""As much of Dropbox as demos/dropbox_auth uses."""

from __future__ import annotations

from typing import Any

from cyclone.escape import json_decode
from cyclone.web import HTTPError, url

from .service import CLIENT_ID, Api, Service

__all__ = ["Dropbox"]

#: Directories, and files with their sizes.
FILES: dict[str, dict[str, Any]] = {
    "ada": {
        "Notes": {"A.txt": 1203, "G.txt": 18430, "Drafts": {"F.txt": 911}},
        "Letters": {"To Babbage, 1843.txt": 4021},
        "pattern.svg": 8192,
    },
    "grace": {
        "Talks": {"Nanoseconds.md": 2984},
        "Mark II": {"log book.jpg": 734003},
        "compiler.txt": 65536,
    },
}


class Call(Api):
    """Calls are POST, with JSON, and answers too (https://www.dropbox.com/developers)."""

    application: Dropbox

    def arguments(self) -> Any:
        try:
            return json_decode(self.request.body)
        except ValueError:
            raise HTTPError(400, "the body is not JSON") from None


class Account(Call):
    """users/get_current_account"""

    def post(self) -> None:
        if self.arguments() is not None:
            raise HTTPError(400, "the argument is null")
        person = self.person
        self.finish(
            {
                "account_id": f"dbid:{person.number}",
                "name": {"display_name": person.name, "given_name": person.first},
                "email": person.email,
                "profile_photo_url": f"{self.application.base}/portrait/{person.key}",
            }
        )


class ListFolder(Call):
    """files/list_folder"""

    def post(self) -> None:
        arguments = self.arguments()
        path = arguments.get("path") if isinstance(arguments, dict) else None
        if not isinstance(path, str) or (path and not path.startswith("/")) or path == "/":
            raise HTTPError(400, 'a path is "" or begins with a slash')
        folder: Any = FILES[self.person.key]
        for name in path.split("/")[1:]:
            folder = folder.get(name) if isinstance(folder, dict) else None
        if not isinstance(folder, dict):
            self.set_status(409)
            self.finish({"error_summary": "path/not_found/", "error": {".tag": "path"}})
            return
        entries = [self._entry(path, name, what) for name, what in folder.items()]
        self.finish({"entries": entries, "cursor": "end", "has_more": False})

    @staticmethod
    def _entry(path: str, name: str, what: Any) -> dict[str, Any]:
        entry = {"name": name, "path_display": f"{path}/{name}"}
        if isinstance(what, dict):
            return {".tag": "folder", **entry}
        return {".tag": "file", **entry, "size": what, "server_modified": "1843-09-01T12:00:00Z"}


class Dropbox(Service):
    """The service."""

    title = "Fake Dropbox"
    authorize_path = "/oauth2/authorize"
    token_path = "/oauth2/token"

    def __init__(self, **settings: Any) -> None:
        routes = [
            url(r"/2/users/get_current_account", Account),
            url(r"/2/files/list_folder", ListFolder),
        ]
        super().__init__(routes, **settings)

    def client(self) -> dict[str, str]:
        """What the application that it knows has been given, and where it is; a public client."""
        return {
            "client_id": CLIENT_ID,
            "authorize_url": self.base + self.authorize_path,
            "token_url": self.base + self.token_path,
            "api_url": self.base + "/2",
        }

    def token_extras(self, grant: Any) -> dict[str, Any]:
        return {"account_id": f"dbid:{grant.person.number}"}
