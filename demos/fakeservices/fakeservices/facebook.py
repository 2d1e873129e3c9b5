"""As much of Facebook's Graph API as demos/facebook uses."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from cyclone.web import HTTPError, url

from .service import CLIENT_ID, CLIENT_SECRET, Api, Service, Token

__all__ = ["Facebook"]

POSTS = {
    "ada": [
        ("The science of operations is a science of itself.", "1843-08-06T09:30:00+0000"),
        ("That brain of mine is more than merely mortal.", "1843-07-05T20:15:00+0000"),
    ],
    "grace": [
        ("It is easier to ask forgiveness than permission.", "1986-07-01T08:00:00+0000"),
        ("First actual case of bug being found.", "1947-09-09T15:45:00+0000"),
    ],
}


class Graph(Api):
    """The token is an argument, with a proof that who asks has the secret as well."""

    application: Facebook

    def given_token(self) -> str:
        token = self.get_query_argument("access_token", "")
        proof = hmac.new(CLIENT_SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()
        given = self.get_query_argument("appsecret_proof", "")
        if not hmac.compare_digest(proof.encode(), given.encode()):
            raise HTTPError(400, "appsecret_proof is missing or wrong")
        return token

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        message = "Invalid OAuth access token." if status_code == 401 else "Invalid request."
        self.finish({"error": {"message": message, "type": "OAuthException", "code": 190}})


class Me(Graph):
    """/me"""

    def get(self) -> None:
        person = self.person
        portrait = f"{self.application.base}/portrait/{person.key}"
        known = {
            "id": str(person.number),
            "name": person.name,
            "first_name": person.first,
            "last_name": person.last,
            "email": person.email,
            "picture": {"data": {"url": portrait, "width": 64, "height": 64}},
        }
        wanted = self.get_query_argument("fields", "name").split(",")
        self.finish({name: known[name] for name in ["id", *wanted] if name in known})


class Posts(Graph):
    """/me/posts"""

    def get(self) -> None:
        posts = [
            {"id": f"{self.person.number}_{number}", "message": text, "created_time": time}
            for number, (text, time) in enumerate(POSTS[self.person.key])
        ]
        self.finish({"data": posts})


class FacebookToken(Token):
    """The token is asked for by GET."""

    def get(self) -> None:
        self.post()


class Facebook(Service):
    """The service."""

    title = "Fake Facebook"
    wants_pkce = False
    token_handler = FacebookToken
    authorize_path = "/dialog/oauth"
    token_path = "/oauth/access_token"

    def __init__(self, **settings: Any) -> None:
        super().__init__([url(r"/me", Me), url(r"/me/posts", Posts)], **settings)

    def client(self) -> dict[str, str]:
        """What the application that it knows has been given, and where it is."""
        return {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "authorize_url": self.base + self.authorize_path,
            "token_url": self.base + self.token_path,
            "api_url": self.base,
        }
