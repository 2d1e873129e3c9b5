"""Who the client is when a proxy stands in front: X-Forwarded-For and its like.

Such fields are as true as their sender.  They are read only when the `xheaders` setting says that a
proxy sets them, and with `trusted_downstream` only when it is one of those who is connected.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Protocol

__all__ = ["TrustedProxies", "parse_address"]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# The longest list of proxies that is followed; what is further to the left could be anything.
_MAX_HOPS = 32
_MAX_ADDRESS = 64


class _Headers(Protocol):
    def get_list(self, name: str) -> list[str]: ...


def parse_address(text: str) -> str | None:
    """Return the address in ``address``, ``IPv4:port`` or ``[IPv6]:port``, None if there is none.

    IPv6 addresses may be in brackets without a port, and are returned in their canonical form;
    those that stand for an IPv4 address (``::ffff:1.2.3.4``) as that one.  Names, ``unknown``, and
    addresses with a zone are not accepted.
    """
    if len(text) > _MAX_ADDRESS:
        return None
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        if not bracket or ":" not in host or not (port == "" or _is_port(port)):
            return None
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        if not _is_port(f":{port}"):
            return None
    else:
        host = text
    address = _parse(host)
    return None if address is None else str(address)


def _is_port(text: str) -> bool:
    digits = text[1:]
    return text[0] == ":" and len(digits) <= 5 and digits.isascii() and digits.isdigit()


@lru_cache(maxsize=1024)
def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None
        # Dual-stack sockets see IPv4 peers as ::ffff:1.2.3.4.
        return address.ipv4_mapped or address
    return address


def _network(text: str) -> Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is neither an address nor a network") from None


class TrustedProxies:
    """What tells the address and protocol of a client from those of a proxy.

    Args:
        trusted_downstream: addresses and networks (``10.0.0.0/8``) of proxies.  Without any, every
            peer is believed (cyclone 1.x).  Otherwise only these, loopback addresses and peers on
            Unix sockets are.

    Raises:
        ValueError: one is neither an address nor a network.
    """

    __slots__ = ("_addresses", "_networks")

    def __init__(self, trusted_downstream: Iterable[str] = ()) -> None:
        networks = [_network(text) for text in trusted_downstream]
        single = [net for net in networks if net.num_addresses == 1]
        self._addresses: frozenset[Address] = frozenset(net.network_address for net in single)
        self._networks: tuple[Network, ...] = tuple(
            net for net in networks if net.num_addresses > 1
        )

    @staticmethod
    def of(addresses: Iterable[str] | TrustedProxies) -> TrustedProxies:
        """Those of these addresses and networks, which may be one already."""
        return addresses if isinstance(addresses, TrustedProxies) else TrustedProxies(addresses)

    def __contains__(self, address: str) -> bool:
        """Whether an address is that of a proxy in `trusted_downstream`."""
        parsed = _parse(address)
        return parsed is not None and (
            parsed in self._addresses or any(parsed in net for net in self._networks)
        )

    def believes(self, peer_ip: str) -> bool:
        """Whether what the peer with that address says about others is believed.

        Args:
            peer_ip: of the connection; ``unix:`` and a path, or "", for a peer on a Unix socket.
        """
        if not self._addresses and not self._networks:
            return True
        if peer_ip in self:
            return True
        peer = _parse(peer_ip)
        if peer is None:
            return not peer_ip or peer_ip.startswith("unix")
        return peer.is_loopback

    def resolve(self, peer_ip: str, peer_protocol: str, headers: _Headers) -> tuple[str, str]:
        """Return address and protocol of the client.

        Args:
            peer_ip: address of the connection's peer.
            peer_protocol: ``"http"`` or ``"https"``, of the connection.
            headers: of the request.

        X-Real-Ip names the client.  Without it the client is the last address of X-Forwarded-For
        that is no trusted proxy, or the first if all are.  X-Scheme, else the last item of
        X-Forwarded-Proto, names the protocol.  What is malformed is taken for missing; beyond a
        malformed item of X-Forwarded-For nothing is believed.
        """
        if not self.believes(peer_ip):
            return peer_ip, peer_protocol
        address = parse_address(_joined(headers, "X-Real-Ip")) or self._forwarded_for(
            _joined(headers, "X-Forwarded-For")
        )
        scheme = _joined(headers, "X-Scheme") or _joined(headers, "X-Forwarded-Proto")
        protocol = scheme.rpartition(",")[2].strip()
        return address or peer_ip, protocol if protocol in ("http", "https") else peer_protocol

    def _forwarded_for(self, value: str) -> str | None:
        if not value:
            return None
        address = None
        hops = value.rsplit(",", _MAX_HOPS)
        for item in reversed(hops[-_MAX_HOPS:]):
            address = parse_address(item.strip())
            if address is None or address not in self:
                return address
        # All of them are proxies; the first is who it began with, if that is the beginning.
        return address if len(hops) <= _MAX_HOPS else None


def _joined(headers: _Headers, name: str) -> str:
    # RFC 9110 section 5.3: repeated fields are one list.
    return ",".join(headers.get_list(name))
