"""A server for clients that nobody here wrote: ``python server.py PORT``."""

from __future__ import annotations

import sys

from twisted.internet import reactor

from cyclone.httpauth import Basic, Digest, HTTPAuth, Users
from cyclone.web import Application, RequestHandler

USERS = Users({"ada": "correct horse", "jäsøn": "Geheimnis: ß"})

AUTHS = {
    "basic": HTTPAuth(Basic(USERS)),
    "md5": HTTPAuth(Digest(USERS, algorithms="MD5", find_hashed=None)),
    "md5-sess": HTTPAuth(Digest(USERS.find, algorithms="MD5-sess")),
    "sha-256": HTTPAuth(Digest(USERS.find, algorithms="SHA-256")),
    "sha-256-sess": HTTPAuth(Digest(USERS.find, algorithms="SHA-256-sess")),
    "userhash": HTTPAuth(Digest(USERS, algorithms="SHA-256")),
    "auth-int": HTTPAuth(Digest(USERS.find, algorithms="SHA-256", qop="auth-int")),
    "both-qops": HTTPAuth(Digest(USERS.find, qop=("auth", "auth-int"))),
    "all": HTTPAuth(Basic(USERS), Digest(USERS)),
}


def handler_of(auth: HTTPAuth) -> type[RequestHandler]:
    class Handler(RequestHandler):
        @auth
        def get(self) -> None:
            self.write(
                f"{self.current_user} by {self.request.headers['Authorization'][:6].strip()}"
            )

        post = get

    return Handler


application = Application([(f"/{name}", handler_of(auth)) for name, auth in AUTHS.items()])

if __name__ == "__main__":
    reactor.listenTCP(int(sys.argv[1]), application, interface="127.0.0.1")
    reactor.run()
