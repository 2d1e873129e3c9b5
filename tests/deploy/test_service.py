"""The service: it listens, it says so, and it stops in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.application.service import MultiService
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from cyclone.deploy.errors import DeployError
from cyclone.deploy.listeners import Listener
from cyclone.deploy.service import WebService


class Diary(list[str]):
    """What happened, in order."""


class FakePort:
    def __init__(self, diary: Diary, number: int) -> None:
        self.diary, self.number = diary, number
        self.closed: Deferred[None] = succeed(None)

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", "127.0.0.1", self.number)

    def stopListening(self) -> Deferred[None] | None:
        self.diary.append(f"close {self.number}")
        return self.closed


class FakeEndpoint:
    """Opens at once, fails at once, or when `answer` fires."""

    def __init__(self, diary: Diary, number: int, answer: Deferred[Any] | None = None) -> None:
        self.diary, self.number = diary, number
        self.port = FakePort(diary, number)
        self.answer = answer

    def listen(self, factory: Factory) -> Deferred[Any]:
        self.diary.append(f"open {self.number}")
        return succeed(self.port) if self.answer is None else self.answer


class App(Factory):
    """A factory that drains when told."""

    def __init__(self, diary: Diary, name: str = "app") -> None:
        self.diary, self.name = diary, name
        self.drained: Deferred[None] = Deferred()
        self.connections = {1, 2}

    def drain(self, timeout: float | None) -> Deferred[None]:
        self.diary.append(f"drain {self.name} {timeout}")
        return self.drained


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What the log of cyclone.general says."""
    texts: list[str] = []

    def observe(event: dict[str, Any]) -> None:
        if event.get("log_namespace") == "cyclone.general":
            texts.append(event["log_text"])

    globalLogPublisher.addObserver(observe)
    yield texts
    globalLogPublisher.removeObserver(observe)


def listener(endpoint: FakeEndpoint, factory: Any, scheme: str = "http") -> Listener:
    return Listener(endpoint, factory, f"place {endpoint.number}", scheme)  # type: ignore[arg-type]


def in_use() -> Deferred[Any]:
    return fail(CannotListenError("127.0.0.1", 2, OSError(98, "?")))


def start(service: WebService) -> None:
    service.privilegedStartService()
    service.startService()


# --- starting ------------------------------------------------------------------------------------


def test_it_opens_its_places_once(diary: Diary, said: list[str]) -> None:
    app = App(diary)
    service = WebService(
        [listener(FakeEndpoint(diary, 1), app), listener(FakeEndpoint(diary, 2), app, "https")]
    )
    service.privilegedStartService()
    assert diary == ["open 1", "open 2"]
    service.startService()
    assert diary == ["open 1", "open 2"]
    assert said == [
        f"{__name__}.App starting on 1, http://127.0.0.1:1/",
        f"{__name__}.App starting on 2, https://127.0.0.1:2/",
    ]


def test_it_can_join_a_running_parent(diary: Diary) -> None:
    parent = MultiService()
    parent.startService()
    WebService([listener(FakeEndpoint(diary, 1), App(diary))]).setServiceParent(parent)
    assert diary == ["open 1"]


def test_starting_alone_opens_too(diary: Diary) -> None:
    WebService([listener(FakeEndpoint(diary, 1), App(diary))]).startService()
    assert diary == ["open 1"]


def test_it_tells_when_all_are_open(diary: Diary) -> None:
    later: Deferred[Any] = Deferred()
    told: list[list[str]] = []
    places = [FakeEndpoint(diary, 1, later), FakeEndpoint(diary, 2)]
    service = WebService([listener(one, App(diary)) for one in places], on_listening=told.append)
    start(service)
    assert told == []
    later.callback(places[0].port)
    assert told == [["http://127.0.0.1:1/", "http://127.0.0.1:2/"]]


def test_a_place_that_fails_closes_the_others(diary: Diary, said: list[str]) -> None:
    places = [FakeEndpoint(diary, 1), FakeEndpoint(diary, 2, in_use()), FakeEndpoint(diary, 3)]
    service = WebService([listener(one, App(diary)) for one in places])
    with pytest.raises(DeployError) as caught:
        service.privilegedStartService()
    assert str(caught.value) == "cannot listen on place 2: already in use"
    assert diary == ["open 1", "open 2", "close 1"]
    assert service.ports == []


def test_a_place_that_fails_late(diary: Diary, said: list[str]) -> None:
    later: Deferred[Any] = Deferred()
    failures: list[DeployError] = []
    service = WebService(
        [listener(FakeEndpoint(diary, 1, later), App(diary))], on_failure=failures.append
    )
    start(service)
    later.errback(CannotListenError("127.0.0.1", 2, OSError(98, "?")))
    assert [str(failure) for failure in failures] == ["cannot listen on place 1: already in use"]
    assert said == ["cannot listen on place 1: already in use"]


def test_a_place_that_fails_late_and_nobody_asks(diary: Diary, said: list[str]) -> None:
    later: Deferred[Any] = Deferred()
    start(WebService([listener(FakeEndpoint(diary, 1, later), App(diary))]))
    later.errback(ValueError("odd"))
    assert said == ["cannot listen on place 1: odd"]


@pytest.mark.parametrize("raised", [KeyError("oidc"), CannotListenError("", 25, OSError(98, "?"))])
def test_an_application_that_cannot_start(diary: Diary, said: list[str], raised: Exception) -> None:
    try:
        raise raised  # as in a startFactory of a user, where one may listen at another place, too
    except Exception as error:
        place = FakeEndpoint(diary, 1, fail(error))
    with pytest.raises(DeployError) as caught:
        WebService([listener(place, App(diary))]).privilegedStartService()
    assert str(caught.value).startswith("the application cannot start: ")
    assert type(raised).__name__ in str(caught.value)
    assert f"{Path(__file__).name}, line " in str(caught.value)


