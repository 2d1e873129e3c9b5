"""What load balancers and orchestrators ask a server: are you alive, and may we send you requests?

>>> from cyclone.web import Application
>>> application = Application(routes({"database": lambda: None}))
>>> from cyclone.testing import Client
>>> Client(application).get("/-/ready").json()
{'ready': True, 'stores': {'database': {'ready': True}}}

Neither leaves a line in the access log; that a server is not ready any more, and why, stands in the
general log once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from twisted.internet.defer import Deferred

from cyclone._async import CancelledErrors, settle, spawn
from cyclone.httputil import TrustedProxies
from cyclone.log import gen_log
from cyclone.outages import described
from cyclone.web import Application, RequestHandler

__all__ = ["LivenessHandler", "Readiness", "ReadinessHandler", "routes"]


class _Probe(RequestHandler):
    SUPPORTED_METHODS: ClassVar[tuple[str, ...]] = ("GET", "HEAD")
    access_log_level = 0

    def set_default_headers(self) -> None:
        self.set_header("Cache-Control", "no-store")


class LivenessHandler(_Probe):
    """Answers 200 as long as the reactor runs: whoever gets no answer may kill the process.

    It asks nobody else: a database that is away is no reason to restart the servers.
    """

    def get(self) -> None:
        """Answer."""
        self.write({"alive": True})

    head = get


class Readiness:
    """Whether a server can do its work.

    Args:
        stores: by name, what has a ``ping()``, such as a pool of connections, or a function to
            call; either may return a value, a Deferred or a coroutine, and fails when the store is
            away.  None for the setting ``stores`` of the application.
        timeout: seconds that the pings may take together.
        max_age: seconds that an answer is good for; those who ask meanwhile get the same, so that
            asking often does no harm to the stores.
    """

    def __init__(
        self,
        stores: Mapping[str, Any] | None = None,
        *,
        timeout: float = 2.0,
        max_age: float = 1.0,
    ) -> None:
        self._stores = stores
        self._timeout = timeout
        self._max_age = max_age
        self._known: dict[str, bool] = {}
        self._asked_at = float("-inf")
        self._asking: list[Deferred[None]] | None = None
        self._away: frozenset[str] = frozenset()

    async def ask(self, application: Application) -> dict[str, Any]:
        """``ready``, ``stores`` and, while the server is about to stop, ``draining``.

        A server that stops asks nobody.
        """
        if application.stopping:
            return {"ready": False, "draining": True}
        stores = self._stores
        if stores is None:
            stores = application.settings.get("stores") or {}
        known = await self._ping_all(stores, application)
        found = {
            name: {"ready": False, **described(stores[name])} | {"ready": known.get(name, False)}
            for name in stores
        }
        ready = all(each["ready"] for each in found.values())
        return {"ready": ready, "stores": found}

    async def _ping_all(
        self, stores: Mapping[str, Any], application: Application
    ) -> dict[str, bool]:
        clock = application.clock
        age = clock.seconds() - self._asked_at
        if age < self._max_age and self._known.keys() == stores.keys():
            return self._known
        if self._asking is not None:  # somebody else asks already
            waiting: Deferred[None] = Deferred()
            self._asking.append(waiting)
            await waiting
            return self._known
        self._asking = []
        try:
            asked = {name: self._ping(name, store, clock) for name, store in stores.items()}
            self._known = {name: await answer for name, answer in asked.items()}
            self._asked_at = clock.seconds()
        finally:
            others, self._asking = self._asking, None
            for one in others:
                one.callback(None)
        self._report()
        return self._known

    def _ping(self, name: str, store: Any, clock: Any) -> Deferred[bool]:
        """A Deferred of whether the store answers in time; never fails."""
        answer: Deferred[bool] = Deferred(lambda _: running.cancel())

        async def ask() -> None:
            ready = False
            try:
                await settle(getattr(store, "ping", store)())
                ready = True
            except (Exception, *CancelledErrors) as error:
                if name not in self._away and not isinstance(error, CancelledErrors):
                    gen_log.warning("%s is away: %s: %s", name, type(error).__name__, error)
            if not answer.called:
                answer.callback(ready)

        running = spawn(ask())
        answer.addTimeout(self._timeout, clock)
        return answer.addErrback(lambda failure: False)

    def _report(self) -> None:
        away = frozenset(name for name, ready in self._known.items() if not ready)
        for name in sorted(self._away - away):
            gen_log.info("%s is back", name)
        for name in sorted(away - self._away):
            gen_log.warning("not ready: %s does not answer", name)
        self._away = away


#: Of handlers that were given none.
_of_application: WeakKeyDictionary[Application, Readiness] = WeakKeyDictionary()


class ReadinessHandler(_Probe):
    """Answers 200 when the server can do its work, else 503; why, stands in the JSON object.

    It cannot when a store is away, or when the server is about to stop (`HTTPFactory.stopping`):
    with the setting ``drain_delay`` it is still served for a while then, so that whoever asks
    learns of it before connections are refused.

    Args:
        readiness: see `Readiness`; None for one of the application's setting ``stores``.
        networks: addresses and networks whose clients are told why, such as ``10.0.0.0/8``; None
            for all of them.  The others are told yes or no.
    """

    def initialize(
        self,
        readiness: Readiness | None = None,
        networks: Iterable[str] | TrustedProxies | None = None,
    ) -> None:
        """See the class."""
        if readiness is None:
            readiness = _of_application.setdefault(self.application, Readiness())
        self._readiness = readiness
        self._networks = None if networks is None else TrustedProxies.of(networks)

    async def get(self) -> None:
        """Ask the stores, and answer."""
        answer = await self._readiness.ask(self.application)
        self.set_status(200 if answer["ready"] else 503)
        if self._networks is not None and self.request.remote_ip not in self._networks:
            answer = {"ready": answer["ready"]}
        self.write(answer)

    head = get


def routes(
    stores: Mapping[str, Any] | None = None,
    *,
    prefix: str = "/-",
    networks: Iterable[str] | None = None,
    **options: float,
) -> list[Any]:
    """The routes ``/-/live`` and ``/-/ready``.

    Args:
        stores: see `Readiness`.
        prefix: of the paths.
        networks: whom ``/-/ready`` tells why, see `ReadinessHandler`.
        options: ``timeout`` and ``max_age``, see `Readiness`.

    Raises:
        ValueError: one of the networks is none.
    """
    arguments = {
        "readiness": Readiness(stores, **options),
        "networks": None if networks is None else TrustedProxies.of(networks),
    }
    return [
        (f"{prefix}/live", LivenessHandler),
        (f"{prefix}/ready", ReadinessHandler, arguments),
    ]
