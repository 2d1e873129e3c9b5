"""What the tests of HTTP authentication share: an application, and credentials made by hand."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.request import parse_http_list, parse_keqv_list

from cyclone.httpauth import HTTPAuth
from cyclone.testing import Client
from cyclone.web import Application, RequestHandler

USERS = {"ada": "correct horse", "jäsøn doe": "Secret, or not?"}


def basic_of(name: str, password: str) -> str:
    """The Authorization field of Basic."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def application_of(auth: HTTPAuth, **settings: Any) -> Application:
    """An application all of whose pages need credentials."""

    class Handler(RequestHandler):
        @auth
        def get(self) -> None:
            self.write({"user": self.current_user})

        @auth
        async def post(self) -> None:
            self.write({"user": self.current_user, "body": self.request.body.decode()})

    return Application([(r".*", Handler)], **settings)


def client_of(auth: HTTPAuth, **settings: Any) -> Client:
    return Client(application_of(auth, **settings))


def challenges_of(response: Any) -> list[dict[str, str]]:
    """The challenges of a 401 response; the scheme as ``scheme``."""
    assert response.status == 401, response.text
    found = []
    for field in response.headers.get_list("WWW-Authenticate"):
        scheme, _, rest = field.partition(" ")
        found.append({"scheme": scheme, **parse_keqv_list(parse_http_list(rest))})
    return found


HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


class Digester:
    """A client of Digest: answers a challenge, by the book and with nothing of ours.

    Arguments of `field` take the place of what it would send; None leaves it out.
    """

    def __init__(self, challenge: dict[str, str], name: str = "ada", password: str = "") -> None:
        self.challenge = challenge
        self.name = name
        self.password = password or USERS.get(name, "")
        self.count = 0
        self.cnonce = "0a4f113b"
        self.session_cnonce: str | None = None

    def hash(self, text: str | bytes) -> str:
        algorithm = self.challenge["algorithm"].removesuffix("-sess")
        data = text.encode() if isinstance(text, str) else text
        return HASHES[algorithm](data).hexdigest()

    def response(self, method: str, uri: str, qop: str, nc: str, body: bytes) -> str:
        challenge = self.challenge
        nonce = challenge["nonce"]
        first = self.hash(f"{self.name}:{challenge['realm']}:{self.password}")
        if challenge["algorithm"].endswith("-sess"):
            first = self.hash(f"{first}:{nonce}:{self.session_cnonce or self.cnonce}")
        second = f"{method}:{uri}"
        if qop == "auth-int":
            second += f":{self.hash(body)}"
        return self.hash(f"{first}:{nonce}:{nc}:{self.cnonce}:{qop}:{self.hash(second)}")

    def field(
        self,
        uri: str = "/",
        method: str = "GET",
        body: bytes = b"",
        count: int | None = None,
        **changes: str | None,
    ) -> str:
        """The Authorization field."""
        self.count = self.count + 1 if count is None else count
        nc = f"{self.count:08x}"
        qop = changes.get("qop") or "auth"
        parameters: dict[str, str | None] = {
            "username": self.name,
            "realm": self.challenge["realm"],
            "uri": uri,
            "nonce": self.challenge["nonce"],
            "cnonce": self.cnonce,
            "response": self.response(method, uri, qop, nc, body),
            "opaque": self.challenge.get("opaque"),
        }
        bare: dict[str, str | None] = {
            "algorithm": self.challenge["algorithm"],
            "qop": qop,
            "nc": nc,
        }
        for name, value in changes.items():
            target = bare if name in bare or name == "userhash" else parameters
            target[name.replace("_star", "*")] = value
        parts = [f'{name}="{value}"' for name, value in parameters.items() if value is not None]
        parts += [f"{name}={value}" for name, value in bare.items() if value is not None]
        return "Digest " + ", ".join(parts).encode().decode("latin-1")


def get(client: Client, field: str, path: str = "/") -> Any:
    return client.get(path, headers={"Authorization": field})


def digester(client: Client, name: str = "ada", index: int = 0, **options: Any) -> Digester:
    """One that answers the challenge of an application."""
    return Digester(challenges_of(client.get("/"))[index], name, **options)
