"""What the services have in common: the page that asks the user, and the token endpoint."""

from __future__ import annotations

import hmac
import time
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus, urlencode, urlsplit

from cyclone.web import Application, HTTPError, RequestHandler, url

from .grants import TOKEN_LIFETIME, Asked, Grants, Refused, is_loopback
from .people import PEOPLE, Person, portrait

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "Api", "Service", "Token"]

HERE = Path(__file__).parent
#: The one application that they know.
CLIENT_ID = "demo"
CLIENT_SECRET = "not really a secret"
LONGEST = 500


class Authorize(RequestHandler):
    """Asks the user who they are, and whether the application may know (RFC 6749 section 4.1)."""

    application: Service

    def set_default_headers(self) -> None:
        self._restrict("'self'")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "same-origin")

    def _restrict(self, targets: str) -> None:
        self.set_header(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
            f"frame-ancestors 'none'; form-action {targets}",
        )

    def _asked(self) -> Asked:
        names = ("client_id", "redirect_uri", "scope", "state", "nonce")
        given = {name: self.get_query_argument(name, "") for name in names}
        challenge = self.get_query_argument("code_challenge", "")
        # Who is not known, or wants the answer elsewhere, gets none: the user is told instead.
        if given["client_id"] != CLIENT_ID:
            raise HTTPError(400, "no application has this client_id")
        if not is_loopback(given["redirect_uri"]):
            raise HTTPError(400, "redirect_uri does not lead to this machine")
        if any(len(value) > LONGEST for value in (*given.values(), challenge)):
            raise HTTPError(400, "too long")
        return Asked(**given, challenge=challenge)

    def _complaint(self, asked: Asked) -> str:
        """The error of what was asked, of RFC 6749 section 4.1.2.1."""
        if self.get_query_argument("response_type", "") != "code":
            return "unsupported_response_type"
        method = self.get_query_argument("code_challenge_method", "plain")
        if asked.challenge and (method != "S256" or len(asked.challenge) != 43):
            return "invalid_request"
        return "invalid_request" if self.application.wants_pkce and not asked.challenge else ""

    def get(self) -> Any:
        asked = self._asked()
        if error := self._complaint(asked):
            return self._answer(asked, error=error)
        # Browsers apply the policy to where the form's answer redirects as well.  It has no word
        # for an address of IPv6.
        parts = urlsplit(asked.redirect_uri)
        host = "" if parts.netloc.startswith("[") else f"//{parts.netloc}"
        self._restrict(f"'self' {parts.scheme}:{host}")
        return self.render(
            "consent.html",
            service=self.application.title,
            wanted=asked.scope.replace(",", " ").split() or ["your name"],
            people=PEOPLE.values(),
            target=parts.netloc,
        )

    def post(self) -> None:
        asked = self._asked()
        if error := self._complaint(asked):
            self._answer(asked, error=error)
        elif self.get_body_argument("decision", "") != "allow":
            self._answer(asked, error="access_denied")
        else:
            person = PEOPLE.get(self.get_body_argument("person", ""))
            if person is None:
                raise HTTPError(400, "nobody of that name")
            self._answer(asked, code=self.application.grants.grant(asked, person))

    def _answer(self, asked: Asked, **answer: str) -> None:
        if asked.state:
            answer["state"] = asked.state
        answer |= self.application.said_of_itself()
        joint = "&" if "?" in asked.redirect_uri else "?"
        self.redirect(f"{asked.redirect_uri}{joint}{urlencode(answer)}", status=303)

    def write_error(self, status_code: int, **kwargs: Any) -> Any:
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        message = error.get_message() if isinstance(error, HTTPError) else None
        message = message or "it asked for what is not there"
        return self.render("error.html", service=self.application.title, message=message)


