"""The Authorization field, Basic and Digest credentials, and what Digest computes."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cyclone.httpauth import Credentials, MalformedCredentials, digest_hash, user_hash
from cyclone.httpauth.algorithms import response_digest
from cyclone.httpauth.messages import read_basic, read_digest, same_resource
from cyclone.httpauth.syntax import decode_text, parse_authorization, quoted

FIELDS: list[tuple[str, tuple[str, str | None, dict[str, str]]]] = [
    # RFC 7617 section 2
    ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", ("basic", "QWxhZGRpbjpvcGVuIHNlc2FtZQ==", {})),
    ("bAsIc   dGVzdDoxMjPCow==  ", ("basic", "dGVzdDoxMjPCow==", {})),
    ("Negotiate", ("negotiate", None, {})),
    ("Digest a=b", ("digest", None, {"a": "b"})),
    ("Digest a=", ("digest", "a=", {})),
    ('Digest A = b ,  C=\t"d" ', ("digest", None, {"a": "b", "c": "d"})),
    (r'Digest a="b\"c\\d, e=f"', ("digest", None, {"a": 'b"c\\d, e=f'})),
    ('Digest a=""', ("digest", None, {"a": ""})),
    ('Digest ,, a="1",,b=2, ,', ("digest", None, {"a": "1", "b": "2"})),
    ('Digest a="\xc3\xa4"', ("digest", None, {"a": "\xc3\xa4"})),
]


@pytest.mark.parametrize(("field", "expected"), FIELDS)
def test_fields_that_can_be_read(field: str, expected: Any) -> None:
    assert parse_authorization(field) == Credentials(*expected)


MALFORMED = [
    *("", " ", "=", ",", "Basic: x", '"Basic" x', "Digest a b", "Digest =b"),
    *('Digest a="b', 'Digest a="b" c="d"', "Digest a=b c=d", "Digest a=b;c=d", 'Digest a=b"'),
    *("Digest a=1, A=2", 'Digest a="\x00"', 'Digest a="\x7f"', 'Digest a="\\', "Digest a=(b)"),
    "Digest " + ", ".join(f"a{number}=1" for number in range(33)),
]


@pytest.mark.parametrize("field", MALFORMED)
def test_fields_that_cannot(field: str) -> None:
    with pytest.raises(MalformedCredentials):
        parse_authorization(field)


TEXT = st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=60)
NAMES = st.text("abz09!#*-", min_size=1, max_size=8)
QUOTABLE = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=20)


@given(
    TEXT
    | TEXT.map("Digest ".__add__)
    | st.text(alphabet='a="\\, \t', max_size=40).map("D ".__add__)
)
@example('D a="\\"')
def test_any_field_is_read_or_refused(field: str) -> None:
    try:
        credentials = parse_authorization(field)
    except MalformedCredentials:
        return
    assert credentials.scheme == credentials.scheme.lower() != ""
    assert credentials.token is None or not credentials.parameters
    for reader in (read_basic, read_digest):
        try:
            reader(credentials)
        except MalformedCredentials as error:
            assert str(error)


@given(
    st.dictionaries(NAMES, QUOTABLE, min_size=1, max_size=10), st.sampled_from([", ", ",", " ,, "])
)
def test_what_is_written_is_read(parameters: dict[str, str], separator: str) -> None:
    field = "X " + separator.join(f"{name}={quoted(value)}" for name, value in parameters.items())
    assert parse_authorization(field).parameters == parameters


@pytest.mark.parametrize(
    "filling", ['a="' + "\\" * 999_999, "a" * 999_999 + "(", "," * 999_999 + "("]
)
def test_class_3_long_fields_take_linear_time(filling: str) -> None:
    with pytest.raises(MalformedCredentials):  # the square of it would be hours
        parse_authorization(f"Digest a=b,{filling}")


# -- Basic


def basic(text: bytes | str) -> Any:
    data = text if isinstance(text, bytes) else text.encode()
    return read_basic(parse_authorization(f"Basic {base64.b64encode(data).decode()}"))


@pytest.mark.parametrize(
    ("text", "name", "password"),
    [
        ("Aladdin:open sesame", "Aladdin", "open sesame"),
        ("test:123\u00a3", "test", "123\u00a3"),  # RFC 7617 section 2.1
        ("a:b:c:", "a", "b:c:"),
        (":", "", ""),
        ("u\u0308:o\u0308", "\u00fc", "\u00f6"),  # to normalization form C
        (b"\xe4:\xf6", "\u00e4", "\u00f6"),  # Latin-1, as before RFC 7617
    ],
)
def test_basic_credentials(text: bytes | str, name: str, password: str) -> None:
    message = basic(text)
    assert (message.username, message.password) == (name, password)


@pytest.mark.parametrize("text", ["", "nobody", "a\x00:b", "a:b\n", "a\x7f:b"])
def test_basic_credentials_that_cannot_be(text: str) -> None:
    with pytest.raises(MalformedCredentials):
        basic(text)


@pytest.mark.parametrize("name", ["\u0315\u0300" * 12_000, "ada"])
def test_class_3_what_takes_long_to_normalize(name: str) -> None:
    with pytest.raises(MalformedCredentials, match="too long"):
        basic(name + ":" + "\u0315\u0300" * 600)


def test_tokens_may_be_long() -> None:
    assert basic(f"ada:{'x' * 20_000}").password == "x" * 20_000


@pytest.mark.parametrize("word", ["a", "abc", "a===", "-_-_", "YTpi YTpi", 'a="b"', "YTpi,"])
def test_basic_credentials_that_are_not_in_base64(word: str) -> None:
    with pytest.raises(MalformedCredentials):
        read_basic(parse_authorization(f"Basic {word}"))


# -- Digest

GOOD = {
    "username": "Mufasa",
    "realm": "http-auth@example.org",
    "uri": "/dir/index.html",
    "algorithm": "MD5",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "nc": "00000001",
    "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    "qop": "auth",
    "response": "8ca523f5e9506fed4657c9700eebdbec",
    "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
}


def digest(**changes: str | None) -> Any:
    parameters = {**GOOD, **changes}
    return read_digest(
        Credentials("digest", None, {n: v for n, v in parameters.items() if v is not None})
    )


def test_digest_credentials_of_the_rfc() -> None:
    message = digest()
    assert (message.username, message.hashed, message.count) == ("Mufasa", False, 1)
    assert (message.algorithm, message.qop) == ("MD5", "auth")
    assert message.opaque == GOOD["opaque"]
    assert digest(algorithm=None).algorithm == "MD5"
    assert digest(algorithm="sha-256-SESS").algorithm == "SHA-256-sess"
    assert digest(username="J\xc3\xa4").username == "Jä"
    assert digest(nc="0000000A").count == 10


def test_extended_user_names() -> None:
    # RFC 7616 section 3.9.2 has this name.
    encoded = "UTF-8''J%C3%A4s%C3%B8n%20Doe"
    assert digest(username=None, **{"username*": encoded}).username == "Jäsøn Doe"
    assert digest(username=None, **{"username*": "utf-8'de'u%CC%88"}).username == "ü"


@pytest.mark.parametrize(
    "changes",
    [
        *({name: None} for name in GOOD if name not in ("algorithm", "opaque")),
        *({"nc": value} for value in ("", "1", "00000000", "0000000g", "000000001", "-0000001")),
        *({"algorithm": value} for value in ("", "SHA-1", "token")),
        *({"response": value} for value in ("", "xyz")),
        *({"userhash": value} for value in ("", "yes", "true")),  # Mufasa is no number
        {"username*": "UTF-8''a"},
        *(
            {"username": None, "username*": v}
            for v in ("a", "UTF-8''%", "UTF-8''%ff", "latin-1''a")
        ),
        {"username": None, "username*": "UTF-8''a", "userhash": "true"},
        {"username": None, "username*": "UTF-8''%00"},
        {"username": "a\tb"},
        {"cnonce": "x" * 1025},
    ],
)
def test_digest_credentials_that_cannot_be(changes: dict[str, str | None]) -> None:
    with pytest.raises(MalformedCredentials):
        digest(**changes)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", GOOD["response"]),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_responses_of_the_rfc(algorithm: str, response: str) -> None:
    """RFC 7616 section 3.9.1."""
    stored = digest_hash("Mufasa", GOOD["realm"], "Circle of Life", algorithm)
    computed = response_digest(
        algorithm,
        stored,
        method="GET",
        uri=GOOD["uri"],
        nonce=GOOD["nonce"],
        count=GOOD["nc"],
        cnonce=GOOD["cnonce"],
        qop="auth",
    )
    assert computed == response


def test_user_hash_of_the_rfc() -> None:
    """RFC 7616 section 3.9.2, with the numbers of erratum 4897."""
    name, realm, algorithm = "Jäsøn Doe", "api@example.org", "SHA-512-256"
    hashed = "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    assert user_hash(name, realm, algorithm) == hashed
    stored = digest_hash(name, realm, "Secret, or not?", algorithm)
    computed = response_digest(
        algorithm,
        stored,
        method="GET",
        uri="/doe.json",
        nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
        count="00000001",
        cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
        qop="auth",
    )
    assert computed == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"


def test_an_algorithm_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="only SHA-512-256"):
        digest_hash("a", "b", "c", "SHA-1")


SAME = [
    ("/a?b=c", "/a?b=c", True),
    ("/a", "/a?b=c", False),
    ("/a?", "/a", False),
    ("/b", "/a", False),
    ("*", "*", True),
    ("http://h.example/a?b=c", "/a?b=c", True),
    ("http://H.EXAMPLE:80/a", "/a", True),
    ("https://h.example:443/a", "/a", True),
    ("http://h.example:8080/a", "/a", False),
    ("http://evil.example/a", "/a", False),
    ("http://h.example@evil.example/a", "/a", False),
    ("http://u@h.example/a", "/a", False),
    ("http://h.example", "/", True),
    ("http://h.example", "*", True),
    ("http://h.example/a?", "/a?", True),
    ("ftp://h.example/a", "/a", False),
    ("http://[/a", "/a", False),
    ("", "/", False),
    ("a", "/a", False),
    ("/%7ea%2fb", "/~a%2Fb", True),
    ("/a%2Fb", "/a/b", False),
    ("/%zz", "/%zz", True),
    ("/a/../b", "/b", False),
    ("//h.example/a", "/a", False),
]


@pytest.mark.parametrize(("claimed", "target", "same"), SAME)
def test_which_resources_are_the_same(claimed: str, target: str, same: bool) -> None:
    assert same_resource(claimed, target, "h.example") is same


@given(st.text(max_size=30))
def test_any_uri_is_itself_or_no_uri(uri: str) -> None:
    assert same_resource(uri, uri, "h") is (uri[:1] in ("/", "*"))


def test_text_is_utf_8_or_latin_1() -> None:
    assert decode_text("\xc3\xa4") == "\xe4"
    assert decode_text("\xe4") == "\xe4"