# --- stopping ------------------------------------------------------------------------------------


def test_it_closes_then_drains(diary: Diary, said: list[str]) -> None:
    app = App(diary)
    service = WebService([listener(FakeEndpoint(diary, number), app) for number in (1, 2)])
    start(service)
    diary.clear()
    stopped = service.stopService()
    assert diary == ["close 1", "close 2", "drain app None"]
    assert said[-1] == f"finishing 2 connections of {__name__}.App"
    assert not stopped.called
    app.drained.callback(None)
    assert stopped.called
    assert not service.running


def test_it_drains_when_all_places_are_closed(diary: Diary) -> None:
    app, endpoint = App(diary), FakeEndpoint(diary, 1)
    endpoint.port.closed = Deferred()
    service = WebService([listener(endpoint, app)], drain_timeout=1.5)
    start(service)
    service.stopService()
    assert diary == ["open 1", "close 1"]
    endpoint.port.closed.callback(None)
    assert diary == ["open 1", "close 1", "drain app 1.5"]


def test_it_drains_when_a_place_cannot_be_closed(diary: Diary, said: list[str]) -> None:
    app, endpoints = App(diary), [FakeEndpoint(diary, number) for number in (1, 2)]
    endpoints[0].port.closed = fail(PermissionError(13, "Permission denied", "/run/app.sock"))
    endpoints[1].port.closed = Deferred()
    service = WebService([listener(endpoint, app) for endpoint in endpoints])
    start(service)
    stopped = service.stopService()
    assert diary[2:] == ["close 1", "close 2"]
    assert said[-1].endswith("Permission denied: '/run/app.sock'")
    endpoints[1].port.closed.callback(None)
    assert diary[-1] == "drain app None"
    app.drained.callback(None)
    assert stopped.called


def test_applications_drain_side_by_side(diary: Diary, said: list[str]) -> None:
    apps = [App(diary, "a"), App(diary, "b")]
    apps[1].connections = set()
    service = WebService(
        [listener(FakeEndpoint(diary, number), app) for number, app in enumerate(apps)]
    )
    start(service)
    said.clear()
    stopped = service.stopService()
    assert diary[-2:] == ["drain a None", "drain b None"]
    assert len(said) == 1, "who has no connection finishes in silence"
    apps[1].drained.callback(None)
    assert not stopped.called
    apps[0].drained.callback(None)
    assert stopped.called


def test_a_drain_that_fails_does_not_keep_the_others(diary: Diary, said: list[str]) -> None:
    apps = [App(diary, "a"), App(diary, "b")]
    service = WebService(
        [listener(FakeEndpoint(diary, number), app) for number, app in enumerate(apps)]
    )
    start(service)
    stopped = service.stopService()
    apps[0].drained.errback(ValueError("odd"))
    assert said[-1].startswith("while finishing the last requests")
    apps[1].drained.callback(None)
    assert stopped.called


def test_a_factory_without_drain_is_left_alone(diary: Diary) -> None:
    service = WebService([listener(FakeEndpoint(diary, 1), Factory())])
    start(service)
    assert service.stopService().called


def test_a_port_that_closes_without_a_deferred(diary: Diary) -> None:
    endpoint = FakeEndpoint(diary, 1)
    endpoint.port.closed = None  # type: ignore[assignment]
    service = WebService([listener(endpoint, Factory())])
    start(service)
    assert service.stopService().called


def test_it_gives_up_what_it_still_waits_for(diary: Diary, said: list[str]) -> None:
    later: Deferred[Any] = Deferred()
    service = WebService([listener(FakeEndpoint(diary, 1, later), Factory())])
    start(service)
    assert service.stopService().called
    assert later.called
    assert said == []


def test_it_can_be_started_again(diary: Diary) -> None:
    service = WebService([listener(FakeEndpoint(diary, 1), Factory())])
    for _ in range(2):
        start(service)
        service.stopService()
    assert diary == ["open 1", "close 1"] * 2


class Slow(App):
    """One that wants load balancers to notice."""

    stopping = False
    drain_delay = 5

    def __init__(self, diary: Diary, clock: Clock) -> None:
        super().__init__(diary)
        self.clock = clock


@pytest.mark.parametrize("cut", [False, True])
def test_it_says_that_it_will_stop_and_goes_on_for_a_while(
    diary: Diary, clock: Clock, said: list[str], cut: bool
) -> None:
    app = Slow(diary, clock)
    service = WebService([listener(FakeEndpoint(diary, 1), app)])
    start(service)
    stopped = service.stopService()
    assert app.stopping
    assert diary == ["open 1"]
    assert said[-1] == "stopping in 5 seconds"
    clock.advance(4.9)
    assert diary == ["open 1"]
    if cut:
        service.cut()
    else:
        clock.advance(0.2)
    assert diary == ["open 1", "close 1", "drain app None"]
    app.drained.callback(None)
    assert stopped.called


def test_a_service_that_does_not_listen_has_nothing_to_wait_for(diary: Diary, clock: Clock) -> None:
    app = Slow(diary, clock)
    service = WebService([listener(FakeEndpoint(diary, 1, Deferred(lambda _: None)), app)])
    start(service)
    service.stopService()
    assert diary == ["open 1", "drain app None"]


def test_a_worker_that_is_replaced_does_not_speak_for_the_server(
    diary: Diary, clock: Clock
) -> None:
    app: Any = Slow(diary, clock)
    app.patience = 5
    service = WebService([listener(FakeEndpoint(diary, 1), app)])
    start(service)
    service.stopService()
    assert not app.stopping
    assert diary == ["open 1", "close 1", "drain app None"]
