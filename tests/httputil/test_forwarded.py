"""X-Forwarded-For and its like."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.httputil import HTTPHeaders, TrustedProxies, parse_address
from tests.web.counting import steps

ADDRESSES = st.ip_addresses().map(str)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("1.2.3.4:8080", "1.2.3.4"),
        ("2620:0:1cfe:face:b00c::3", "2620:0:1cfe:face:b00c::3"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("[::ffff:102:304]:5", "1.2.3.4"),
    ],
)
def test_addresses(text: str, expected: str) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "unknown",
        "_hidden",
        "localhost",
        "www.example.com",
        "256.0.0.1",
        "1.2.3",
        "01.2.3.4",
        "1.2.3.4 ",
        " 1.2.3.4",
        "1.2.3.4:",
        "1.2.3.4:a",
        "1.2.3.4:-1",
        "1.2.3.4:123456",
        "1.2.3.4/8",
        "1.2.3.4:\u0661",
        "\u0661.2.3.4",
        "4.4.4.4<script>",
        "4.4.4.4\0",
        "1.2.3.4,5.6.7.8",
        "[1.2.3.4]",
        "[1.2.3.4]:80",
        "[::1",
        "::1]",
        "[::1]80",
        "[::1]:",
        "[]",
        "[]:80",
        ":80",
        "fe80::1%eth0",
        "[fe80::1%eth0]",
        "[fe80::1%25eth0]:80",
        "::1::",
        "a" * 100,
        "1" * 5000,
    ],
)
def test_class_11_what_is_no_address(text: str) -> None:
    assert parse_address(text) is None


@given(
    st.text()
    | st.lists(st.sampled_from(["1", ".", ":", "[", "]", "::", "f", "%", "80"])).map("".join)
)
def test_any_text_is_an_address_or_none(text: str) -> None:
    address = parse_address(text)
    if address is not None:
        assert str(ip_address(address)) == address
        assert "%" not in address


@given(st.ip_addresses(v=6), st.integers(0, 65535))
def test_ipv6_with_port(address: object, port: int) -> None:
    mapped = getattr(address, "ipv4_mapped", None)
    assert parse_address(f"[{address}]:{port}") == str(mapped or address)


# Peer, proxies, header fields, expected address.
CASES = [
    ("9.9.9.9", (), {}, "9.9.9.9"),
    ("9.9.9.9", (), {"X-Real-IP": "4.4.4.4"}, "4.4.4.4"),
    ("9.9.9.9", (), {"X-Real-IP": "2620:0:1cfe:face:b00c::3"}, "2620:0:1cfe:face:b00c::3"),
    ("9.9.9.9", (), {"X-Real-IP": "[::1]:80"}, "::1"),
    ("9.9.9.9", (), {"X-Real-IP": "www.google.com"}, "9.9.9.9"),
    ("9.9.9.9", (), {"X-Real-IP": "4.4.4.4<script>"}, "9.9.9.9"),
    ("9.9.9.9", (), {"X-Real-IP": "unknown", "X-Forwarded-For": "5.5.5.5"}, "5.5.5.5"),
    ("9.9.9.9", (), {"X-Real-IP": "4.4.4.4", "X-Forwarded-For": "5.5.5.5"}, "4.4.4.4"),
    ("9.9.9.9", (), {"X-Real-IP": ["4.4.4.4", "6.6.6.6"]}, "9.9.9.9"),
    ("9.9.9.9", (), {"X-Forwarded-For": "127.0.0.1, 4.4.4.4"}, "4.4.4.4"),
    ("9.9.9.9", (), {"X-Forwarded-For": "::1,2620:0:1cfe::3"}, "2620:0:1cfe::3"),
    ("9.9.9.9", (), {"X-Forwarded-For": "4.4.4.4, 5.5.5.5<script>"}, "9.9.9.9"),
    ("9.9.9.9", (), {"X-Forwarded-For": "4.4.4.4, unknown"}, "9.9.9.9"),
    ("9.9.9.9", (), {"X-Forwarded-For": "4.4.4.4,"}, "9.9.9.9"),
    ("9.9.9.9", (), {"X-Forwarded-For": "4.4.4.4:5678"}, "4.4.4.4"),
    # Repeated fields are one list, and the last item is the nearest.
    ("9.9.9.9", (), {"X-Forwarded-For": ["1.1.1.1", "4.4.4.4"]}, "4.4.4.4"),
    # Who is trusted is passed over, from the right.
    ("127.0.0.1", ("5.5.5.5",), {"X-Forwarded-For": "1.1.1.1, 4.4.4.4, 5.5.5.5"}, "4.4.4.4"),
    ("127.0.0.1", ("5.0.0.0/8",), {"X-Forwarded-For": "1.1.1.1, 4.4.4.4, 5.1.2.3"}, "4.4.4.4"),
    (
        "127.0.0.1",
        ("5.0.0.0/8", "2001:db8::/32"),
        {"X-Forwarded-For": "4.4.4.4, [2001:db8::7]:99, 5.1.2.3:80"},
        "4.4.4.4",
    ),
    ("127.0.0.1", ("5.0.0.0/8",), {"X-Forwarded-For": "4.4.4.4, unknown, 5.1.2.3"}, "127.0.0.1"),
    ("127.0.0.1", ("5.0.0.0/8",), {"X-Forwarded-For": "5.1.1.1, 5.1.2.3"}, "5.1.1.1"),
    # With trusted proxies, only they, loopback addresses and Unix sockets are believed.
    ("9.9.9.9", ("5.5.5.5",), {"X-Real-IP": "4.4.4.4"}, "9.9.9.9"),
    ("9.9.9.9", ("5.5.5.5",), {"X-Forwarded-For": "4.4.4.4"}, "9.9.9.9"),
    ("5.5.5.5", ("5.5.5.5",), {"X-Forwarded-For": "4.4.4.4"}, "4.4.4.4"),
    ("::ffff:5.5.5.5", ("5.5.5.5",), {"X-Forwarded-For": "4.4.4.4"}, "4.4.4.4"),
    ("5.6.7.8", ("5.0.0.0/8",), {"X-Forwarded-For": "4.4.4.4"}, "4.4.4.4"),
    ("2001:db8::5", ("2001:db8::/32",), {"X-Forwarded-For": "4.4.4.4"}, "4.4.4.4"),
    ("::1", ("5.5.5.5",), {"X-Forwarded-For": "4.4.4.4"}, "4.4.4.4"),
    ("::ffff:127.0.0.1", ("5.5.5.5",), {"X-Forwarded-For": "4.4.4.4"}, "4.4.4.4"),
    ("127.8.9.1", ("5.5.5.5",), {"X-Forwarded-For": "4.4.4.4"}, "4.4.4.4"),
    ("unix:/run/app.sock", ("5.5.5.5",), {"X-Forwarded-For": "4.4.4.4"}, "4.4.4.4"),
    ("", ("5.5.5.5",), {"X-Forwarded-For": "4.4.4.4"}, "4.4.4.4"),
    ("somebody", ("5.5.5.5",), {"X-Forwarded-For": "4.4.4.4"}, "somebody"),
]


@pytest.mark.parametrize(("peer", "proxies", "fields", "expected"), CASES)
def test_class_11_address_of_the_client(
    peer: str, proxies: tuple[str, ...], fields: dict[str, str | list[str]], expected: str
) -> None:
    trusted = TrustedProxies(proxies)
    assert trusted.resolve(peer, "http", HTTPHeaders(fields)) == (expected, "http")


@pytest.mark.parametrize(
    ("protocol", "fields", "expected"),
    [
        ("http", {}, "http"),
        ("https", {}, "https"),
        ("http", {"X-Scheme": "https"}, "https"),
        ("https", {"X-Scheme": "http"}, "http"),
        ("http", {"X-Forwarded-Proto": "https"}, "https"),
        ("http", {"X-Forwarded-Proto": "https , http"}, "http"),
        ("http", {"X-Forwarded-Proto": "http,https"}, "https"),
        ("http", {"X-Forwarded-Proto": ["http", "https"]}, "https"),
        ("http", {"X-Scheme": "https", "X-Forwarded-Proto": "http"}, "https"),
        ("http", {"X-Scheme": "javascript"}, "http"),
        ("https", {"X-Scheme": "ftp"}, "https"),
        ("https", {"X-Scheme": ""}, "https"),
        ("http", {"X-Forwarded-Proto": "https,"}, "http"),
        ("http", {"X-Scheme": "HTTPS"}, "http"),
    ],
)
def test_class_11_protocol(
    protocol: str, fields: dict[str, str | list[str]], expected: str
) -> None:
    headers = HTTPHeaders(fields)
    assert TrustedProxies().resolve("9.9.9.9", protocol, headers) == ("9.9.9.9", expected)
    # Nothing of it from somebody who is not trusted.
    stranger = TrustedProxies(["5.5.5.5"]).resolve("9.9.9.9", protocol, headers)
    assert stranger == ("9.9.9.9", protocol)


@given(st.lists(ADDRESSES, min_size=1, max_size=8), st.sets(ADDRESSES, max_size=4), st.data())
def test_class_11_nothing_left_of_a_stranger_counts(
    hops: list[str], proxies: set[str], data: st.DataObject
) -> None:
    hops = [data.draw(st.sampled_from([hop, *sorted(proxies)])) for hop in hops]
    addresses = [str(parse_address(hop)) for hop in hops]
    trusted = TrustedProxies(proxies)
    strangers = [address for address in addresses if address not in trusted]
    headers = HTTPHeaders({"X-Forwarded-For": ", ".join(hops)})
    assert trusted.resolve("127.0.0.1", "http", headers)[0] == [addresses[0], *strangers][-1]


@pytest.mark.parametrize("bad", ["localhost", "1.2.3.4/33", "1.2.3", "", "*"])
def test_proxies_are_addresses_or_networks(bad: str) -> None:
    with pytest.raises(ValueError, match="neither an address nor a network"):
        TrustedProxies([bad])


def test_host_bits_of_a_network_do_not_matter() -> None:
    assert "10.9.8.7" in TrustedProxies(["10.1.2.3/8"])
    assert "11.9.8.7" not in TrustedProxies(["10.1.2.3/8"])
    assert "unknown" not in TrustedProxies(["10.1.2.3/8"])


def test_class_3_long_lists_are_not_followed_to_their_end() -> None:
    trusted = TrustedProxies(["10.0.0.0/8"])

    def resolve(count: int) -> tuple[str, str]:
        spoofed = ["1.1.1.1", *[f"10.0.{n % 256}.{n // 256}" for n in range(count)]]
        headers = HTTPHeaders({"X-Forwarded-For": ",".join(spoofed)})
        return trusted.resolve("127.0.0.1", "http", headers)

    assert resolve(31)[0] == "1.1.1.1"
    assert resolve(32)[0] == "127.0.0.1"
    headers = [HTTPHeaders({"X-Forwarded-For": "10.0.0.1," * n + "10.0.0.1"}) for n in (50, 5000)]
    short, long = [steps(lambda h=h: trusted.resolve("::1", "http", h)) for h in headers]
    assert long <= short + 10
