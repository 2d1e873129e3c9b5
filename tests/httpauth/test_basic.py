"""Basic, and what `HTTPAuth` does for every scheme: decorators, mixins, checkers, cred."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.cred.checkers import AllowAnonymousAccess, FilePasswordDB
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse as MemoryChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.internet import defer
from zope.interface import Interface, implementer

from cyclone.httpauth import (
    Basic,
    Digest,
    HTTPAuth,
    HTTPAuthMixin,
    ProtectedMixin,
    Unauthenticated,
    Users,
    basic,
    digest,
)
from cyclone.httpauth import accounts as accounts_room
from cyclone.testing import Client, ExpectLog
from cyclone.web import (
    Application,
    HTTPAuthenticationRequired,
    RequestHandler,
    StaticFileHandler,
    asynchronous,
    authenticated,
)
from tests.httpauth.support import USERS, application_of, basic_of, challenges_of, client_of, get

ADA = basic_of("ada", USERS["ada"])


def check(username: str, password: str) -> bool:
    return USERS.get(username) == password


async def check_later(username: str, password: str) -> dict[str, str] | None:
    return {"name": username} if check(username, password) else None


CHECKERS: list[tuple[Any, Any]] = [
    (check, "ada"),
    (lambda name, password: defer.succeed(check(name, password)), "ada"),
    (check_later, {"name": "ada"}),
    (Users(USERS), "ada"),
    (MemoryChecker(ada=USERS["ada"].encode()), "ada"),
]


@pytest.mark.parametrize(("checker", "user"), CHECKERS)
def test_checkers_of_all_kinds(checker: Any, user: Any) -> None:
    client = client_of(basic(checker, "Site"))
    response = client.get("/")
    assert challenges_of(response) == [{"scheme": "Basic", "realm": "Site", "charset": "UTF-8"}]
    assert "ada" not in response.text
    assert get(client, ADA).json() == {"user": user}
    assert client.post("/", body=b"x", headers={"Authorization": ADA}).json()["user"] == user
    for wrong in (basic_of("ada", "wrong"), basic_of("eve", USERS["ada"]), basic_of("", "")):
        with ExpectLog("cyclone.general", "401 GET / .*wrong password for"):
            assert challenges_of(get(client, wrong))


def test_names_and_passwords_of_all_languages() -> None:
    client = client_of(basic(Users(USERS)))
    assert get(client, basic_of("jäsøn doe", "Secret, or not?")).json() == {"user": "jäsøn doe"}


@pytest.mark.parametrize(
    ("field", "status"),
    [
        ("Basic", 400),
        ("Basic a", 400),
        ("Basic YWRh", 400),
        ("Basic a b", 400),
        ('Basic a="b"', 400),
        ("basic " + ADA[6:], 200),
        ("Bearer abc", 401),
        ("AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=a;b", 401),
        ("Digest a=b", 401),
        ("", 401),
        (",", 401),
    ],
)
def test_fields_of_all_kinds(field: str, status: int) -> None:
    assert get(client_of(basic(check)), field).status == status


def test_one_field_is_enough() -> None:
    client = client_of(basic(check))
    response = client.get("/", headers=[("Authorization", ADA), ("Authorization", ADA)])
    assert response.status == 400


def test_what_a_checker_raises_is_our_mistake() -> None:
    def broken(username: str, password: str) -> bool:
        raise RuntimeError("the store is away")

    client = client_of(basic(broken))
    with ExpectLog("cyclone.application", "Uncaught exception GET /"):
        assert get(client, ADA).status == 500


@pytest.mark.parametrize("make", [Basic, Digest])
def test_checkers_that_are_none(make: Any) -> None:
    with pytest.raises(TypeError, match="takes a function, Users or a checker"):
        make({"ada": "x"})
    with pytest.raises(ValueError, match="has no checker for"):
        make(AllowAnonymousAccess())


def test_right_passwords_may_be_remembered() -> None:
    calls: list[str] = []
    now = 0.0

    def note(name: str, password: str) -> str | None:
        calls.append(name)
        return name if password == "right" else None

    scheme = Basic(note, remember=60, max_remembered=2, clock=lambda: now)
    client = client_of(HTTPAuth(scheme))

    def ask(name: str, password: str = "right") -> int:
        return int(get(client, basic_of(name, password)).status)

    assert [ask("a"), ask("a"), ask("a", "wrong"), ask("a", "wrong")] == [200, 200, 401, 401]
    assert calls == ["a", "a", "a"]
    now = 59.0
    assert (ask("a"), len(calls)) == (200, 3)
    now = 60.0
    assert (ask("a"), len(calls)) == (200, 4)
    assert [ask("b"), ask("c"), ask("b"), ask("c"), len(calls)] == [200, 200, 200, 200, 6]
    assert (ask("a"), len(calls), len(scheme._known)) == (200, 7, 2)
    assert not any(b"right" in name for name in scheme._known)


def test_arguments_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="at least one scheme"):
        HTTPAuth()
    with pytest.raises(ValueError, match="each once"):
        HTTPAuth(Basic(check), Basic(check))
    for realm in ("Straße", "a\nb"):
        with pytest.raises(ValueError, match="printable ASCII"):
            basic(check, realm)


def test_class_21_passwords_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[int, int]] = []

    def compare(left: Any, right: Any) -> bool:
        compared.append((len(left), len(right)))
        return real(left, right)

    real = hmac.compare_digest
    monkeypatch.setattr(accounts_room.hmac, "compare_digest", compare)
    users = Users(USERS)
    for name, password in [("ada", "x"), ("ada", "x" * 1000), ("nobody", ""), ("ada", "\ud800")]:
        assert users.check(name, password) is None
    assert compared == [(32, 32)] * 4  # as often for nobody, and whatever the lengths are


# -- several schemes


def test_the_strongest_comes_first() -> None:
    users = Users(USERS)
    auth = HTTPAuth(Basic(users), Digest(users, algorithms=("MD5", "SHA-256-sess", "SHA-256")))
    client = client_of(auth)
    found = challenges_of(client.get("/"))
    assert [each.get("algorithm", each["scheme"]) for each in found] == [
        "SHA-256", "SHA-256-sess", "MD5", "Basic"
    ]  # fmt: skip
    assert len({each["nonce"] for each in found[:3]}) == 1
    assert get(client, ADA).json() == {"user": "ada"}


def test_a_401_can_be_caught_as_what_cyclone_1_raised() -> None:
    client_caught: list[Any] = []

    class Handler(RequestHandler):
        async def get(self) -> None:
            try:
                await auth.log_in(self)
            except HTTPAuthenticationRequired as error:
                client_caught.append(error)
                raise

    auth = HTTPAuth(Basic(check), Digest(Users(USERS)), realm="Site")
    assert len(challenges_of(Client(Application([("/", Handler)])).get("/"))) == 3
    (error,) = client_caught
    assert isinstance(error, Unauthenticated)
    assert (error.status_code, error.auth_type, len(error.challenges)) == (401, "Digest", 3)


# -- decorators and mixins

auth = basic(check, "Site")


class Plain(RequestHandler):
    @auth
    @authenticated
    def get(self) -> None:
        self.write(f"plain {self.current_user}")


class Generator(RequestHandler):
    @defer.inlineCallbacks
    @auth
    def get(self) -> Any:
        yield defer.succeed(None)
        self.write(f"plain {self.current_user}")


class Inside(RequestHandler):
    @auth
    @defer.inlineCallbacks
    def get(self) -> Any:
        yield defer.succeed(None)
        self.write(f"plain {self.current_user}")


class Open(RequestHandler):
    @auth
    @asynchronous
    def get(self) -> None:
        self.finish(f"plain {self.current_user}")


class Mixed(HTTPAuthMixin, RequestHandler):
    http_auth = auth

    @authenticated
    def get(self) -> None:
        self.write(f"plain {self.current_user}")


class Asking(HTTPAuthMixin, RequestHandler):
    http_auth = auth

    async def get(self) -> None:
        self.write(f"plain {await self.current_user}")


class Whole(ProtectedMixin, RequestHandler):
    http_auth = auth

    def get(self) -> None:
        self.write(f"plain {self.current_user}")


class Prepared(RequestHandler):
    async def prepare(self) -> None:
        self.greeting = "plain"


class WholeOver(ProtectedMixin, Prepared):
    http_auth = auth

    @auth  # once more: nothing is asked twice
    def get(self) -> None:
        self.write(f"{self.greeting} {self.current_user}")


KINDS = [Plain, Generator, Inside, Open, Mixed, Asking, Whole, WholeOver]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_decorators_and_mixins(kind: Any) -> None:
    client = Client(Application([("/", kind)]))
    assert len(challenges_of(client.get("/"))) == 1
    assert challenges_of(get(client, basic_of("ada", "wrong")))
    assert get(client, ADA).text == "plain ada"


def test_credentials_may_be_optional() -> None:
    class Handler(HTTPAuthMixin, RequestHandler):
        http_auth = auth
        http_auth_optional = True

        async def get(self) -> None:
            self.write(f"{await self.current_user}")

    client = Client(Application([("/", Handler)]))
    assert client.get("/").text == "None"
    assert get(client, ADA).text == "ada"
    assert get(client, basic_of("ada", "wrong")).status == 401


def test_static_files_can_be_protected(tmp_path: Path) -> None:
    class Files(ProtectedMixin, StaticFileHandler):
        http_auth = auth

    (tmp_path / "a.txt").write_text("secret")
    client = Client(Application([(r"/(.*)", Files, {"path": str(tmp_path)})]))
    for _ in range(4):  # it may be in memory by then
        assert get(client, ADA, "/a.txt").text == "secret"
        assert client.get("/a.txt").status == 401
    assert client.get("/nothing.txt").status == 401


def test_challenges_do_not_stay_for_the_next_response() -> None:
    client = client_of(auth)
    client.get("/")
    assert "WWW-Authenticate" not in get(client, ADA).headers


def test_a_checker_that_waits(clock: Any) -> None:
    gate: defer.Deferred[bool] = defer.Deferred()
    client = client_of(basic(lambda name, password: gate))
    pending = client.open("GET", "/", headers={"Authorization": ADA})
    assert not pending.complete
    gate.callback(True)
    assert pending.response.json() == {"user": "ada"}


def test_a_peer_that_leaves_while_a_checker_waits() -> None:
    gate: defer.Deferred[bool] = defer.Deferred()
    pending = client_of(basic(lambda name, password: gate)).open(
        "GET", "/", headers={"Authorization": ADA}
    )
    pending.disconnect()
    gate.callback(True)


# -- twisted.cred


class Incomparable(bytes):
    """A password that must not be compared with ``==``."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("how long that takes tells where they differ")

    __hash__ = bytes.__hash__


