"""The scheme Digest (RFC 7616)."""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from twisted.internet.threads import deferToThread

from cyclone._async import settle
from cyclone.httputil import HTTPServerRequest

from .accounts import CredAccounts, DigestedPassword, Login, Users, cred_accounts
from .algorithms import ALGORITHMS, digest_hash, hash_of, hex_length, response_digest
from .messages import DigestMessage, read_digest, same_resource
from .nonces import CountsUses, NonceCounts, Nonces, NonceState
from .scheme import Challenge, Refused
from .syntax import Credentials, MalformedCredentials, format_parameters, quoted

__all__ = ["Digest"]

_QOPS = ("auth", "auth-int")
_SHORTEST_SECRET = 16
#: Bytes of a body from which on its hash takes too long for the reactor's thread.
_LARGE_BODY = 1024 * 1024


class Digest:
    """A proof of the password that does not show it (RFC 7616).

    Requests are tied to a nonce and numbered, so that none can be sent again.  Nonces are not kept
    until they are used: every worker with the same `secret` recognises those of the others.  Which
    numbers have been used each process remembers for itself: a request that somebody has recorded
    can be sent again to another worker, once to each, for as long as the nonce is good, unless
    `shared_counts` remembers for all.

    Args:
        find: one of

            * a callable ``find(username)``, which may be asynchronous.  It returns the password,
              or a dict of what is stored by algorithm (``{"SHA-256": digest_hash(...)}``), or
              None when there is no such user.
            * `Users`, or anything else with such a method ``find``.
            * a checker or portal of `twisted.cred` that takes `IUsernameDigestHash` or
              `IUsernameHashedPassword`.
        interfaces: what the avatar of a portal is asked to be.
        algorithms: that are offered, of ``SHA-512-256``, ``SHA-256`` and ``MD5``, each also with
            ``-sess``.
        qop: ``auth``, and ``auth-int`` where the body is to be protected, too.
        find_hashed: a callable ``find_hashed(hash, realm, algorithm)``, which may be asynchronous,
            that returns the user name with this `user_hash`, or None.  Clients are asked to hide
            user names if it is there; by default that of `find`.
        user: a callable ``user(username)``, which may be asynchronous, that makes ``current_user``;
            by default the name itself.  Not for checkers and portals.
        secret: at least 16 bytes that nobody can guess, the same for all workers; by default one of
            this process.
        nonce_lifetime: seconds for which a nonce is good.  A client notices nothing of a new one.
        counts: what remembers the counts of this process.
        shared_counts: what remembers those of all workers: an object with
            ``use(nonce, issued, count, lifetime)``, which may be asynchronous, and returns whether
            this count of this nonce is used for the first time.
        domain: URLs or paths, for which clients may send the credentials unasked (RFC 7616 section
            3.3); by default the whole server.
        check_uri: a callable ``check_uri(uri, request)`` that says whether the ``uri`` that was
            signed is what is asked for; for proxies that change paths.
        clock: tells the seconds since the epoch.

    Raises:
        TypeError, ValueError: an argument that cannot be.
    """

    name = "digest"

    def __init__(
        self,
        find: Any,
        *interfaces: Any,
        algorithms: Iterable[str] = ("SHA-256", "MD5"),
        qop: Iterable[str] = ("auth",),
        find_hashed: Callable[[str, str, str], Any] | None = None,
        user: Callable[[str], Any] | None = None,
        secret: str | bytes | None = None,
        nonce_lifetime: float = 300,
        counts: NonceCounts | None = None,
        shared_counts: CountsUses | None = None,
        domain: Iterable[str] = (),
        check_uri: Callable[[str, HTTPServerRequest], bool] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._cred: CredAccounts | None = cred_accounts(find, interfaces, "Digest")
        self._find = None if self._cred else getattr(find, "find", find)
        if not self._cred and not callable(self._find):
            raise TypeError(f"Digest takes a function, Users or a checker, not {find!r}")
        self._find_hashed = find_hashed or getattr(find, "find_hashed", None)
        self._user = user
        self.algorithms = _chosen("algorithm", algorithms, ALGORITHMS)
        self.qop = _chosen("qop", qop, _QOPS)
        for algorithm in self.algorithms:
            hex_length(algorithm)  # it may not be there on this system
        if nonce_lifetime <= 0:
            raise ValueError("nonce_lifetime must be above 0")
        self.nonces = Nonces(_secret(secret), nonce_lifetime, clock)
        if counts is None:
            counts = NonceCounts(started=self.nonces.now())
        self.counts = counts
        self._shared_counts = shared_counts
        self._domain = " ".join(domain)
        self._check_uri = check_uri or _is_requested
        self._gives_passwords = isinstance(find, Users)  # rather than hashes
        self._nobodys = {name: os.urandom(hex_length(name) // 2).hex() for name in self.algorithms}

    def challenges(self, realm: str, *, stale: bool = False, body: bool = True) -> list[Challenge]:
        """What a 401 response says of this scheme: a challenge for each algorithm.

        Args:
            stale: the credentials were right, but for the nonce.
            body: the body of the request is known, so that ``auth-int`` can be checked.
        """
        nonce, opaque = self.nonces.make(realm), self.nonces.opaque(realm)
        # Without its body nothing but auth can be checked.
        qop = self.qop if body or self.qop == ["auth-int"] else ["auth"]
        challenges = []
        for algorithm in self.algorithms:
            parameters = {"realm": quoted(realm)}
            if self._domain:
                parameters["domain"] = quoted(self._domain)
            parameters |= {
                "nonce": quoted(nonce),
                "opaque": quoted(opaque),
                "algorithm": algorithm,
                "qop": quoted(", ".join(qop)),
                "charset": '"UTF-8"',
            }
            if stale:
                parameters["stale"] = "true"
            if self._find_hashed:
                parameters["userhash"] = "true"
            rank = list(ALGORITHMS).index(algorithm)
            challenges.append(Challenge(rank, f"Digest {format_parameters(parameters)}"))
        return challenges

    def read(self, credentials: Credentials) -> DigestMessage:
        """Read credentials.

        Raises:
            MalformedCredentials: they are not of this scheme's form, or not what was offered.
        """
        message = read_digest(credentials)
        if message.qop not in self.qop:
            raise MalformedCredentials("the qop of the credentials is none that was offered")
        return message

    async def verify(self, message: DigestMessage, request: HTTPServerRequest, realm: str) -> Login:
        """Check credentials.

        Raises:
            MalformedCredentials: they are for another resource.
            Refused: they are wrong, or for a nonce or a count of it that is not good any more.
        """
        if not self._check_uri(message.uri, request):
            raise MalformedCredentials("the credentials are for another resource")
        if message.algorithm not in self.algorithms or message.realm != realm:
            raise Refused("the credentials are for another algorithm or realm")
        if message.qop == "auth-int" and not _has_body(request):
            raise Refused("auth-int cannot be checked before the body has come")
        state = self.nonces.look_at(message.nonce, realm)
        body_hash = await _body_hash(message, request)
        first_cnonce = self.counts.session_cnonce(message.nonce)
        proof = _Proof(message, request.method, first_cnonce, body_hash)
        login = await self._log_in(message, realm, proof)
        await self._count(message, state, realm)
        login.logged_in_with = message.nonce
        login.fields["Authentication-Info"] = self._information(message, state, realm, proof)
        return login

    def log_out(self, login: Login) -> None:
        """Accept the nonce of a login no longer: the browser will ask for the password.

        This process remembers it as it remembers counts; other workers do not know.
        """
        self.counts.end(login.logged_in_with)

    async def _log_in(self, message: DigestMessage, realm: str, proof: _Proof) -> Login:
        username = await self._name(message, realm)
        if self._cred is not None:
            credentials = DigestedPassword(
                username.encode(),
                lambda password: digest_hash(username, realm, password, message.algorithm),
                proof.confirms,
            )
            login = await self._cred.log_in(credentials, username, "Digest")
            if login is None:
                raise _wrong(username)
            return login
        found = await settle(self._find(username)) if self._find else None
        stored = self._stored(found, username, realm, message.algorithm)
        # For those who do not exist, too, so that it takes the same time.
        right = proof.confirms(self._nobodys[message.algorithm] if stored is None else stored)
        if not right or stored is None:
            raise _wrong(username)
        user = username if self._user is None else await settle(self._user(username))
        if not user:
            raise _wrong(username)
        return Login(user, username, "Digest")

    async def _name(self, message: DigestMessage, realm: str) -> str:
        if not message.hashed:
            return message.username
        if self._find_hashed is None:
            raise Refused("hashed user names were not asked for")
        name = await settle(self._find_hashed(message.username, realm, message.algorithm))
        return name or message.username

    def _stored(self, found: Any, username: str, realm: str, algorithm: str) -> str | None:
        """H(username:realm:password) out of what `find` has found."""
        if isinstance(found, str):
            self._gives_passwords = True
            return digest_hash(username, realm, found, algorithm)
        if isinstance(found, Mapping):
            stored = found.get(algorithm) or found.get(algorithm.removesuffix("-sess"))
            return None if stored is None else str(stored).lower()
        if found is not None and found is not False:
            kind = type(found).__name__
            raise TypeError(f"find() must return a password, a dict of hashes or None, not {kind}")
        if self._gives_passwords:  # it takes as long for those who do not exist
            digest_hash(username, realm, self._nobodys[algorithm], algorithm)
        return None

    async def _count(self, message: DigestMessage, state: NonceState, realm: str) -> None:
        """Mark the count of the nonce as used.

        Raises:
            Refused: the nonce is not good any more, or the count was used before.
        """
        if self.counts.has_ended(message.nonce):
            # Not stale: the browser is to forget the password, and to ask for it.
            raise Refused(f"{message.username!r} has logged out", right=True)
        lifetime = self.nonces.lifetime
        opaque = message.opaque
        if not state.fresh or (opaque is not None and opaque != self.nonces.opaque(realm)):
            raise Refused("the nonce is not good any more", stale=True)
        use = (message.nonce, state.issued, message.count, lifetime)
        self.counts.start(message.nonce, state.issued, message.cnonce)
        if not self.counts.use(*use):
            raise Refused("a request came twice, or too late", stale=True)
        shared = self._shared_counts
        if shared is not None and not await settle(shared.use(*use)):
            raise Refused("a request came twice, or too late", stale=True)

    def _information(
        self, message: DigestMessage, state: NonceState, realm: str, proof: _Proof
    ) -> str:
        """The Authentication-Info field (RFC 7616 section 3.5)."""
        parameters = {
            "rspauth": quoted(proof.of_response()),
            "qop": "auth",
            "cnonce": quoted(message.cnonce),
            "nc": message.written_count,
        }
        # A new nonce with each response would keep clients from sending several requests at once.
        if state.age * 2 > self.nonces.lifetime:
            parameters["nextnonce"] = quoted(self.nonces.make(realm))
        return format_parameters(parameters)


class _Proof:
    """What a request proves."""

    def __init__(
        self,
        message: DigestMessage,
        method: str,
        first_cnonce: str | None,
        body_hash: str | None,
    ) -> None:
        self._message = message
        self._method = method
        # RFC 7616 keeps the first cnonce of a session for the -sess algorithms; most clients take
        # that of each request.
        self._cnonces = [message.cnonce]
        if message.algorithm.endswith("-sess") and first_cnonce not in (None, message.cnonce):
            self._cnonces.append(first_cnonce or "")
        self._body_hash = body_hash
        self._stored = ""
        self._cnonce = message.cnonce

    def confirms(self, stored: str) -> bool:
        """Whether whoever made the request knows the password that is stored so."""
        right = False
        for cnonce in self._cnonces:
            expected = self._digest(stored, self._method, self._message.qop, cnonce)
            if hmac.compare_digest(expected, self._message.response):
                right, self._stored, self._cnonce = True, stored, cnonce
        return right

    def of_response(self) -> str:
        """The same for the response: that we know the password, too."""
        return self._digest(self._stored, "", "auth", self._cnonce)

    def _digest(self, stored: str, method: str, qop: str, session_cnonce: str) -> str:
        message = self._message
        return response_digest(
            message.algorithm,
            stored,
            method=method,
            uri=message.uri,
            nonce=message.nonce,
            count=message.written_count,
            cnonce=message.cnonce,
            qop=qop,
            session_cnonce=session_cnonce,
            body_hash=self._body_hash,
        )


async def _body_hash(message: DigestMessage, request: HTTPServerRequest) -> str | None:
    """The hash of the body where it is protected; of a large one in another thread."""
    if message.qop != "auth-int":
        return None
    body = request.body
    if len(body) <= _LARGE_BODY:
        return hash_of(message.algorithm, body)
    hashed: str = await settle(deferToThread(hash_of, message.algorithm, body))
    return hashed


def _wrong(username: str) -> Refused:
    return Refused(f"wrong password for {username!r}")


def _is_requested(uri: str, request: HTTPServerRequest) -> bool:
    return same_resource(uri, request.uri, request.host)


def _has_body(request: HTTPServerRequest) -> bool:
    return bool(getattr(request.connection, "body_complete", True))


def _secret(secret: str | bytes | None) -> bytes:
    given = secret.encode() if isinstance(secret, str) else secret
    if given is None:
        return os.urandom(32)
    if len(given) < _SHORTEST_SECRET:
        raise ValueError(f"the secret of Digest must have at least {_SHORTEST_SECRET} bytes")
    # Not the key itself: a secret may serve elsewhere, too.
    return hashlib.sha256(b"cyclone.httpauth.digest\0" + given).digest()


def _chosen(what: str, given: Iterable[str], known: Iterable[str]) -> list[str]:
    names = [given] if isinstance(given, str) else list(given)
    for name in names:
        if name not in known:
            raise ValueError(f"{what} must be of {', '.join(known)}, not {name!r}")
    if not names:
        raise ValueError(f"there must be at least one {what}")
    return [name for name in known if name in names]
