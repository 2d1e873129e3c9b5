"""Spans of requests, as the SDK gets them."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from twisted.internet.defer import Deferred

from cyclone.telemetry import Telemetry
from cyclone.testing import Client
from cyclone.web import Application, RequestHandler

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


class Setup:
    """An application that is traced, and what comes of it."""

    def __init__(self, **options: Any) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("test")
        self.waiting: list[Deferred[None]] = []
        setup = self

        class Handler(RequestHandler):
            SUPPORTED_METHODS = (*RequestHandler.SUPPORTED_METHODS, "BREW")

            async def get(self, what: str) -> None:
                with setup.tracer.start_as_current_span(f"before {what}"):
                    pass
                if what.startswith("wait"):
                    setup.waiting.append(Deferred())
                    await setup.waiting[-1]
                with setup.tracer.start_as_current_span(f"after {what}"):
                    pass
                if what == "broken":
                    self.set_status(500)
                fields: dict[str, str] = {}
                propagate.inject(fields)
                self.write(fields)

            def brew(self, what: str) -> None:
                self.set_status(204)

        telemetry = Telemetry(self.provider, **options)
        routes = [(r"/-/live", Handler), (r"/(\w*)", Handler)]
        application = Application(routes, observers=[telemetry], request_id=True)
        self.client = Client(application, host="example.com:8443")

    @property
    def spans(self) -> dict[str, Any]:
        return {span.name: span for span in self.exporter.get_finished_spans()}


def test_a_server_span() -> None:
    setup = Setup()
    fields = {"traceparent": PARENT, "User-Agent": "x" * 2000, "X-Request-Id": "id"}
    answer = setup.client.get("/a?secret=1", headers=fields).json()
    span = setup.spans[r"GET /(\w*)$"]
    assert span.kind is trace.SpanKind.SERVER
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT.split("-")[2]
    assert answer["traceparent"] == f"00-{TRACE}-{span.context.span_id:016x}-01"
    assert dict(span.attributes) == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "url.path": "/a",
        "http.route": r"/(\w*)$",
        "network.protocol.version": "1.1",
        "client.address": "127.0.0.1",
        "server.address": "example.com",
        "server.port": 8443,
        "user_agent.original": "x" * 1024,
        "http.request.header.x-request-id": ("id",),
        "http.response.status_code": 200,
    }
    assert span.status.status_code is trace.StatusCode.UNSET
    assert span.instrumentation_scope.name == "cyclone"


def test_the_context_survives_waiting() -> None:
    setup = Setup()
    pending = [setup.client.open("GET", f"/wait{number}") for number in range(3)]
    for deferred in reversed(setup.waiting):
        deferred.callback(None)
    assert all(each.complete for each in pending)
    assert not trace.get_current_span().get_span_context().is_valid
    servers = {
        span.context.span_id: span.attributes["url.path"]
        for span in setup.exporter.get_finished_spans()
        if span.kind is trace.SpanKind.SERVER
    }
    assert len(servers) == 3
    for number in range(3):
        for when in ("before", "after"):
            child = setup.spans[f"{when} wait{number}"]
            assert servers[child.parent.span_id] == f"/wait{number}"


@pytest.mark.parametrize("traceparent", ["", "00-zz-00-01", PARENT[:-4]])
def test_no_trace_to_go_on_with(traceparent: str) -> None:
    setup = Setup()
    setup.client.get("/a", headers={"traceparent": traceparent})
    assert setup.spans[r"GET /(\w*)$"].parent is None


def test_errors() -> None:
    setup = Setup()
    setup.client.get("/broken")
    span = setup.spans[r"GET /(\w*)$"]
    assert span.status.status_code is trace.StatusCode.ERROR
    assert span.attributes["error.type"] == "500"
    setup.client.get("/no/route")
    assert setup.spans["GET"].attributes["http.response.status_code"] == 404
    assert setup.spans["GET"].status.status_code is trace.StatusCode.UNSET


def test_a_client_that_goes_away() -> None:
    setup = Setup()
    setup.client.open("GET", "/wait").disconnect()
    span = setup.spans[r"GET /(\w*)$"]
    assert span.attributes["error.type"] == "disconnected"
    assert "http.response.status_code" not in span.attributes
    setup.waiting[0].callback(None)


def test_methods_that_nobody_knows() -> None:
    setup = Setup()
    setup.client.request("BREW", "/a")
    span = setup.spans[r"HTTP /(\w*)$"]
    assert span.attributes["http.request.method"] == "_OTHER"
    assert span.attributes["http.request.method_original"] == "BREW"


def test_what_is_left_alone() -> None:
    setup = Setup()
    setup.client.get("/-/live")
    assert not [span for span in setup.spans.values() if span.kind is trace.SpanKind.SERVER]
    setup = Setup(ignore=lambda request: False, capture_query=True)
    setup.client.get("/a?b=c")
    assert setup.spans[r"GET /(\w*)$"].attributes["url.query"] == "b=c"


@pytest.mark.parametrize(
    ("host", "found"),
    [("[::1]:80", ("[::1]", 80)), ("[::1]", ("[::1]", None)), ("a.example", ("a.example", None))],
)
def test_hosts(host: str, found: tuple[str, int | None]) -> None:
    setup = Setup()
    setup.client.host = host
    setup.client.get("/a")
    attributes = setup.spans[r"GET /(\w*)$"].attributes
    assert (attributes["server.address"], attributes.get("server.port")) == found
