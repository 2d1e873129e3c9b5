"""Traces for OpenTelemetry; needs ``pip install 'cyclone[otel]'``.

>>> from cyclone.web import Application
>>> application = Application([], observers=[Telemetry()])

Only the API is needed here.  Where traces go is for the SDK to say, which the program sets up, and
which costs next to nothing to leave out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cyclone.httputil import HTTPHeaders, HTTPServerRequest
from cyclone.web import RequestHandler, RequestObserver

try:
    from opentelemetry import context, propagate, trace
    from opentelemetry.propagators.textmap import Getter, TextMapPropagator
except ImportError as error:
    raise ImportError(
        "cyclone.telemetry needs opentelemetry-api: pip install 'cyclone[otel]'"
    ) from error

import cyclone

__all__ = ["Telemetry"]

#: What the semantic conventions count as known; others are ``_OTHER``.
_METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "QUERY"}
)
_LONGEST = 1024


class _Fields(Getter[HTTPHeaders]):
    """How a propagator reads the fields of a request."""

    def get(self, carrier: HTTPHeaders, key: str) -> list[str] | None:
        return carrier.get_list(key) or None

    def keys(self, carrier: HTTPHeaders) -> list[str]:
        return list(carrier)


_FIELDS = _Fields()


class Telemetry(RequestObserver):
    """Makes a server span of each request (the stable HTTP conventions of OpenTelemetry).

    The span goes on the trace that the fields of the request name (``traceparent``), and is current
    in the handler, also after an ``await``: spans that are made there are its children, and
    ``opentelemetry.propagate.inject`` passes it on.

    Its name is the method and the pattern of the route.  Its status is an error for responses from
    500 on; a client that goes away leaves the attribute ``error.type`` as ``disconnected``.

    Args:
        tracer_provider: None for that of the process.
        propagator: reads the fields; None for that of the process: W3C Trace Context and Baggage.
        ignore: whether to leave a request alone, by default those for paths below ``/-/``.
        capture_query: record ``url.query``.  Queries may hold secrets, so the default is False.
    """

    def __init__(
        self,
        tracer_provider: trace.TracerProvider | None = None,
        *,
        propagator: TextMapPropagator | None = None,
        ignore: Callable[[HTTPServerRequest], bool] | None = None,
        capture_query: bool = False,
    ) -> None:
        self._tracer = trace.get_tracer("cyclone", cyclone.__version__, tracer_provider)
        self._propagator = propagator
        self._ignore = ignore or _is_probe
        self._capture_query = capture_query

    def request_started(self, request: HTTPServerRequest, route: str | None) -> trace.Span | None:
        """See `RequestObserver`."""
        if self._ignore(request):
            return None
        propagator = self._propagator or propagate.get_global_textmap()
        parent = propagator.extract(request.headers, getter=_FIELDS)
        method = request.method if request.method in _METHODS else "_OTHER"
        name = "HTTP" if method == "_OTHER" else method
        span = self._tracer.start_span(
            f"{name} {route}" if route else name,
            context=parent,
            kind=trace.SpanKind.SERVER,
            attributes=self._attributes(request, method, route),
        )
        # The context is the request's own and ends with it, so there is nothing to detach.
        context.attach(trace.set_span_in_context(span, parent))
        return span

    def request_ended(
        self, started: trace.Span | None, handler: RequestHandler, lost: bool
    ) -> None:
        """See `RequestObserver`."""
        if started is None:
            return
        if lost:
            started.set_attribute("error.type", "disconnected")
        else:
            status = handler.get_status()
            started.set_attribute("http.response.status_code", status)
            if status >= 500:
                started.set_attribute("error.type", str(status))
                started.set_status(trace.StatusCode.ERROR)
        started.end()

    def _attributes(
        self, request: HTTPServerRequest, method: str, route: str | None
    ) -> dict[str, str | int | Sequence[str]]:
        host, _, port = _host_and_port(request.host)
        attributes: dict[str, Any] = {
            "http.request.method": method,
            "http.request.method_original": request.method if method == "_OTHER" else None,
            "url.scheme": request.protocol,
            "url.path": request.path,
            "url.query": request.query if self._capture_query else None,
            "http.route": route,
            "network.protocol.version": request.version.partition("/")[2],
            "client.address": request.remote_ip,
            "server.address": host,
            "user_agent.original": request.headers.get("User-Agent"),
        }
        found: dict[str, str | int | Sequence[str]] = {
            name: value[:_LONGEST] for name, value in attributes.items() if value
        }
        if port:
            found["server.port"] = int(port)
        if request.request_id:
            found["http.request.header.x-request-id"] = [request.request_id]
        return found


def _is_probe(request: HTTPServerRequest) -> bool:
    return request.path.startswith("/-/")


def _host_and_port(host: str) -> tuple[str, str, str]:
    if host.endswith("]") or ":" not in host:
        return host, "", ""
    return host.rpartition(":")
