"""URLs of databases: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.sql import PoolSettings, URLError
from cyclone.sql.settings import settings_of
from cyclone.sql.urls import Target, parse_url


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (
            "postgresql://me:p%40ss@db.example.com:5433/shop?sslmode=require",
            Target(
                "postgresql", "db.example.com", 5433, "me", "p@ss", "shop", {"sslmode": "require"}
            ),
        ),
        ("postgres://localhost/shop", Target("postgresql", "localhost", database="shop")),
        ("postgresql:///shop", Target("postgresql", database="shop")),
        ("postgresql://[::1]:5433/shop", Target("postgresql", "::1", 5433, database="shop")),
        ("postgresql://me@[::1]/", Target("postgresql", "::1", user="me")),
        ("POSTGRESQL://%2Frun%2Fpg/x", Target("postgresql", "/run/pg", database="x")),
        ("mysql://me:a@b@host/x", Target("mysql", "host", None, "me", "a@b", "x")),
        ("mariadb://host:3307/x%2Dy", Target("mysql", "host", 3307, database="x-y")),
        ("sqlite:///data/file.db", Target("sqlite", database="data/file.db")),
        ("sqlite:////var/file.db", Target("sqlite", database="/var/file.db")),
        ("sqlite://", Target("sqlite", database=":memory:")),
        ("sqlite:///:memory:", Target("sqlite", database=":memory:")),
        (
            "sqlite:///a%20b.db?wal=true",
            Target("sqlite", database="a b.db", options={"wal": "true"}),
        ),
    ],
)
def test_urls_are_taken_apart(url: str, target: Target) -> None:
    assert parse_url(url) == target


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "no scheme"),
        ("localhost/shop", "no scheme"),
        ("oracle://secret@host/x", "'oracle'.*postgresql://"),
        ("postgresql://me:secret@host:port/x", "port: expected a number"),
        ("postgresql://me:secret@host:0/x", "port: expected a number"),
        ("postgresql://me:secret@host:70000/x", "port: expected a number"),
        ("postgresql://me:se/cret@host:1/x", "percent-encoded"),
        ("postgresql://[::1/x", "host: "),
        ("postgresql://[::1]x/x", "host: "),
        ("postgresql://:secret@host/x", "a password without a user"),
        ("postgresql://host/x/y", "database: 'x/y'"),
        ("postgresql://host/x#secret", "'#'"),
        ("postgresql://host/x y", "white space"),
        ("postgresql://host/x?sslmode", "options: expected name=value"),
        ("postgresql://host/x?a=1&a=secret", "options: 'a' is there twice"),
        ("sqlite://file.db", "a host in the URL of a file"),
        ("sqlite:///a%00b", "zero byte"),
    ],
)
def test_what_is_wrong_is_named(url: str, message: str) -> None:
    with pytest.raises(URLError, match=message) as caught:
        parse_url(url)
    assert "secret" not in str(caught.value)


@given(st.text(), st.text(), st.sampled_from(["postgresql", "mysql", "sqlite", "x"]))
def test_no_url_breaks_it_and_none_shows_its_password(before: str, after: str, scheme: str) -> None:
    with suppress(URLError):
        parse_url(before + "://" + after)
    shown = ""
    try:
        shown = repr(parse_url(f"{scheme}://user:geheim@{after}")) + str(
            parse_url(f"{scheme}://user:geheim@{after}")
        )
    except URLError as error:
        shown = str(error)
    assert "geheim" not in shown.replace(after, "") or "/" in after


def test_a_place_is_shown_without_its_secrets() -> None:
    target = parse_url("postgresql://me:secret@[::1]:5433/shop?password=secret")
    assert str(target) == "postgresql://[::1]:5433/shop"
    assert "secret" not in repr(target)


# --- settings ------------------------------------------------------------------------------------


def settings(options: dict[str, str], **given: Any) -> PoolSettings:
    return settings_of(Target("sqlite", options=options), given)[0]


def test_settings_come_from_the_url_and_from_keywords_which_count_more() -> None:
    target = Target("sqlite", options={"size": "3", "timeout": "1.5", "dict_rows": "yes", "x": "1"})
    found, rest = settings_of(target, {"size": 4})
    assert (found.size, found.timeout, found.dict_rows, rest) == (4, 1.5, True, {"x": "1"})


def test_times_can_be_turned_off() -> None:
    assert settings({"timeout": "none"}, wait_timeout=0, statement_timeout=None) == PoolSettings(
        timeout=None, wait_timeout=None, statement_timeout=None
    )


@pytest.mark.parametrize(
    ("options", "given", "error", "message"),
    [
        ({"size": "many"}, {}, URLError, "size must be a number, not 'many'"),
        ({"dict_rows": "perhaps"}, {}, URLError, "dict_rows must be true or false"),
        ({"timeout": "nan"}, {}, ValueError, "timeout must be at least 0"),
        ({}, {"size": 0}, ValueError, "size must be at least 1"),
        ({}, {"size": 1.5}, ValueError, "size must be a whole number"),
        ({}, {"size": None}, ValueError, "size must be a whole number"),
        ({}, {"timeout": "1"}, ValueError, "timeout must be a number of seconds"),
        ({}, {"timeout": -1}, ValueError, "timeout must be at least 0"),
        ({}, {"dict_rows": 1}, ValueError, "dict_rows must be True or False"),
        ({}, {"pool": 1}, TypeError, "'pool' is no setting of a pool; there are: size,"),
    ],
)
def test_settings_that_make_no_sense(
    options: dict[str, str], given: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        settings(options, **given)