class Token(RequestHandler):
    """Gives a token for a code (RFC 6749 section 4.1.3)."""

    application: Service
    #: Status of errors that RFC 6749 answers with 400.
    refusal = 400

    def post(self) -> None:
        self.set_header("Cache-Control", "no-store")
        try:
            client_id = self._client()
            if self.get_argument("grant_type", "authorization_code") != "authorization_code":
                raise Refused("unsupported_grant_type", "Codes are exchanged here.")
            grant = self.application.grants.redeem(
                self.get_argument("code", ""),
                client_id,
                self.get_argument("redirect_uri", ""),
                self.get_argument("code_verifier", ""),
            )
        except Refused as refused:
            error, description = refused.args
            self.set_status(401 if error == "invalid_client" else self.refusal)
            self.finish({"error": error, "error_description": description})
            return
        answer = {
            "access_token": self.application.grants.token(grant),
            "token_type": "bearer",
            "expires_in": TOKEN_LIFETIME,
            "scope": grant.asked.scope,
        }
        self.finish({**answer, **self.application.token_extras(grant)})

    def _client(self) -> str:
        """Who asks, by the fields or HTTP Basic (section 2.3.1)."""
        client_id = self.get_argument("client_id", "")
        secret = self.get_argument("client_secret", None)
        scheme, _, credentials = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                pair = b64decode(credentials, validate=True).decode().partition(":")
            except ValueError:
                raise Refused("invalid_client", "Those are no credentials.") from None
            client_id, secret = unquote_plus(pair[0]), unquote_plus(pair[2])
        # Without a secret the challenge says that it is who was sent the user (public clients).
        known = secret is None and self.application.wants_pkce
        known = known or hmac.compare_digest((secret or "").encode(), CLIENT_SECRET.encode())
        if client_id != CLIENT_ID or not known:
            raise Refused("invalid_client", "The client is unknown, or its secret is wrong.")
        return client_id


class Api(RequestHandler):
    """What may be asked with a token, in the field Authorization."""

    application: Service
    person: Person

    def prepare(self) -> None:
        person = self.application.grants.person_of(self.given_token())
        if person is None:
            self.set_header("WWW-Authenticate", "Bearer")
            raise HTTPError(401)
        self.person = person

    def given_token(self) -> str:
        """The token as the service wants it."""
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.finish({"message": self.get_reason() if status_code != 401 else "Bad credentials"})

    def get_reason(self) -> str:
        return {404: "Not Found"}.get(self.get_status(), "Bad Request")


class Portrait(RequestHandler):
    """What somebody looks like."""

    def get(self, key: str) -> None:
        self.set_header("Content-Type", "image/svg+xml")
        self.set_header("Content-Security-Policy", "default-src 'none'")
        if key not in PEOPLE:
            raise HTTPError(404)
        self.finish(portrait(PEOPLE[key]))


class Service(Application):
    """A service.

    Args:
        now: seconds of some clock.

    Attributes:
        title: its name.
        wants_pkce: whether users without a challenge are sent back.
        base: its URL once it listens, without a slash at the end.
    """

    title = ""
    wants_pkce = True
    token_handler = Token
    authorize_path = "/authorize"
    token_path = "/token"

    def __init__(self, routes: Any, now: Callable[[], float] = time.time) -> None:
        self.grants = Grants(now)
        self.base = ""
        self._port: Any = None
        own = [
            url(self.authorize_path, Authorize, name="authorize"),
            url(self.token_path, self.token_handler, name="token"),
            url(r"/portrait/(\w+)", Portrait, name="portrait"),
        ]
        super().__init__(
            [*own, *routes],
            template_path=str(HERE / "templates"),
            static_path=str(HERE / "static"),
            cross_origin_protection=True,
            max_body_size=64 * 1024,
        )

    def start(self, reactor: Any) -> None:
        """Listen on the loopback interface, at any port."""
        self._port = reactor.listenTCP(0, self, interface="127.0.0.1")
        self.base = f"http://127.0.0.1:{self._port.getHost().port}"

    def stop(self) -> Any:
        """Listen no longer."""
        port, self._port = self._port, None
        return port and port.stopListening()

    def said_of_itself(self) -> dict[str, str]:
        """More arguments of what users come back with."""
        return {}

    def token_extras(self, grant: Any) -> dict[str, Any]:
        """More members of the token endpoint's answer."""
        return {}
