"""OAuth 1.0 signatures, by the examples of RFC 5849."""

from __future__ import annotations

from cyclone.auth.signing import base_string, signature

PHOTOS = {
    "oauth_consumer_key": "dpf43f3p2l4k3l03",
    "oauth_token": "nnch734d00sl2jdk",
    "oauth_signature_method": "HMAC-SHA1",
    "oauth_timestamp": "137131202",
    "oauth_nonce": "chapoH",
}


def test_rfc_5849_section_1_2() -> None:
    url = "http://photos.example.net/photos?file=vacation.jpg&size=original"
    signed = signature("kd94hf93k423kf44", "pfkkdhi9sl3r4s00", "GET", url, PHOTOS)
    assert signed == "MdpQcU8iPSUjWoN/UDMsK2sui9I="
    assert signed == signature(b"kd94hf93k423kf44", b"pfkkdhi9sl3r4s00", "get", url, PHOTOS)


def test_rfc_5849_section_3_4_1() -> None:
    assert base_string(
        "POST",
        "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b",
        {"oauth_nonce": "7d8f3e4a", "c2": ""},
    ) == (
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3Da%26b5%3D%253D%25253D"
        "%26c%2540%3D%26c2%3D%26oauth_nonce%3D7d8f3e4a"
    )


def test_hosts_and_ports() -> None:
    assert "example.net%3A8080%2F&" in base_string("GET", "https://www.example.net:8080", {})
    assert "https%3A%2F%2Fa%2F&" in base_string("GET", "https://a:443/", {})
    assert "%5B%3A%3A1%5D%3A81" in base_string("GET", "http://[::1]:81/", {"a": b"\xff"})


def test_secrets_are_encoded_since_1_0a() -> None:
    def sign(**kwargs: bool) -> str:
        return signature("a/b", "", "GET", "http://a/", {}, **kwargs)

    assert sign() == sign(encode_secrets=True) != sign(encode_secrets=False)
