"""Headers of the PROXY protocol, as a table, at random, and beside Twisted's parsers."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.protocols.haproxy._wrapper import HAProxyWrappingFactory

from cyclone.deploy.proxyheader import MAX_HEADER, ProxyHeader, read_header

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def v2(command: int, kind: int, body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return SIGNATURE + bytes([0x20 | command, kind]) + size.to_bytes(2, "big") + body


def addresses(source: str, destination: str, ports: tuple[int, int]) -> bytes:
    packed = b"".join(ipaddress.ip_address(each).packed for each in (source, destination))
    return packed + b"".join(port.to_bytes(2, "big") for port in ports)


FOUR = addresses("192.0.2.1", "192.0.2.2", (1000, 443))
SIX = addresses("2001:db8::1", "2001:db8::2", (1000, 443))


@pytest.mark.parametrize(
    ("data", "source", "destination"),
    [
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65535\r\n", ("192.0.2.1", 1), ("192.0.2.2", 65535)),
        (b"PROXY TCP6 2001:DB8::1 ::2 0 80\r\n", ("2001:db8::1", 0), ("::2", 80)),
        (b"PROXY UNKNOWN\r\n", None, None),
        (b"PROXY UNKNOWN whatever 1 2 3 4 5\r\n", None, None),
        (v2(1, 0x11, FOUR), ("192.0.2.1", 1000), ("192.0.2.2", 443)),
        (v2(1, 0x21, SIX), ("2001:db8::1", 1000), ("2001:db8::2", 443)),
        (v2(1, 0x11, FOUR + b"\x04\x00\x01x"), ("192.0.2.1", 1000), ("192.0.2.2", 443)),
        (v2(0, 0x11, FOUR), None, None),
        (v2(0, 0, b""), None, None),
        (v2(1, 0, b"\x03\x00\x04abcd"), None, None),
        (v2(1, 0x12, FOUR), None, None),
        (v2(1, 0x31, bytes(216)), None, None),
        # "The receiver must [...] discard the protocol block including the family".
        (v2(0, 0xFF, b"whatever"), None, None),
        # Balancers with one socket for both kinds of addresses.
        (b"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 80\r\n", ("192.0.2.1", 1), ("::1", 80)),
        (
            v2(1, 0x21, addresses("::ffff:192.0.2.1", "::ffff:192.0.2.2", (1, 80))),
            *(("192.0.2.1", 1), ("192.0.2.2", 80)),
        ),
    ],
)
def test_headers(data: bytes, source: Any, destination: Any) -> None:
    header = ProxyHeader(len(data), source, destination)
    assert read_header(data) == header
    assert read_header(data + b"GET / HTTP/1.1\r\n") == header
    for size in range(len(data)):
        assert read_header(data[:size]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
        b"PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 2001:db8::1 192.0.2.2 1 2\r\n",
        b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
        b"PROXY TCP4 192.0.2.300 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
        b"PROXY TCP4 \xff192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY \r\n",
        b"PROXY " + b"x" * 101,
        SIGNATURE + b"\x11\x11\x00\x0c" + FOUR,
        v2(2, 0x11, FOUR),
        v2(1, 0x41, FOUR),
        v2(1, 0x13, FOUR),
        v2(1, 0x11, FOUR[:-1]),
        v2(1, 0x21, FOUR),
        v2(1, 0x11, b"", length=MAX_HEADER + 1),
    ],
)
def test_what_is_none(data: bytes) -> None:
    with pytest.raises(ValueError, match="PROXY protocol"):
        read_header(data)


@given(st.binary(max_size=80), st.sampled_from([b"", b"PROXY TCP4 ", SIGNATURE, v2(1, 0x11, b"")]))
def test_anything_is_an_answer(data: bytes, beginning: bytes) -> None:
    try:
        header = read_header(beginning + data)
    except ValueError:
        return
    assert header is None or header.size <= len(beginning + data)


PORTS = st.tuples(st.integers(0, 65535), st.integers(0, 65535))


@given(
    st.one_of(
        st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4)),
        st.tuples(st.ip_addresses(v=6), st.ip_addresses(v=6)),
    ),
    PORTS,
    st.booleans(),
)
def test_twisted_reads_the_same(pair: Any, ports: tuple[int, int], text: bool) -> None:
    source, destination = map(str, pair)
    version = pair[0].version
    if text:
        line = f"PROXY TCP{version} {source} {destination} {ports[0]} {ports[1]}\r\n"
        data = line.encode()
    else:
        kind = 0x11 if version == 4 else 0x21
        data = v2(1, kind, addresses(source, destination, ports))
    factory = HAProxyWrappingFactory(Factory.forProtocol(Protocol))
    theirs: Any = factory.buildProtocol(None)
    theirs.makeConnection(StringTransport())
    theirs.dataReceived(data)
    ours = read_header(data)
    assert ours is not None
    assert ours.source is not None
    assert (ipaddress.ip_address(theirs.getPeer().host), theirs.getPeer().port) == (
        pair[0],
        ours.source[1],
    )
    plain = [str(getattr(each, "ipv4_mapped", None) or each) for each in pair]
    assert ours.source[0] == plain[0]
    assert ours.destination == (plain[1], ports[1])
