"""Our client and Tornado's server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cyclone.httpclient import AsyncHTTPClient, HTTPError

pytest.importorskip("tornado", reason="Tornado is not installed")
pytestmark = pytest.mark.slow

SERVER = Path(__file__).with_name("tornado_server.py")


@pytest.fixture(scope="module")
def tornado() -> Iterator[str]:
    with subprocess.Popen([sys.executable, SERVER], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


async def test_requests(tornado: str) -> None:
    client: Any = AsyncHTTPClient(force_instance=True)
    try:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            body = b"x" * 70000 if method in ("POST", "PUT", "PATCH") else None
            response = await client.fetch(f"{tornado}/echo", method=method, body=body)
            assert json.loads(response.body) == {"method": method, "body": len(body or b"")}
        streamed = await client.fetch(f"{tornado}/stream")
        assert streamed.body == b"x" * 500000
        pieces: list[bytes] = []
        await client.fetch(f"{tornado}/stream", streaming_callback=pieces.append)
        assert sum(map(len, pieces)) == 500000
        hopped = await client.fetch(f"{tornado}/hop", method="POST", body=b"x")
        assert hopped.effective_url == f"{tornado}/echo"
        with pytest.raises(HTTPError, match="404"):
            await client.fetch(f"{tornado}/nope")

        async def produce(write: Any) -> None:
            for _ in range(10):
                await write(b"y" * 1000)

        for expect in (False, True):
            response = await client.fetch(
                f"{tornado}/echo", method="PUT", body_producer=produce, expect_100_continue=expect
            )
            assert json.loads(response.body)["body"] == 10000
    finally:
        await client.close()
