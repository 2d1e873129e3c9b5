"""Measurements of a server for Prometheus; needs ``pip install 'cyclone[metrics]'``.

>>> from cyclone.web import Application
>>> metrics = Metrics(prometheus_client.CollectorRegistry())
>>> application = Application([("/-/metrics", MetricsHandler, {"metrics": metrics})],
...                           observers=[metrics])
>>> from cyclone.testing import Client
>>> "cyclone_connections 1.0" in Client(application).get("/-/metrics").text
True

Several processes that serve the same, such as workers, are summed by prometheus-client's files:
when the environment variable PROMETHEUS_MULTIPROC_DIR names a directory, each process keeps its
numbers there, and each can answer for all.  Whoever starts the processes empties the directory
before, and calls `forget_process` when one has ended.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar
from weakref import WeakKeyDictionary, WeakSet

from cyclone.http1 import HTTP1Connection
from cyclone.httputil import HTTPServerRequest, TrustedProxies
from cyclone.log import gen_log
from cyclone.outages import described
from cyclone.web import Application, HTTPError, RequestHandler, RequestObserver

try:
    import prometheus_client
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
    from prometheus_client.exposition import choose_encoder
    from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
except ImportError as error:
    raise ImportError(
        "cyclone.metrics needs prometheus-client: pip install 'cyclone[metrics]'"
    ) from error

__all__ = ["Metrics", "MetricsHandler", "forget_process", "routes"]

_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
#: A peer may make up methods; each would be a row of its own.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: Seconds between two looks at what cannot be counted while it happens, with several processes.
_SAMPLING = 5.0


class _Families:
    """The metrics of a registry, which may have each name once."""

    def __init__(self, registry: CollectorRegistry, buckets: Sequence[float]) -> None:
        requests = ("method", "route", "status")
        self.requests = Counter(
            "cyclone_http_requests",
            "Requests that have ended, by class of status",
            requests,
            registry=registry,
        )
        self.seconds = Histogram(
            "cyclone_http_request_duration_seconds",
            "From the head of a request to the end of its response",
            ("method", "route"),
            buckets=buckets,
            registry=registry,
        )
        self.running = self._gauge(
            "http_requests_in_progress", "Requests that are being handled", registry
        )
        self.connections = self._gauge("connections", "Open connections", registry)
        self.websockets = self._gauge("websockets", "Those of them that are WebSockets", registry)
        self.streams = self._gauge("event_streams", "Open streams of events", registry)
        # Those of prometheus-client itself are about one process.
        self.processes = self._gauge("processes", "Processes that serve", registry)
        self.memory = self._gauge("process_resident_memory_bytes", "Memory", registry)
        self.cpu = self._gauge("process_cpu_seconds", "Processor time, so far", registry)
        self.files = self._gauge("process_open_fds", "Open descriptors", registry)
        self.pools = self._gauge("pool", "What a pool tells of itself", registry, ("pool", "value"))

    @staticmethod
    def _gauge(
        name: str, text: str, registry: CollectorRegistry, labels: Sequence[str] = ()
    ) -> Gauge:
        return Gauge(
            f"cyclone_{name}", text, labels, registry=registry, multiprocess_mode="livesum"
        )


_families: WeakKeyDictionary[CollectorRegistry, _Families] = WeakKeyDictionary()


class Metrics(RequestObserver):
    """Counts the requests of the applications that have it among their setting ``observers``.

    * ``cyclone_http_requests_total``, by ``method``, ``route`` (the pattern) and ``status``: the
      class, such as ``2xx``, or ``lost`` where the client went away before;
    * ``cyclone_http_request_duration_seconds``, a histogram, by ``method`` and ``route``;
    * ``cyclone_http_requests_in_progress``, ``cyclone_connections``, ``cyclone_websockets``,
      ``cyclone_event_streams``, and of the processes ``cyclone_processes``,
      ``cyclone_process_resident_memory_bytes``, ``cyclone_process_cpu_seconds`` and
      ``cyclone_process_open_fds``;
    * ``cyclone_pool``, by ``pool`` and ``value``: the numbers in what ``describe()`` of each pool
      in the setting ``stores`` returns, such as ``size``, ``in_use`` and ``waiting``, and ``up``:
      1 for a pool whose state is that, 0 for others.

    Args:
        registry: of prometheus-client; None for its own, with what the program registers there and
            with the collectors of the process and of Python.
        buckets: of the histogram, in seconds; those of the first `Metrics` of a registry count.
    """

    def __init__(
        self, registry: CollectorRegistry | None = None, *, buckets: Sequence[float] = _BUCKETS
    ) -> None:
        self.registry = prometheus_client.REGISTRY if registry is None else registry
        families = _families.get(self.registry)
        if families is None:
            families = _families[self.registry] = _Families(self.registry, buckets)
        self._families = families
        self._applications: WeakSet[Application] = WeakSet()
        self._shared = bool(os.environ.get(_DIRECTORY))
        self._sampler: Any = None
        self._process = prometheus_client.ProcessCollector(registry=None)
        self._rows: dict[tuple[str, str, str], tuple[Any, Any]] = {}

    # -- requests

    def installed(self, application: Application) -> None:
        """Look at the connections and pools of this application, too."""
        self._applications.add(application)
        if self._shared:
            self.sample()

    def request_started(
        self, request: HTTPServerRequest, route: str | None
    ) -> tuple[HTTPServerRequest, str, float]:
        """See `RequestObserver`."""
        self._families.running.inc()
        if self._shared and self._sampler is None:
            self._sample_later(request)
        # The clock of `request_time` can be set while the request runs; what it has waited for its
        # body so far counts as well.
        return request, route or "", perf_counter() - max(0.0, request.request_time())

    def request_ended(
        self, started: tuple[HTTPServerRequest, str, float], handler: RequestHandler, lost: bool
    ) -> None:
        """See `RequestObserver`."""
        request, route, begun = started
        status = "lost" if lost else f"{handler.get_status() // 100}xx"
        method = request.method if request.method in _METHODS else "other"
        counter, histogram = self._row(method, route, status)
        self._families.running.dec()
        counter.inc()
        if not lost:
            histogram.observe(perf_counter() - begun)

    def _row(self, method: str, route: str, status: str) -> tuple[Any, Any]:
        """Routes are the program's, so there are not more of these than it has made."""
        key = method, route, status
        row = self._rows.get(key)
        if row is None:
            counter = self._families.requests.labels(*key)
            row = self._rows[key] = counter, self._families.seconds.labels(method, route)
        return row

    # -- what is there

    def sample(self) -> None:
        """Count connections, and ask the pools.  Done whenever somebody asks for the numbers."""
        connections = [each for app in self._applications for each in app.connections]
        sockets: list[Any] = [one for one in connections if not isinstance(one, HTTP1Connection)]
        families = self._families
        # A WebSocket may stand beside the connection that it was made of.
        families.connections.set(len({id(one.transport) for one in connections}))
        families.websockets.set(len(sockets))
        families.streams.set(sum(len(app.streams) for app in self._applications))
        self._sample_process()
        for app in self._applications:
            for name, store in (app.settings.get("stores") or {}).items():
                for value, number in _numbers_of(store):
                    families.pools.labels(name, value).set(number)

    def _sample_process(self) -> None:
        families = self._families
        gauges = {
            "process_resident_memory_bytes": families.memory,
            "process_cpu_seconds": families.cpu,
            "process_open_fds": families.files,
        }
        families.processes.set(1)
        for family in self._process.collect():
            if family.name in gauges and family.samples:
                gauges[family.name].set(family.samples[0].value)

    def _sample_later(self, request: HTTPServerRequest) -> None:
        """Others answer for this process, too: leave them fresh numbers as long as some change."""
        clock = getattr(getattr(request.connection, "factory", None), "clock", None)
        if clock is not None:
            self._sampler = clock.callLater(_SAMPLING, self._sample_and_go_on, request)

    def _sample_and_go_on(self, request: HTTPServerRequest) -> None:
        self._sampler = None
        self.sample()
        if any(app.connections for app in self._applications):
            self._sample_later(request)

    def text(self, accept: str = "") -> tuple[bytes, str]:
        """All numbers, and the media type they are in.

        Args:
            accept: the Accept field of who asks: Prometheus' text format or OpenMetrics.
        """
        self.sample()
        encode, content_type = choose_encoder(accept)
        directory = os.environ.get(_DIRECTORY)
        if not (self._shared and directory):
            return encode(self.registry), content_type
        collected = CollectorRegistry()
        MultiProcessCollector(collected, directory)  # type: ignore[no-untyped-call]
        with _locked(directory, fcntl.LOCK_SH):
            return encode(collected), content_type


