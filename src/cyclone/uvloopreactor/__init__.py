"""A Twisted reactor on uvloop whose connections are the loop's own.

Twisted's transports are what a small answer costs most of: with the loop's, the same protocol takes
less than half of the time.  Any Twisted program gains from it::

    twistd --reactor=uvloop web --path .

or, before anything else imports ``twisted.internet.reactor``::

    from cyclone import uvloopreactor
    uvloopreactor.install()

    from twisted.internet import reactor
    ...
    reactor.run()

In a coroutine that asyncio runs, `install` makes the reactor a guest of the running loop, whatever
kind of loop that is; asyncio's libraries and Twisted's can then be used side by side::

    async def main():
        reactor = uvloopreactor.install()
        Application().listen(8888)
        await reactor.stopped()

    asyncio.run(main())  # or uvloop.run(main())

The reactor has started when `install` returns, installs no signal handlers, and stops in good order
when the loop ends.  It cannot be started again, as is the way of reactors.

What is listened at with `UvloopReactor.listenTLS` goes through the loop's TLS, for half the price
of Twisted's; ``listenSSL``, ``connectSSL`` and ``startTLS`` take pyOpenSSL contexts as ever.

What is different from other reactors: UNIX sockets do not carry file descriptors, Nagle's algorithm
is off from the start, and a protocol behind `listenTLS` is made when the handshake is done.
"""

from __future__ import annotations

import asyncio

from .interfaces import IReactorNativeTLS
from .reactor import UvloopReactor

__all__ = ["IReactorNativeTLS", "UvloopReactor", "install"]

# Programs start others with the same reactor by the name of its module, which has to install it.
UvloopReactor.__module__ = __name__


def install(loop: asyncio.AbstractEventLoop | None = None, *, plain: bool = False) -> UvloopReactor:
    """Make this the reactor of the process.

    Args:
        loop: the loop to use.  None is the one that runs if there is one, see above, else a new
            one of uvloop's.
        plain: make a loop of asyncio's, should one have to be made.

    Raises:
        twisted.internet.error.ReactorAlreadyInstalledError: if there is one already.
        ImportError: if uvloop is needed and not installed.
    """
    from twisted.internet.main import installReactor

    guest = False
    if loop is None:
        try:
            loop = asyncio.get_running_loop()
            guest = True
        except RuntimeError:
            loop = _new_loop(plain)
            asyncio.set_event_loop(loop)
    reactor = UvloopReactor(loop)
    installReactor(reactor)
    if guest:
        reactor.join()
    return reactor


def _new_loop(plain: bool) -> asyncio.AbstractEventLoop:
    if plain:
        return asyncio.new_event_loop()
    # Imported when it is needed: the plain loop does without.
    import uvloop

    return uvloop.new_event_loop()
