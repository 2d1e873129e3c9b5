"""The header of the PROXY protocol, by which a balancer says for whom it has connected.

Versions 1 (a line of text) and 2 (binary) of
https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt.  Bytes in, a value out.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re

__all__ = ["MAX_HEADER", "ProxyHeader", "read_header"]

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_V1 = b"PROXY "
_V1_LONGEST = 107
#: What may stand in a header of version 2 behind its first 16 bytes.  Two addresses of Unix sockets
#: are 216; the rest is for extensions, such as a client's certificate.
MAX_HEADER = 4096
_PORT = re.compile(r"0|[1-9][0-9]{0,4}")


@dataclasses.dataclass(frozen=True, slots=True)
class ProxyHeader:
    """What a header says.

    Attributes:
        size: its bytes.
        source, destination: addresses and ports of the client's connection; None where the header
            speaks of none, as when the balancer itself asks whether we are alive.  An IPv6 address
            that stands for one of IPv4 (``::ffff:192.0.2.7``) is given as that.
    """

    size: int
    source: tuple[str, int] | None = None
    destination: tuple[str, int] | None = None


def read_header(data: bytes) -> ProxyHeader | None:
    """The header that `data` begins with; None if it is not whole yet.

    Raises:
        ValueError: there is none, or it is malformed.
    """
    if data[: len(_SIGNATURE)] == _SIGNATURE[: len(data)]:
        return _read_v2(data)
    if data[: len(_V1)] == _V1[: len(data)]:
        return _read_v1(data)
    raise ValueError("no header of the PROXY protocol")


def _read_v1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\r\n", 0, _V1_LONGEST)
    if end < 0:
        if len(data) >= _V1_LONGEST:
            raise ValueError("the line of the PROXY protocol does not end")
        return None
    size = end + 2
    try:
        words = data[len(_V1) : end].decode("ascii").split(" ")
    except UnicodeDecodeError:
        raise ValueError("the line of the PROXY protocol is not ASCII") from None
    if words[0] == "UNKNOWN":
        return ProxyHeader(size)
    if len(words) != 5 or words[0] not in ("TCP4", "TCP6"):
        raise ValueError("the line of the PROXY protocol is malformed")
    family, source, destination, source_port, destination_port = words
    version = 4 if family == "TCP4" else 6
    return ProxyHeader(
        size,
        (_address(source, version), _port(source_port)),
        (_address(destination, version), _port(destination_port)),
    )


def _address(text: str, version: int) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        address = None
    if address is None or address.version != version or "%" in text:
        raise ValueError("an address in the line of the PROXY protocol is malformed")
    return _plain(address)


def _plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    return str(getattr(address, "ipv4_mapped", None) or address)


def _port(text: str) -> int:
    if _PORT.fullmatch(text) is None or int(text) > 65535:
        raise ValueError("a port in the line of the PROXY protocol is malformed")
    return int(text)


def _read_v2(data: bytes) -> ProxyHeader | None:
    if len(data) < 16:
        return None
    version, command = data[12] >> 4, data[12] & 15
    family, transport = data[13] >> 4, data[13] & 15
    length = int.from_bytes(data[14:16], "big")
    local = command == 0  # whatever its family and addresses are, they do not count
    if version != 2 or command > 1 or (not local and (family > 3 or transport > 2)):
        raise ValueError("the header of the PROXY protocol is of no known kind")
    if length > MAX_HEADER:
        raise ValueError("the header of the PROXY protocol is too long")
    size = 16 + length
    if len(data) < size:
        return None
    width = {1: 4, 2: 16}.get(family, 0)
    if local or not width or transport != 1:
        return ProxyHeader(size)  # or addresses that say nothing of a TCP connection
    if length < 2 * width + 4:
        raise ValueError("the header of the PROXY protocol is too short for its addresses")
    source, destination, ports = (
        data[16 : 16 + width],
        data[16 + width : 16 + 2 * width],
        data[16 + 2 * width : 20 + 2 * width],
    )
    return ProxyHeader(
        size,
        (_plain(ipaddress.ip_address(source)), int.from_bytes(ports[:2], "big")),
        (_plain(ipaddress.ip_address(destination)), int.from_bytes(ports[2:], "big")),
    )
