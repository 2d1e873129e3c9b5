"""Where a browser would go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.web.redirects import destination, is_protocol_relative, local_reference

# From the table of the URL standard and from advisories about open redirects.
DESTINATIONS = [
    # URL, scheme, authority
    ("", "", ""),
    ("/a", "", ""),
    ("a/b", "", ""),
    ("?a", "", ""),
    ("//example.com/a", "", "example.com"),
    ("///example.com/a", "", "example.com"),
    ("////example.com", "", "example.com"),
    ("/\\example.com", "", "example.com"),
    ("\\\\example.com", "", "example.com"),
    ("\\/example.com", "", "example.com"),
    ("/\t/example.com", "", "example.com"),
    ("/\n/example.com", "", "example.com"),
    ("/\r\\example.com", "", "example.com"),
    (" \x01//example.com", "", "example.com"),
    ("http://example.com/", "http", "example.com"),
    ("HTTP://EXAMPLE.com/", "http", "example.com"),
    ("https:example.com", "https", "example.com"),
    ("https:/example.com", "https", "example.com"),
    ("https:///example.com", "https", "example.com"),
    ("https:\\\\example.com\\x", "https", "example.com"),
    ("ht\ntps://example.com", "https", "example.com"),
    ("https://a:b@example.com:80?x", "https", "a:b@example.com:80"),
    ("https://example.com#//x", "https", "example.com"),
    ("https://", "https", ""),
    ("javascript:alert(1)", "javascript", ""),
    ("data:text/html,x", "data", ""),
    ("mailto:a@b", "mailto", ""),
    ("app://host/x", "app", "host"),
    ("/a:b//c", "", ""),
    ("1http://x", "", ""),
    ("//[", "", "["),
]


@pytest.mark.parametrize(("url", "scheme", "authority"), DESTINATIONS)
def test_class_10_destination(url: str, scheme: str, authority: str) -> None:
    assert destination(url) == (scheme, authority)


@pytest.mark.parametrize(("url", "scheme", "authority"), DESTINATIONS)
def test_class_10_protocol_relative(url: str, scheme: str, authority: str) -> None:
    assert is_protocol_relative(url) is (not scheme and bool(authority))


REFERENCES = [
    ("/a", "", "/a"),
    ("/a", "b=c", "/a?b=c"),
    ("/", "", "/"),
    ("//example.com/a", "", "/example.com/a"),
    ("///example.com", "x", "/example.com?x"),
    ("/\\example.com", "", "/example.com"),
    ("/\t/example.com", "", "/example.com"),
    ("//", "", "/"),
]


@pytest.mark.parametrize(("path", "query", "url"), REFERENCES)
def test_class_10_local_reference(path: str, query: str, url: str) -> None:
    assert local_reference(path, query) == url


@given(st.text("/\\ab.\t\n\r \x00", max_size=12))
def test_class_10_references_stay_here(path: str) -> None:
    assert destination(local_reference("/" + path)) == ("", "")
