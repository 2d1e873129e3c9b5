"""Load for a server in tests: clients that ask again and again, and count what went wrong."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.plugins.processes import has_stopped

#: Requests of a connection before its client makes another one.
LIFE = 20
#: Seconds between a response and the next request of a client.
PAUSE = 0.01


class Load:
    """Clients that send request after request, each when it has its response.

    They keep their connections, as long as the server does: a response with ``Connection: close``
    is the last one. Nothing is ever sent again: whatever goes wrong is a failure, be it that a
    connection is refused, or ends, or breaks, at whatever time.

    Args:
        address: host and port, or the path of a unix socket.
        clients: how many.
        paths: what they ask for, in turn.
        context: for TLS.

    Attributes:
        answers: how often which body came.
        failures: what went wrong, and the last body that came by the connection it befell, "" if
            none did.
    """

    def __init__(
        self,
        address: tuple[str, int] | str,
        clients: int = 8,
        paths: tuple[str, ...] = ("/",),
        context: ssl.SSLContext | None = None,
        life: int = LIFE,
    ) -> None:
        self.answers: Counter[str] = Counter()
        self.failures: list[tuple[str, str]] = []
        self._address = address
        self._clients = clients
        self._paths = paths
        self._context = context
        self._life = life
        self._over = False
        self._last = [""] * clients
        self._news = threading.Condition()

    @contextmanager
    def running(self) -> Iterator[Load]:
        """While the block runs."""
        thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over = True
            thread.join(30)
            assert not thread.is_alive(), "a client hangs"

    @contextmanager
    def running_on(self, process: int, instead_of: int) -> Iterator[Load]:
        """As `running`, with all connections at one process of those that could take them."""
        os.kill(instead_of, signal.SIGSTOP)
        try:
            while not has_stopped(instead_of):
                time.sleep(0.01)
            with self.running():
                while "" in self._last:
                    self.more(1)
                assert {last.split()[-1] for last in self._last} == {str(process)}
                os.kill(instead_of, signal.SIGCONT)
                yield self
        finally:
            with suppress(ProcessLookupError):
                os.kill(instead_of, signal.SIGCONT)

    def more(self, count: int = 50) -> None:
        """Wait for so many further answers."""
        with self._news:
            wanted = self.answers.total() + count
            assert self._news.wait_for(lambda: self.answers.total() >= wanted, 30), self.failures

    async def _run(self) -> None:
        await asyncio.gather(*(self._client(number) for number in range(self._clients)))

    async def _client(self, number: int) -> None:
        count = number
        while not self._over:
            try:
                self._last[number] = ""
                count = await self._connection(count, number)
            except (TimeoutError, OSError, EOFError) as error:
                self.failures.append((repr(error), self._last[number]))
                await asyncio.sleep(0.01)

    async def _connection(self, count: int, number: int) -> int:
        if isinstance(self._address, str):
            reader, writer = await asyncio.open_unix_connection(self._address)
        else:
            host, port = self._address
            name = "localhost" if self._context else None
            reader, writer = await asyncio.open_connection(
                host, port, ssl=self._context, server_hostname=name
            )
        try:
            for _ in range(self._life):
                if self._over:
                    break
                count += 1
                path = self._paths[count % len(self._paths)]
                writer.write(b"GET %s HTTP/1.1\r\nHost: load\r\n\r\n" % path.encode())
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
                fields = head.lower().split(b"\r\n")
                if not fields[0].startswith(b"http/1.1 200"):
                    raise OSError(head)
                length = next(f for f in fields if f.startswith(b"content-length:"))
                body = await asyncio.wait_for(reader.readexactly(int(length[15:])), 20)
                self._last[number] = body.decode()
                self._answered(body.decode())
                if b"connection: close" in fields:
                    break
                await asyncio.sleep(PAUSE)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        return count

    def _answered(self, body: str) -> None:
        with self._news:
            self.answers[body] += 1
            self._news.notify_all()