def _numbers_of(store: Any) -> Iterable[tuple[str, float]]:
    for name, value in described(store).items():
        if isinstance(value, (int, float)):
            yield name, float(value)
        elif name == "state":
            yield "up", float(value == "up")


class MetricsHandler(RequestHandler):
    """Answers with the numbers.

    Args:
        metrics: what measures; None for one of prometheus-client's own registry.
        networks: addresses and networks whose clients may ask, such as ``10.0.0.0/8``; None for all
            of them.  The others get 403.
    """

    SUPPORTED_METHODS: ClassVar[tuple[str, ...]] = ("GET", "HEAD")
    access_log_level = 0

    def initialize(
        self,
        metrics: Metrics | None = None,
        networks: Iterable[str] | TrustedProxies | None = None,
    ) -> None:
        """See the class."""
        self._metrics = Metrics() if metrics is None else metrics
        self._networks = None if networks is None else TrustedProxies.of(networks)

    def get(self) -> None:
        """Answer."""
        if self._networks is not None and self.request.remote_ip not in self._networks:
            raise HTTPError(403)
        text, content_type = self._metrics.text(self.request.headers.get("Accept", ""))
        self.set_header("Content-Type", content_type)
        self.set_header("Cache-Control", "no-store")
        self.write(text)

    head = get


