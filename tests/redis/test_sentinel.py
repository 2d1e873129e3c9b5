"""Servers that Sentinel names, and TLS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.protocols.portforward import ProxyFactory

import cyclone.redis as redis
from cyclone.deploy.tls import tls_options
from tests.plugins.valkey import Valkey

from .support import eventually

HOST = "127.0.0.1"


@pytest.mark.reactor_timeout(30)
async def test_a_pool_follows_the_master(new_valkey: Callable[..., Valkey]) -> None:
    first = new_valkey("--repl-diskless-sync-delay", "0")
    second = new_valkey("--replicaof", f"{HOST} {first.port}")
    await eventually(lambda: b"state=online" in first.call("INFO", "replication"))
    sentinel = new_valkey("--sentinel")
    sentinel.call("SENTINEL", "MONITOR", "main", HOST, first.port, 1)

    manager = redis.Sentinel([(HOST, sentinel.port)])
    assert await manager.discover_master("main") == (HOST, first.port)
    pool = manager.master_for("main", poolsize=2, dbid=0)
    assert await pool.set("a", 1) == "OK"
    await eventually(lambda: sentinel.call("SENTINEL", "REPLICAS", "main"))
    replica = manager.slave_for("main")
    with pytest.raises(redis.ResponseError, match="READONLY"):
        await replica.set("a", 2)

    # They change places; Sentinel learns of it last, and names the wrong one until then.
    second.call("REPLICAOF", "NO", "ONE")
    first.call("REPLICAOF", HOST, second.port)
    first.call("CLIENT", "KILL", "TYPE", "normal")
    await eventually(lambda: pool._factory.slots[0].rejected > 1)
    sentinel.call("SENTINEL", "REMOVE", "main")
    sentinel.call("SENTINEL", "MONITOR", "main", HOST, second.port, 1)
    await eventually(lambda: pool._factory.size == 2)
    assert await pool.set("a", 3) == "OK"
    assert second.call("GET", "a") == b"3"
    for one in (pool, replica, manager):
        await one.disconnect()


async def test_nobody_knows(new_valkey: Callable[..., Valkey], free_port: int) -> None:
    sentinel = new_valkey("--sentinel")
    manager = redis.Sentinel([(HOST, sentinel.port)])
    with pytest.raises(redis.MasterNotFoundError, match="No master found for main"):
        await manager.discover_master("main")
    assert await manager.discover_slaves("main") == []
    pool = manager.slave_for("main", poolTimeout=0.2)
    with pytest.raises(redis.TimeoutError):
        await pool.get("a")
    silent = redis.Sentinel([(HOST, free_port)])
    silent.discovery_timeout = 0.05  # type: ignore[assignment]
    with pytest.raises(redis.MasterNotFoundError):
        await silent.discover_master("main")
    with pytest.raises(redis.MasterNotFoundError):
        await redis.Sentinel([]).discover_master("main")
    for one in (pool, manager, silent):
        await one.disconnect()


async def test_tls(valkey: Valkey, reactor: Any, tmp_path: Path) -> None:
    """Through a proxy that speaks TLS: this build of Valkey does not."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    file = tmp_path / "server.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(file)
    options = tls_options(str(file), str(file))
    port = reactor.listenSSL(0, ProxyFactory(HOST, valkey.port), options, interface=HOST)
    number = port.getHost().port
    trusted = trustRootFromCertificates([Certificate.loadPEM(authority.cert_pem.bytes())])
    for context in (
        optionsForClientTLS("localhost", trustRoot=trusted),
        CertificateOptions(verify=False),  # a context factory, which checks nothing
    ):
        pool = redis.lazyConnectionPool(
            "localhost", number, poolsize=2, ssl_context_factory=context
        )
        assert await pool.set("a", "secret") == "OK"
        await pool.disconnect()
    # The certificates that the system trusts do not have this one.
    wary = redis.lazyConnection(HOST, number, ssl_context_factory=True, poolTimeout=0.3)
    with pytest.raises(redis.ConnectionError):
        await wary.get("a")
    await wary.disconnect()
    await port.stopListening()


async def test_a_master_with_a_password(new_valkey: Callable[..., Valkey]) -> None:
    master = new_valkey("--requirepass", "secret")
    sentinel = new_valkey("--sentinel")
    sentinel.call("SENTINEL", "MONITOR", "main", HOST, master.port, 1)
    sentinel.call("SENTINEL", "SET", "main", "auth-pass", "secret")
    manager = redis.Sentinel([(HOST, sentinel.port)])
    pool = manager.master_for("main", password="secret", maxWaiting=5)
    assert await pool.set("a", 1) == "OK"
    stranger = manager.master_for("main", password="wrong")
    with pytest.raises(redis.ConnectionError, match="WRONGPASS"):
        await stranger.get("a")
    for one in (pool, stranger, manager):
        await one.disconnect()