@pytest.mark.parametrize(("password", "status"), [("secret", 200), ("wrong", 401)])
def test_class_21_checkers_compare_in_constant_time(password: str, status: int) -> None:
    checker = MemoryChecker()
    checker.users = {b"ada": Incomparable(b"secret")}
    assert get(client_of(basic(checker)), basic_of("ada", password)).status == status


class IVisitor(Interface):
    """What avatars are."""


@implementer(IRealm)
class Realm:
    def __init__(self, logout: Callable[[], Any]) -> None:
        self.logout = logout

    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
        assert interfaces in ((IVisitor,), (Interface,))
        return interfaces[0], f"avatar of {avatarId.decode()}", self.logout


@pytest.mark.parametrize("interfaces", [(IVisitor,), ()])
def test_portals(interfaces: Any) -> None:
    left: list[int] = []
    portal = Portal(Realm(lambda: left.append(1)), [MemoryChecker(ada=b"correct horse")])
    auth = HTTPAuth(Basic(portal, *interfaces))
    client = client_of(auth)
    assert get(client, ADA).json() == {"user": "avatar of ada"}
    assert left == [1]
    assert get(client, basic_of("ada", "wrong")).status == 401
    assert left == [1]
    remembering = client_of(HTTPAuth(Basic(portal, *interfaces, remember=60)))
    assert [get(remembering, ADA).status for _ in range(2)] == [200, 200]
    assert left == [1] * 3  # each request has an avatar of its own