def routes(
    metrics: Metrics | None = None,
    *,
    prefix: str = "/-",
    networks: Iterable[str] | None = None,
) -> list[Any]:
    """The route ``/-/metrics``; see `MetricsHandler`.

    Raises:
        ValueError: one of the networks is none.
    """
    allowed = None if networks is None else TrustedProxies.of(networks)
    arguments = {"metrics": metrics, "networks": allowed}
    return [(f"{prefix}/metrics", MetricsHandler, arguments)]


# -- several processes -----------------------------------------------------------------------------


def forget_process(process: int, directory: str | None = None) -> None:
    """What process number `process` has counted goes on to count, now that it has ended.

    Its numbers are added to those of others that have ended, so that the directory does not grow;
    what it had open is forgotten.

    Args:
        directory: None for that of PROMETHEUS_MULTIPROC_DIR; without one, nothing is done.
    """
    directory = directory or os.environ.get(_DIRECTORY)
    if not directory or not os.path.isdir(directory):
        return
    with _locked(directory, fcntl.LOCK_EX):
        mark_process_dead(process, directory)  # type: ignore[no-untyped-call]
        for kind in ("counter", "histogram", "summary"):
            left = Path(directory, f"{kind}_{process}.db")
            if left.exists():
                _join(left, Path(directory, f"{kind}_ended.db"))


def _join(left: Path, ended: Path) -> None:
    """Add the numbers of a process to those of others, and remove its file.

    One that cannot be read is removed as well: nobody's numbers could be had while it is there.
    """
    try:
        _add(left, ended)
    except Exception as error:
        gen_log.error("the numbers in %s are lost: %s", left, error)
    finally:
        left.unlink()


def _add(source: Path, target: Path) -> None:
    """Add the numbers in one file of prometheus-client to those in another."""
    from prometheus_client.mmap_dict import MmapedDict

    total = MmapedDict(str(target))  # type: ignore[no-untyped-call]
    try:
        numbers = MmapedDict.read_all_values_from_file(str(source))  # type: ignore[no-untyped-call]
        for key, value, timestamp, _ in numbers:
            before, _ = total.read_value(key)  # type: ignore[no-untyped-call]
            total.write_value(key, before + value, timestamp)  # type: ignore[no-untyped-call]
    finally:
        total.close()  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def _locked(directory: str, how: int) -> Iterator[None]:
    """Nobody reads while files are joined."""
    descriptor = os.open(os.path.join(directory, "lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
