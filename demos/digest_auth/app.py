"""HTTP Digest authentication: the password never travels, and one can log out.

::

    cyclone run app.py                               (in this directory)
    twistd -n cyclone -r app.Application

``--appopts SECRET`` (16 characters or more) has all workers recognise each other's nonces.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cyclone.httpauth import (
    Digest,
    FailureLimit,
    HTTPAuth,
    ProtectedMixin,
    digest_hash,
    parse_authorization,
)
from cyclone.web import Application as CycloneApplication
from cyclone.web import RequestHandler, url

HERE = Path(__file__).parent
REALM = "The vault"
ALGORITHMS = ("SHA-256", "MD5")
PEOPLE = {"ada": "lovelace", "grace": "hopper"}
#: What a site keeps in place of passwords: hashes that are good for this realm alone.
HASHES = {
    name: {each: digest_hash(name, REALM, password, each) for each in ALGORITHMS}
    for name, password in PEOPLE.items()
}

#: What is said in place of a page; 0 stands for the rest.
WORDS = {
    0: "This did not work.",
    401: "The vault is for people with a key.",
    429: "Too many wrong guesses. Come back in a minute.",
}
POLICY = "; ".join(
    [
        *("default-src 'none'", "style-src 'self'", "img-src 'self'", "form-action 'self'"),
        *("base-uri 'none'", "frame-ancestors 'none'"),
    ]
)

#: What the page says of the parts of the credentials.
PARTS = {
    "username": "who it is",
    "realm": "which password is meant",
    "algorithm": "SHA-256 where the browser knows it, MD5 for old ones",
    "nonce": "a number used once, from the server: its time and a signature",
    "nc": "how many requests have used the nonce: none can be sent again",
    "cnonce": "a number used once, from the browser",
    "qop": "what is protected: the request, or the body, too",
    "uri": "what was asked for",
    "response": "the proof: a hash over all of this, and the password",
}


async def find(name: str) -> dict[str, str] | None:
    """The stored hashes of a user.  A database may be asked here."""
    return HASHES.get(name)


class Page(RequestHandler):
    """What pages have in common."""

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")

    def write_error(self, status_code: int, **kwargs: Any) -> Any:
        words = WORDS.get(status_code, WORDS[0])
        return self.render("error.html", status=status_code, words=words)


class Index(Page):
    """For everybody."""

    def get(self) -> None:
        here = f"{self.request.protocol}://{self.request.host}"
        left = self.get_query_argument("left", "") == "yes"
        self.render("index.html", people=PEOPLE, here=here, left=left)


class Inside(ProtectedMixin, Page):
    """For those who know a password."""

    @property
    def http_auth(self) -> HTTPAuth:  # type: ignore[override]
        return self.settings.auth


class Vault(Inside):
    """Shows what the browser has sent."""

    def get(self) -> None:
        sent = parse_authorization(self.request.headers["Authorization"]).parameters
        self.set_header("Cache-Control", "private, no-store")
        self.render("vault.html", parts=PARTS, sent=sent)


class LogOut(Inside):
    """Has the browser ask again."""

    async def post(self) -> None:
        await self.http_auth.log_out(self)
        self.redirect(self.reverse_url("index") + "?left=yes", status=303)


class Application(CycloneApplication):
    """The demo.

    Args:
        secret: that workers share; "" for one of this process.
        settings: of cyclone, beyond those below.
    """

    def __init__(self, secret: str = "", **settings: Any) -> None:
        auth = HTTPAuth(
            Digest(find, algorithms=ALGORITHMS, qop=("auth", "auth-int"), secret=secret or None),
            realm=REALM,
            limit=FailureLimit(per_address=10, per_user=50, period=60),
        )
        routes = [
            url(r"/", Index, name="index"),
            url(r"/vault", Vault, name="vault"),
            url(r"/logout", LogOut, name="logout"),
        ]
        super().__init__(
            routes,
            auth=auth,
            # Browsers send the credentials with forms of other sites, too.
            cross_origin_protection=True,
            template_path=str(HERE / "templates"),
            static_path=str(HERE / "static"),
            **settings,
        )
