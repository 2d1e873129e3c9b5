"""HTTP authentication: Basic (RFC 7617) and Digest (RFC 7616).

::

    users = Users({"ada": "correct horse"})
    auth = HTTPAuth(Digest(users), Basic(users), realm="Site")

    class Handler(RequestHandler):
        @auth
        def get(self):
            self.write(f"Hello, {self.current_user}")

The rooms behind this face::

    protection    HTTPAuth, the decorators and the mixins
    passwords     the scheme Basic
    digesting     the scheme Digest (scheme: what they have in common)
    accounts      users in memory, twisted.cred
    limiting      how often somebody may fail
    nonces        nonces that need not be kept; counts against replay
    messages      what credentials say; pure
    algorithms    what Digest computes; pure
    syntax        the Authorization field, challenges; pure
"""

from __future__ import annotations

from .accounts import Login, Users
from .algorithms import digest_hash, user_hash
from .digesting import Digest
from .limiting import FailureLimit, TooManyFailures
from .nonces import NonceCounts
from .passwords import Basic
from .protection import HTTPAuth, HTTPAuthMixin, ProtectedMixin, Unauthenticated, basic, digest
from .scheme import Scheme
from .syntax import Credentials, MalformedCredentials, parse_authorization

__all__ = [
    "Basic",
    "Credentials",
    "Digest",
    "FailureLimit",
    "HTTPAuth",
    "HTTPAuthMixin",
    "Login",
    "MalformedCredentials",
    "NonceCounts",
    "ProtectedMixin",
    "Scheme",
    "TooManyFailures",
    "Unauthenticated",
    "Users",
    "basic",
    "digest",
    "digest_hash",
    "parse_authorization",
    "user_hash",
]