@pytest.mark.parametrize("failing", [lambda: 1 / 0, lambda: defer.fail(ZeroDivisionError())])
def test_a_logout_that_fails(failing: Any) -> None:
    portal = Portal(Realm(failing), [MemoryChecker(ada=b"correct horse")])
    with ExpectLog("cyclone.application", "Uncaught exception in the logout"):
        assert get(client_of(basic(portal)), ADA).status == 200


def test_password_files(tmp_path: Path) -> None:
    (tmp_path / "passwords").write_text("ada:correct horse\nnoone:\n")
    checker = FilePasswordDB(str(tmp_path / "passwords"))
    assert get(client_of(basic(checker)), ADA).json() == {"user": "ada"}
    assert get(client_of(basic(checker)), basic_of("ada", "x")).status == 401


def test_avatar_ids_of_all_kinds() -> None:
    class Checker:
        credentialInterfaces = MemoryChecker.credentialInterfaces

        def __init__(self, answer: Any) -> None:
            self.answer = answer

        def requestAvatarId(self, credentials: Any) -> Any:
            return self.answer

    from twisted.cred.checkers import ICredentialsChecker

    checker = implementer(ICredentialsChecker)(Checker)
    for answer, user in [(7, 7), (b"\xc3\xa4", "ä"), ("x", "x")]:
        assert get(client_of(basic(checker(answer))), ADA).json() == {"user": user}
    undecodable = get(client_of(basic(checker(b"\xff"))), ADA)
    assert undecodable.status == 500  # bytes are no JSON; they are left as they are
    assert get(client_of(basic(checker(()))), ADA).status == 401
    assert get(client_of(basic(checker(defer.fail(UnauthorizedLogin())))), ADA).status == 401


def test_connections_of_others_have_no_end_to_wait_for() -> None:
    """A connection with Tornado's interface alone: the avatar is logged out at once."""
    from cyclone.httpauth import protection

    left: list[int] = []

    class Handler:
        class request:
            connection = object()

    protection._when_done(Handler, lambda: left.append(1))  # type: ignore[arg-type]
    assert left == [1]


def test_digest_decorator_takes_options() -> None:
    client = client_of(digest(Users(USERS), "Site", algorithms=("MD5",), domain=("/a", "/b")))
    (challenge,) = challenges_of(client.get("/"))
    assert (challenge["algorithm"], challenge["domain"]) == ("MD5", "/a /b")
    assert application_of(digest(Users(USERS)))
