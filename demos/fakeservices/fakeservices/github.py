"""As much of GitHub as demos/github_auth uses."""

from __future__ import annotations

from typing import Any

from cyclone.web import url

from .service import CLIENT_ID, CLIENT_SECRET, Api, Service, Token

__all__ = ["GitHub"]

REPOSITORIES = {
    "ada": [
        ("bernoulli", "Numbers of Bernoulli, by the engine", "Note G", 1843),
        ("engine", "An engine that weaves algebraical patterns", "Brass", 52),
        ("flyology", "How to fly, with pictures", "TeX", 7),
    ],
    "grace": [
        ("a-0", "The first program that makes programs", "Assembly", 1952),
        ("cobol", "A language that managers can read", "COBOL", 1959),
        ("moth", "The bug, taped into the log book", "Paper", 9),
    ],
}


class User(Api):
    """https://docs.github.com/rest/users/users"""

    application: GitHub

    def get(self) -> None:
        person = self.person
        self.finish(
            {
                "id": person.number,
                "login": person.key,
                "name": person.name,
                "email": person.email,
                "avatar_url": f"{self.application.base}/portrait/{person.key}",
                "html_url": f"{self.application.base}/{person.key}",
                "bio": "Pretends to be on GitHub.",
            }
        )


class Repositories(Api):
    """https://docs.github.com/rest/repos/repos"""

    application: GitHub
    serialize_lists = True

    def get(self) -> None:
        base = f"{self.application.base}/{self.person.key}"
        found: list[Any] = [
            {
                "full_name": f"{self.person.key}/{name}",
                "description": description,
                "language": language,
                "stargazers_count": stars,
                "html_url": f"{base}/{name}",
                "private": False,
            }
            for name, description, language, stars in REPOSITORIES[self.person.key]
        ]
        count = self.get_query_argument("per_page", "30")
        self.finish(found[: int(count)] if count.isdigit() else found)


class GitHubToken(Token):
    """GitHub says what is wrong with status 200."""

    refusal = 200


class GitHub(Service):
    """The service."""

    title = "Fake GitHub"
    token_handler = GitHubToken
    authorize_path = "/login/oauth/authorize"
    token_path = "/login/oauth/access_token"

    def __init__(self, **settings: Any) -> None:
        super().__init__([url(r"/user", User), url(r"/user/repos", Repositories)], **settings)

    def client(self) -> dict[str, str]:
        """What the application that it knows has been given, and where it is."""
        return {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "authorize_url": self.base + self.authorize_path,
            "token_url": self.base + self.token_path,
            "api_url": self.base,
        }
