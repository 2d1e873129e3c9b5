"""Two applications: what HTTPS serves, and what HTTP does.

::

    python serve.py                                 (in this directory)

which makes a certificate if need be, and then runs::

    twistd -n cyclone --app app.Plain --appopts 8443 --ssl-app app.Application
        --ssl-cert certificates/server.crt --ssl-key certificates/server.key
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cyclone.web import Application as CycloneApplication
from cyclone.web import HTTPError, RequestHandler, url

HERE = Path(__file__).parent
#: What this server is called.  A redirect to whatever Host says would lead anywhere.
NAMES = {"localhost", "127.0.0.1", "::1"}
VISITS = "__Host-ssl-demo-visits"

POLICY = "; ".join(
    [
        *("default-src 'none'", "style-src 'self'", "img-src 'self'", "form-action 'self'"),
        *("base-uri 'none'", "frame-ancestors 'none'"),
    ]
)


class Page(RequestHandler):
    """What pages have in common."""

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")


# --- http ----------------------------------------------------------------------------------------


class Outside(Page):
    """The only page without TLS."""

    def get(self) -> None:
        self.render("outside.html")


class ToHTTPS(Page):
    """Everything else is to be asked for with TLS."""

    def initialize(self, port: int) -> None:
        self.port = port

    def prepare(self) -> None:
        if self.request.method not in ("GET", "HEAD"):
            # It has been readable on its way already; to send it again would hide the mistake.
            raise HTTPError(403, "use https")
        try:
            name = urlsplit(f"//{self.request.host}").hostname or ""
        except ValueError:
            name = ""
        if name not in NAMES:
            raise HTTPError(421, f"not a name of this server: {name!r}")
        host = f"[{name}]" if ":" in name else name
        port = "" if self.port == 443 else f":{self.port}"
        self.redirect(f"https://{host}{port}{self.request.uri}", status=308)


class Plain(CycloneApplication):
    """What HTTP serves.

    Args:
        port: of HTTPS.
    """

    def __init__(self, port: str = "8443", **settings: Any) -> None:
        routes = [
            url(r"/", Outside, name="outside"),
            url(r"/.*", ToHTTPS, {"port": int(port)}),
        ]
        super().__init__(
            routes,
            template_path=str(HERE / "templates"),
            static_path=str(HERE / "static"),
            **settings,
        )


# --- https ---------------------------------------------------------------------------------------


def tls_facts(transport: Any) -> dict[str, str]:
    """What was agreed upon, as far as the transport tells; nothing without TLS."""
    handle = getattr(transport, "getHandle", lambda: None)()
    if not hasattr(handle, "get_protocol_version_name"):  # pyOpenSSL's
        return {}
    return {
        "Protocol": handle.get_protocol_version_name(),
        "Cipher": f"{handle.get_cipher_name()}, {handle.get_cipher_bits()} bits",
        "Inside (ALPN)": handle.get_alpn_proto_negotiated().decode("ascii", "replace") or "unsaid",
        "Asked for (SNI)": (handle.get_servername() or b"an address").decode("ascii", "replace"),
    }


class Vault(Page):
    """Counts visits in a cookie that never travels without TLS."""

    def get(self) -> None:
        visits = int(self.get_signed_cookie(VISITS) or b"0") + 1
        self.set_signed_cookie(VISITS, str(visits), secure=True, httponly=True, samesite="Lax")
        facts = tls_facts(self.request.connection.transport)
        self.render(
            "vault.html",
            visits=visits,
            facts=facts,
            encrypted=self.request.protocol == "https",
            where=self.request.uri,
        )


class Application(CycloneApplication):
    """What HTTPS serves."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            [url(r"/(?:vault/.*)?", Vault, name="vault")],
            # Sites in public keep it in a file: with a new one old cookies are worth nothing.
            cookie_secret=secrets.token_urlsafe(32),
            template_path=str(HERE / "templates"),
            static_path=str(HERE / "static"),
            **settings,
        )
