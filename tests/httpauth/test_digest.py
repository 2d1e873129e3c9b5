"""Digest: what it proves, nonces and their counts, checkers."""

from __future__ import annotations

import hashlib
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse as MemoryChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet import defer
from zope.interface import implementer

from cyclone.httpauth import (
    Basic,
    Digest,
    HTTPAuth,
    NonceCounts,
    ProtectedMixin,
    Users,
    digest,
    digest_hash,
    user_hash,
)
from cyclone.httpauth import digesting as digest_room
from cyclone.httpauth.nonces import Nonces
from cyclone.testing import Client, DeferredClient
from cyclone.web import Application, RequestHandler, stream_request_body
from tests.httpauth.support import (
    USERS,
    Digester,
    application_of,
    basic_of,
    challenges_of,
    client_of,
    digester,
    get,
)

SECRET = "a secret that all workers share"


class Time:
    """A clock that tells the time of day."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def is_stale(response: Any) -> bool:
    """Whether a 401 response says that the nonce alone was wrong."""
    return all(each.get("stale") == "true" for each in challenges_of(response))


@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess"])
@pytest.mark.parametrize("qop", ["auth", "auth-int"])
@pytest.mark.parametrize("name", sorted(USERS))
def test_the_password_is_proven_both_ways(algorithm: str, qop: str, name: str) -> None:
    client = client_of(digest(Users(USERS), algorithms=algorithm, qop=("auth", "auth-int")))
    ada = digester(client, name)
    assert ada.challenge["qop"] == "auth, auth-int"
    response = get(client, ada.field("/x?y=z", qop=qop), "/x?y=z")
    assert response.json() == {"user": name}
    # RFC 7616 section 3.5: the server knows the password, too.
    proof = ada.response("", "/x?y=z", "auth", "00000001", b"")
    expected = f'rspauth="{proof}", qop=auth, cnonce="{ada.cnonce}", nc=00000001'
    assert response.headers["Authentication-Info"] == expected
    field = ada.field("/", "POST", b"text", qop=qop)
    assert client.post("/", body=b"text", headers={"Authorization": field}).status == 200
    field = ada.field("/", "POST", b"text", qop=qop)
    other = client.post("/", body=b"TEXT", headers={"Authorization": field})
    assert other.status == (401 if qop == "auth-int" else 200)


def test_what_is_refused_as_wrong() -> None:
    client = client_of(digest(Users(USERS)))
    ada = digester(client)
    wrong = [
        Digester(ada.challenge, "ada", "wrong").field(),
        Digester(ada.challenge, "eve", USERS["ada"]).field(),
        ada.field(realm="elsewhere"),
        ada.field(method="PUT"),
        ada.field(response="0" * 64),
        ada.field(response="0" * 32),
        ada.field(algorithm="SHA-512-256"),
        ada.field(cnonce="other"),
        ada.field(userhash="true", username="0" * 64),
    ]
    for field in wrong:
        response = get(client, field)
        assert not any("stale" in each for each in challenges_of(response)), field
    assert get(client, ada.field()).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"uri": "/other"},
        {"uri": "/?x"},
        {"uri": "http://elsewhere.example/"},
        {"qop": None},
        {"qop": "auth-int"},  # which was not offered
        {"nc": "0"},
        {"cnonce": None},
        {"algorithm": "SHA-1"},
        {"response": "x"},
    ],
)
def test_what_is_malformed(changes: dict[str, Any]) -> None:
    client = client_of(digest(Users(USERS)))
    assert get(client, digester(client).field(**changes)).status == 400


def test_whole_urls_and_proxies() -> None:
    client = client_of(digest(Users(USERS)))
    ada = digester(client)
    assert get(client, ada.field("http://localhost/a?b"), "/a?b").status == 200
    connection = client.connect()
    field = ada.field("http://localhost/a").encode()
    connection.send(
        b"GET http://localhost/a HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
        + field
        + b"\r\n\r\n"
    )
    assert connection.received.startswith(b"HTTP/1.1 200")

    def below_app(uri: str, request: Any) -> bool:
        return uri == f"/app{request.uri}"

    client = client_of(digest(Users(USERS), check_uri=below_app))
    assert get(client, digester(client).field("/app/x"), "/x").status == 200


# -- stores of passwords


def stored(name: str) -> dict[str, str] | None:
    if name != "ada":
        return None
    return {
        algorithm: digest_hash(name, "Site", USERS[name], algorithm).upper()
        for algorithm in ("SHA-256", "MD5")
    }


async def find_later(name: str) -> str | None:
    return USERS.get(name)


FINDERS: list[Any] = [
    stored,
    find_later,
    lambda name: defer.succeed(USERS.get(name)),
    lambda name: USERS.get(name, False),
    Users(USERS),
    MemoryChecker(ada=USERS["ada"].encode()),
]


@pytest.mark.parametrize("find", FINDERS)
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256-sess"])
def test_finders_of_all_kinds(find: Any, algorithm: str) -> None:
    client = client_of(digest(find, "Site", algorithms=algorithm))
    ada = digester(client)
    assert get(client, ada.field()).json() == {"user": "ada"}
    assert get(client, Digester(ada.challenge, "ada", "wrong").field()).status == 401
    assert get(client, Digester(ada.challenge, "eve", "x").field()).status == 401


def test_a_hash_that_is_not_stored() -> None:
    client = client_of(digest(lambda name: {"MD5": "x"}, algorithms="SHA-256"))
    assert get(client, digester(client).field()).status == 401


def test_a_finder_that_finds_something_else() -> None:
    client = client_of(digest(lambda name: 7))
    assert get(client, digester(client).field()).status == 500


def test_stored_hashes_are_for_cred_too() -> None:
    from twisted.cred.checkers import ICredentialsChecker
    from twisted.cred.credentials import IUsernameDigestHash

    @implementer(ICredentialsChecker)
    class Checker:
        credentialInterfaces = (IUsernameDigestHash,)

        def requestAvatarId(self, credentials: Any) -> Any:
            hashed = digest_hash("ada", "Site", USERS["ada"])
            right = credentials.username == b"ada" and credentials.checkHash(hashed.encode())
            return b"ada" if right else defer.fail(UnauthorizedLogin())

    class Realm:
        def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
            return interfaces[0], avatarId.decode().upper(), lambda: None

    for source, user in [(Checker(), "ada"), (Portal(Realm(), [Checker()]), "ADA")]:
        client = client_of(digest(source, "Site", algorithms="SHA-256"))
        ada = digester(client)
        assert get(client, ada.field()).json() == {"user": user}
        assert get(client, Digester(ada.challenge, "ada", "wrong").field()).status == 401


def test_who_the_user_is() -> None:
    async def user(name: str) -> Any:
        return {"id": 7} if name == "ada" else None

    client = client_of(digest(Users(USERS), user=user))
    ada = digester(client)
    assert get(client, ada.field()).json() == {"user": {"id": 7}}
    assert get(client, Digester(ada.challenge, "jäsøn doe").field()).status == 401


def test_user_names_can_be_hidden() -> None:
    client = client_of(digest(Users(USERS), algorithms=("SHA-256", "MD5")))
    for index, algorithm in enumerate(["SHA-256", "MD5"]):
        ada = digester(client, index=index)
        assert ada.challenge["userhash"] == "true"
        hashed = user_hash("ada", ada.challenge["realm"], algorithm)
        for spelling in (hashed, hashed.upper()):
            field = ada.field(username=spelling, userhash="true")
            assert get(client, field).json() == {"user": "ada"}
        assert get(client, ada.field(userhash="false")).status == 200
    client = client_of(digest(find_later))
    ada = digester(client)
    assert "userhash" not in ada.challenge
    assert get(client, ada.field(username=hashed, userhash="true")).status == 401


def test_extended_user_names() -> None:
    client = client_of(digest(Users(USERS)))
    doe = digester(client, "jäsøn doe")
    field = doe.field(username=None).replace(
        "Digest ", "Digest username*=UTF-8''j%C3%A4s%C3%B8n%20doe, "
    )
    assert get(client, field).json() == {"user": "jäsøn doe"}


# -- nonces


def test_class_14_no_request_can_be_sent_again() -> None:
    client = client_of(digest(Users(USERS)))
    ada = digester(client)
    field = ada.field()
    assert get(client, field).status == 200
    assert is_stale(get(client, field))
    assert get(client, ada.field()).status == 200
    assert is_stale(get(client, field))


def test_class_14_requests_may_overtake_each_other() -> None:
    client = client_of(digest(Users(USERS), counts=NonceCounts(window=8)))
    ada = digester(client)
    for count in (3, 1, 2, 10, 9, 4, 5):
        assert get(client, ada.field(count=count)).status == 200, count
    for count in (3, 1, 2, 10, 9, 4, 5):
        assert is_stale(get(client, ada.field(count=count))), count
    assert get(client, ada.field(count=0xFFFFFFFF)).status == 200
    assert is_stale(get(client, ada.field(count=11)))


def test_class_14_wrong_credentials_use_nothing_up() -> None:
    counts = NonceCounts()
    client = client_of(digest(Users(USERS), counts=counts))
    ada = digester(client)
    for _ in range(3):
        assert get(client, Digester(ada.challenge, "ada", "wrong").field()).status == 401
    assert len(counts) == 0
    assert get(client, ada.field(count=1)).status == 200
    assert len(counts) == 1


def test_nonces_grow_old() -> None:
    time = Time()
    client = client_of(digest(Users(USERS), nonce_lifetime=60, clock=time))
    ada = digester(client)
    time.now += 30
    assert "nextnonce" not in get(client, ada.field()).headers["Authentication-Info"]
    time.now += 1
    info = get(client, ada.field()).headers["Authentication-Info"]
    following = info.partition('nextnonce="')[2].rstrip('"')
    time.now += 30
    response = get(client, ada.field())
    assert is_stale(response)
    ada.challenge = challenges_of(response)[0]
    assert get(client, ada.field(count=1)).status == 200
    ada.challenge["nonce"] = following
    assert get(client, ada.field(count=1)).status == 200
    # The password was wrong besides: nobody is told that the nonce is old.
    time.now += 100
    wrong = get(client, Digester(ada.challenge, "ada", "wrong").field())
    assert not any("stale" in each for each in challenges_of(wrong))


@pytest.mark.parametrize("nonce", ["", "x", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "A" * 44, "\xe4"])
def test_class_14_nonces_that_are_not_ours(nonce: str) -> None:
    client = client_of(digest(Users(USERS)))
    ada = digester(client)
    ada.challenge["nonce"] = nonce
    if nonce.isascii():
        assert is_stale(get(client, ada.field()))
    else:
        assert get(client, ada.field()).status == 401


def test_class_14_nonces_cannot_be_made_by_others() -> None:
    time = Time()
    ours, theirs = (Nonces(secret, 60, time) for secret in (b"ours", b"theirs"))
    assert ours.look_at(ours.make("a"), "a").fresh
    assert not ours.look_at(ours.make("a"), "b").fresh
    assert not ours.look_at(theirs.make("a"), "a").fresh
    nonce = ours.make("a")
    for same in (nonce.rstrip("="), nonce + "=", nonce + "\n", nonce[:-2] + nonce[-2:].swapcase()):
        assert same == nonce or not ours.look_at(same, "a").ours  # it has one name only
    for position in range(len(nonce)):
        changed = "A" if nonce[position] != "A" else "B"
        other = nonce[:position] + changed + nonce[position + 1 :]
        assert not ours.look_at(other, "a").ours
    time.now -= 61  # from the future
    assert not ours.look_at(nonce, "a").fresh


def test_the_opaque_value_comes_back() -> None:
    client = client_of(digest(Users(USERS)))
    ada = digester(client)
    assert get(client, ada.field(opaque=None)).status == 200
    assert is_stale(get(client, ada.field(opaque="other")))


def test_workers_with_one_secret_know_each_others_nonces() -> None:
    one, other, stranger = (
        client_of(digest(Users(USERS), secret=secret)) for secret in (SECRET, SECRET.encode(), None)
    )
    ada = digester(other)  # the one that was started last
    field = ada.field()
    assert get(one, field).status == 200
    assert is_stale(get(one, field))
    assert get(other, field).status == 200  # each remembers for itself
    assert is_stale(get(stranger, ada.field()))


class Shared:
    """Remembers for all workers."""

    def __init__(self) -> None:
        self.used: set[tuple[str, int]] = set()

    async def use(self, nonce: str, issued: int, count: int, lifetime: float) -> bool:
        fresh = (nonce, count) not in self.used
        self.used.add((nonce, count))
        return fresh


def test_class_14_workers_may_remember_together() -> None:
    shared = Shared()
    one, other = (
        client_of(digest(Users(USERS), secret=SECRET, shared_counts=shared)) for _ in range(2)
    )
    ada = digester(other)
    field = ada.field()
    assert get(one, field).status == 200
    assert is_stale(get(other, field))
    assert get(other, ada.field()).status == 200


def test_class_14_nothing_from_before_a_restart_can_be_sent_again() -> None:
    time = Time()
    before = client_of(digest(Users(USERS), secret=SECRET, clock=time))
    field = digester(before).field()
    assert get(before, field).status == 200
    time.now += 1
    after = client_of(digest(Users(USERS), secret=SECRET, clock=time))
    assert is_stale(get(after, field))


def test_class_4_nonces_that_are_remembered_are_bounded() -> None:
    time = Time()
    counts = NonceCounts(max_nonces=3)
    client = client_of(digest(Users(USERS), counts=counts, clock=time))
    fields = []
    for _ in range(6):
        time.now += 1
        fields.append(digester(client).field())
    waiting = digester(client)
    for field in fields:
        assert get(client, field).status == 200
    assert len(counts) == 3
    for field in fields:  # those that were forgotten, too
        assert is_stale(get(client, field))
    assert get(client, waiting.field()).status == 200


def test_class_4_a_forgotten_nonce_takes_none_in_its_place() -> None:
    counts = NonceCounts(max_nonces=1)
    counts.start("new", 20, "")
    counts.start("old", 10, "")  # 20 is forgotten, and 10 is older
    assert len(counts) == 0
    assert not counts.use("new", 20, 1, 60) and not counts.use("old", 10, 1, 60)


@given(
    st.lists(st.integers(1, 60), max_size=80),
    st.integers(1, 20),
)
def test_a_count_is_good_once_and_near_the_highest(counts: list[int], window: int) -> None:
    memory = NonceCounts(window=window)
    memory.start("n", 0, "")
    used: set[int] = set()
    for count in counts:
        good = count not in used and count > max(used, default=0) - window
        assert memory.use("n", 0, count, 60) is good
        if good:
            used.add(count)


def test_class_4_a_count_that_is_far_behind_costs_no_memory() -> None:
    counts = NonceCounts()
    counts.start("n", 0, "")
    assert counts.use("n", 0, 0xFFFFFFFF, 60)
    tracemalloc.start()
    try:
        assert not counts.use("n", 0, 1, 60)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("options", [{"max_nonces": 0}, {"window": 0}])
def test_memories_that_cannot_be(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        NonceCounts(**options)


def test_a_session_key_may_be_of_the_first_request() -> None:
    """RFC 7616 section 3.4.2 computes A1 once; most clients compute it for each request."""
    client = client_of(digest(Users(USERS), algorithms="MD5-sess"))
    ada = digester(client)
    ada.session_cnonce = ada.cnonce
    assert get(client, ada.field()).status == 200
    ada.cnonce = "another"
    response = get(client, ada.field())
    assert response.status == 200
    proof = ada.response("", "/", "auth", "00000002", b"")
    assert f'rspauth="{proof}"' in response.headers["Authentication-Info"]
    ada.session_cnonce = None
    assert get(client, ada.field()).status == 200
    ada.session_cnonce = "a third"
    assert get(client, ada.field()).status == 401


def test_logging_out() -> None:
    time = Time()
    users = Users(USERS)
    auth = HTTPAuth(Digest(users, clock=time), Basic(users))

    class Handler(RequestHandler):
        @auth
        def get(self) -> None:
            self.write("in")

        @auth
        async def post(self) -> None:
            await auth.log_out(self)
            self.write("out")

    client = Client(Application([("/", Handler)]))
    ada = digester(client)
    assert get(client, ada.field()).text == "in"
    field = ada.field(method="POST")
    assert client.post("/", headers={"Authorization": field}).text == "out"
    for _ in range(2):
        asked = challenges_of(get(client, ada.field()))
        assert not any("stale" in each for each in asked)
        time.now += 1000  # nor does it come back when the nonce is too old
    ada.challenge = asked[0]
    time.now -= 1000
    assert get(client, ada.field()).text == "in"
    basic = {"Authorization": basic_of("ada", USERS["ada"])}
    assert client.post("/", headers=basic).text == "out"
    assert client.get("/", headers=basic).text == "in"


# -- options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"algorithms": "SHA-1"}, "algorithm must be of SHA-512-256"),
        ({"algorithms": ()}, "at least one algorithm"),
        ({"qop": "none"}, "qop must be of auth, auth-int"),
        ({"secret": "short"}, "at least 16 bytes"),
        ({"nonce_lifetime": 0}, "nonce_lifetime must be above 0"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Digest(Users(USERS), **options)


@pytest.mark.parametrize("find", [Users(USERS), USERS.get], ids=["users", "function"])
def test_class_21_as_much_is_hashed_for_those_who_do_not_exist(
    find: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(digest(find))
    assert get(client, digester(client).field()).status == 200
    hashed: list[int] = []
    real = digest_room.digest_hash

    def counting(*arguments: Any) -> str:
        hashed.append(1)
        return real(*arguments)

    monkeypatch.setattr(digest_room, "digest_hash", counting)
    for name in ("ada", "nobody"):
        assert get(client, digester(client, name=name, password="wrong").field()).status == 401
    assert len(hashed) == 2


def test_class_21_proofs_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    real = digest_room.hmac.compare_digest
    monkeypatch.setattr(
        digest_room.hmac, "compare_digest", lambda *both: compared.append(both) or real(*both)
    )
    client = client_of(digest(Users(USERS)))
    ada = digester(client)
    numbers = []
    for name in ("ada", "nobody"):
        compared.clear()
        assert get(client, Digester(ada.challenge, name, "wrong").field()).status == 401
        numbers.append([len(left) for left, _ in compared])
    assert numbers[0] == numbers[1]  # the same work for those who do not exist


def test_streamed_bodies_are_protected_by_auth_alone() -> None:
    auth = HTTPAuth(Digest(Users(USERS), qop=("auth", "auth-int"), algorithms="MD5"))

    @stream_request_body
    class Handler(ProtectedMixin, RequestHandler):
        http_auth = auth

        def data_received(self, chunk: bytes) -> None:
            self.write(chunk)

        def post(self) -> None:
            self.write(self.current_user)

    client = Client(Application([("/", Handler)]))
    connection = client.connect()
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
    assert b'qop="auth",' in connection.send(head + b"\r\n")
    (challenge,) = challenges_of(client.post("/"))
    assert challenge["qop"] == "auth, auth-int"  # there is no body to wait for
    ada = Digester(challenge)
    field = ada.field("/", "POST", b"xy", qop="auth-int").encode()
    assert b" 401 " in client.connect().send(head + b"Authorization: " + field + b"\r\n\r\n")
    field = ada.field("/", "POST").encode()
    answer = client.connect().send(head + b"Authorization: " + field + b"\r\n\r\nxy")
    assert answer.endswith(b"xyada")


def test_uploads_in_files_are_hashed_too() -> None:
    app = application_of(digest(Users(USERS), qop="auth-int"), max_memory_file_size=10)
    client = Client(app)
    ada = digester(client)
    body = b"x" * 5000
    field = ada.field("/", "POST", body, qop="auth-int")
    assert client.post("/", body=body, headers={"Authorization": field}).status == 200


async def test_large_bodies_are_hashed_in_a_thread() -> None:
    client = DeferredClient(application_of(digest(Users(USERS), qop="auth-int")))
    ada = Digester(challenges_of(await client.get("/"))[0])
    body = b"x" * (1024 * 1024 + 1)
    for sent, status in [(body, 200), (body[:-1] + b"y", 401)]:
        field = ada.field("/", "POST", body, qop="auth-int")
        response = await client.post("/", body=sent, headers={"Authorization": field})
        assert response.status == status


def test_md5_for_protocols_is_not_md5_for_security() -> None:
    assert digest_hash("a", "b", "c", "MD5") == hashlib.md5(b"a:b:c").hexdigest()


FIELD_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"))


@pytest.fixture(scope="module")
def lenient() -> tuple[Client, Digester]:
    """A client of an application with both schemes, and what answers its challenge."""
    users = Users(USERS)
    client = client_of(HTTPAuth(Digest(users, qop=("auth", "auth-int")), Basic(users)))
    return client, digester(client)


@given(data=st.data())
def test_no_credentials_are_our_mistake(
    lenient: tuple[Client, Digester], data: st.DataObject
) -> None:
    """Whatever is put into, or cut out of, good credentials: 200, 400 or 401."""
    client, ada = lenient
    field = data.draw(st.sampled_from([ada.field(count=1), basic_of("ada", USERS["ada"])]))
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(field))] * 2)))
    changed = field[:start] + data.draw(FIELD_TEXT) + field[end:]
    assert get(client, changed).status in (200, 400, 401)
