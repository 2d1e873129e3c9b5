"""Takes away what a test left on the loop that all tests of a process share."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

__all__ = ["spin", "tidy"]


def spin(loop: asyncio.AbstractEventLoop, turns: int = 3) -> None:
    """Let the loop do what is due."""
    for _ in range(turns):
        loop.call_soon(loop.stop)
        loop.run_forever()


def tidy(loop: Any, io_loop: Any, reactor: Any) -> None:
    """Close sockets, cancel calls and tasks, forget clients."""
    asyncio.set_event_loop(loop)
    for descriptor in list(io_loop.handlers):
        with contextlib.suppress(Exception):
            file, _ = io_loop.handlers[descriptor]
            io_loop.remove_handler(descriptor)
            io_loop.close_fd(file)
    spin(loop)
    for task in asyncio.all_tasks(loop):
        task.cancel()
    spin(loop)
    for reader in {*reactor.getReaders(), *reactor.getWriters()}:
        for end in ("stopListening", "abortConnection"):
            if hasattr(reader, end):
                with contextlib.suppress(Exception):
                    getattr(reader, end)()
    spin(loop)
    for call in reactor.getDelayedCalls():
        with contextlib.suppress(Exception):
            call.cancel()
    _forget_clients(io_loop)


def _forget_clients(io_loop: Any) -> None:
    from tornado.httpclient import AsyncHTTPClient
    from tornado.simple_httpclient import SimpleAsyncHTTPClient

    for client in (AsyncHTTPClient, SimpleAsyncHTTPClient):
        with contextlib.suppress(Exception):
            client._async_clients().pop(io_loop, None)
