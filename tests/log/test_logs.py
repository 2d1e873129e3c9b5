"""The three logs: what their events hold, who is told, what it costs when nobody reads."""

from __future__ import annotations

import gc
import io
import json
import logging
import subprocess
import sys
import unicodedata
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import (
    LogLevel,
    eventAsText,
    globalLogBeginner,
    globalLogPublisher,
    jsonFileLogObserver,
    textFileLogObserver,
)
from twisted.python import log as legacy_log
from twisted.python.failure import Failure

from cyclone import log
from cyclone.log import access_log, app_log, gen_log, log_access

Event = dict[str, Any]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Leave the logs as they were found."""
    yield
    log.disable_stdlib_logging()
    for one in (access_log, app_log, gen_log):
        one.setLevel(logging.NOTSET)


@pytest.fixture
def events() -> Iterator[list[Event]]:
    """The events of the three logs from now on, with `listening` true."""
    seen: list[Event] = []

    def observe(event: Event) -> None:
        if str(event.get("log_namespace")).startswith("cyclone."):
            seen.append(event)

    globalLogPublisher.addObserver(observe)
    log.assume_listening(True)
    yield seen
    globalLogPublisher.removeObserver(observe)


class Request:
    def __init__(self, method: str = "GET", uri: str = "/x", ip: str = "127.0.0.1") -> None:
        self.method, self.uri, self.remote_ip = method, uri, ip

    def request_time(self) -> float:
        return 0.00123


class Handler:
    def __init__(self, status: int = 200, **request: str) -> None:
        self.status = status
        self.request = Request(**request)

    def get_status(self) -> int:
        return self.status


def text(event: Event) -> str:
    return eventAsText(event, includeTimestamp=False, includeSystem=False)


# --- messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "name"),
    [
        (access_log, "cyclone.access"),
        (app_log, "cyclone.application"),
        (gen_log, "cyclone.general"),
    ],
)
def test_names(one: log.Log, name: str, events: list[Event]) -> None:
    one.info("hello")
    assert one.name == events[0]["log_namespace"] == name
    assert name in repr(one)


@pytest.mark.parametrize(
    ("method", "level"),
    [
        ("debug", LogLevel.debug),
        ("info", LogLevel.info),
        ("warning", LogLevel.warn),
        ("warn", LogLevel.warn),
        ("error", LogLevel.error),
        ("critical", LogLevel.critical),
        ("fatal", LogLevel.critical),
    ],
)
def test_levels(method: str, level: Any, events: list[Event]) -> None:
    getattr(gen_log, method)("lost %s", "it")
    assert [(event["log_level"], text(event)) for event in events] == [(level, "lost it")]


@pytest.mark.parametrize(
    ("number", "level"),
    [
        (0, LogLevel.debug),
        (10, LogLevel.debug),
        (25, LogLevel.info),
        (39, LogLevel.warn),
        (50, LogLevel.critical),
        (99, LogLevel.critical),
    ],
)
def test_numbers_between_levels(number: int, level: Any, events: list[Event]) -> None:
    gen_log.log(number, "x")
    assert events[0]["log_level"] is level


@pytest.mark.parametrize(
    ("message", "args", "expected"),
    [
        ("plain 100%", (), "plain 100%"),
        ("%s and %d", ("a", 2), "a and 2"),
        ("%(a)s", ({"a": 1},), "1"),
        ("%s", ({},), "{}"),
        ("%s", ((1, 2),), "(1, 2)"),
        (ValueError("x"), (), "x"),
        ("%d", ("no number",), "%d ('no number',)"),
        ("none", ("too many",), "none ('too many',)"),
        ("%(a)s", ({"b": 1},), "%(a)s ({'b': 1},)"),
        ("{braces} {0} {log_level}", (), "{braces} {0} {log_level}"),
        ("%s", ("{log_source} {}",), "{log_source} {}"),
        ("two\nlines\tand a tab", (), "two\nlines\tand a tab"),
        ("\x1b[31mred\r\x00\x85\u202e\ud800", (), r"\x1b[31mred\r\x00\x85\u202e\ud800"),
    ],
)
def test_text(message: object, args: tuple[object, ...], expected: str, events: Any) -> None:
    gen_log.info(message, *args)
    assert text(events[0]) == expected


def test_extra_values_reach_the_event(events: list[Event]) -> None:
    app_log.info("x", extra={"user": "ann"})
    assert events[0]["user"] == "ann"


def test_set_level_drops_what_is_below(events: list[Event]) -> None:
    assert app_log.getEffectiveLevel() == logging.NOTSET
    app_log.setLevel("warning")
    app_log.info("dropped")
    app_log.setLevel(logging.ERROR)
    app_log.warning("dropped")
    app_log.error("kept")
    assert [text(event) for event in events] == ["kept"]
    assert app_log.isEnabledFor(logging.ERROR)
    assert not app_log.isEnabledFor(logging.WARNING)
    assert app_log.getEffectiveLevel() == logging.ERROR


def test_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="loud"):
        app_log.setLevel("loud")


# --- exceptions ----------------------------------------------------------------------------------


def caught() -> ZeroDivisionError:
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    "form",
    [
        caught(),
        (ZeroDivisionError, caught(), caught().__traceback__),
        Failure(caught()),
    ],
    ids=["exception", "triple", "failure"],
)
def test_exc_info_forms(form: Any, events: list[Event]) -> None:
    app_log.error("bad %s", "luck", exc_info=form)
    (event,) = events
    assert event["log_failure"].type is ZeroDivisionError
    assert event["log_level"] is LogLevel.critical
    assert text(event).startswith("bad luck\n")
    assert "ZeroDivisionError" in text(event)


def test_exc_info_true_is_the_exception_in_flight(events: list[Event]) -> None:
    try:
        raise KeyError("k")
    except KeyError:
        app_log.warning("a", exc_info=True)
        app_log.exception("b")
    app_log.failure("c %s", Failure(caught()), "d")
    assert [event["log_failure"].type for event in events] == [
        KeyError,
        KeyError,
        ZeroDivisionError,
    ]
    assert [event["log_level"].name for event in events] == ["warn", "critical", "critical"]


@pytest.mark.parametrize("form", [None, False, True, (None, None, None)])
def test_no_exception_no_failure(form: Any, events: list[Event]) -> None:
    app_log.error("x", exc_info=form)
    assert "log_failure" not in events[0]
    assert events[0]["log_level"] is LogLevel.error


def test_traceback_is_text_while_nobody_reads(events: list[Event]) -> None:
    log.assume_listening(False)
    app_log.error("bad", exc_info=caught())
    (event,) = events
    assert "log_failure" not in event
    assert event["log_text"].startswith("bad\nTraceback")
    assert event["log_text"].endswith("ZeroDivisionError: division by zero")


def test_traceback_of_an_exception_that_was_never_raised(events: list[Event]) -> None:
    log.assume_listening(False)
    app_log.error("bad", exc_info=ValueError("quoted \x1b"))
    assert "ValueError" in events[0]["log_text"]
    assert "\x1b" not in events[0]["log_text"]


def test_nothing_of_a_handler_stays_in_memory() -> None:
    """Twisted keeps the events from before logging begins: none of them may hold a handler."""

    class Big:
        pass

    def handle() -> weakref.ref[Big]:
        big = Big()
        try:
            raise ValueError
        except ValueError:
            app_log.exception("in a handler")
        return weakref.ref(big)

    # Logging has not begun in this process, so Twisted's buffer is there.
    log.assume_listening(None)
    assert not log.listening()
    reference = handle()
    gc.collect()
    assert reference() is None


# --- access lines --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "level"),
    [
        (100, LogLevel.info),
        (200, LogLevel.info),
        (399, LogLevel.info),
        (400, LogLevel.warn),
        (499, LogLevel.warn),
        (500, LogLevel.error),
        (599, LogLevel.error),
    ],
)
def test_access_line(status: int, level: Any, events: list[Event]) -> None:
    log_access(Handler(status))
    (event,) = events
    assert text(event) == f"{status} GET /x (127.0.0.1) 1.23ms"
    assert event["log_level"] is level
    assert event["log_namespace"] == "cyclone.access"


def test_access_event_has_the_parts(events: list[Event]) -> None:
    log_access(Handler(404, method="POST", uri="/a?b=c", ip="::1"))
    parts = {name: value for name, value in events[0].items() if name.startswith("http_")}
    assert parts == {
        "http_status": 404,
        "http_method": "POST",
        "http_uri": "/a?b=c",
        "http_remote_ip": "::1",
        "http_seconds": 0.00123,
    }


def test_access_event_holds_no_object_of_the_request(events: list[Event]) -> None:
    log_access(Handler())
    logger = events[0].pop("log_logger")
    level = events[0].pop("log_level")
    assert logger is access_log.logger
    assert level is LogLevel.info
    kinds = {type(value) for value in events[0].values()}
    assert kinds <= {str, int, float, type(None)}


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("/{log_source}/{}", "/{log_source}/{}"),
        ("/%s%d%(x)s", "/%s%d%(x)s"),
        ("/a\r\n[forged] line", r"/a\r\n[forged] line"),
        ("/\x1b]0;title\x07", r"/\x1b]0;title\x07"),
        ("/\x9b31m\x85", r"/\x9b31m\x85"),
        ("/caf\xe9 \u4e2d", "/caf\xe9 \u4e2d"),
        ("/\u202e\u2028\ud800", r"/\u202e\u2028\ud800"),
        ("/" + chr(0xE0001), r"/\U000e0001"),
    ],
)
def test_what_a_peer_sent_is_text(uri: str, shown: str, events: list[Event]) -> None:
    log_access(Handler(uri=uri))
    assert text(events[0]) == f"200 GET {shown} (127.0.0.1) 1.23ms"
    assert events[0]["http_uri"] == shown


def test_level_of_the_access_log_drops_lines(events: list[Event]) -> None:
    access_log.setLevel("WARNING")
    log_access(Handler(200))
    log_access(Handler(404))
    assert [event["http_status"] for event in events] == [404]


def test_access_line_in_text_and_json(events: list[Event]) -> None:
    as_text, as_json = io.StringIO(), io.StringIO()
    log_access(Handler(uri="/{x}"))
    textFileLogObserver(as_text)(events[0])
    jsonFileLogObserver(as_json)(events[0])
    assert as_text.getvalue().endswith(" [cyclone.access#info] 200 GET /{x} (127.0.0.1) 1.23ms\n")
    record = json.loads(as_json.getvalue().strip("\x1e\n"))
    assert (record["http_status"], record["http_uri"]) == (200, "/{x}")


# --- is anybody reading? -------------------------------------------------------------------------


class Untouchable:
    """A handler of which nothing may be asked."""

    @property
    def request(self) -> Any:
        raise AssertionError

    def get_status(self) -> int:
        raise AssertionError


def test_nothing_is_done_while_nobody_reads(events: list[Event]) -> None:
    log.assume_listening(False)
    log_access(Untouchable())
    assert events == []


def test_beginning_to_log_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    log.assume_listening(None)
    assert not log.listening()
    monkeypatch.setattr(warnings, "showwarning", globalLogBeginner.showwarning)
    assert log.listening()
    monkeypatch.undo()
    assert log.listening(), "what has begun does not end"
    log.assume_listening(None)
    assert not log.listening()


def test_legacy_observer_is_noticed() -> None:
    log.assume_listening(None)
    seen: list[Event] = []
    legacy_log.addObserver(seen.append)
    try:
        log_access(Handler())
    finally:
        legacy_log.removeObserver(seen.append)
    assert not log.listening()
    assert [legacy_log.textFromEventDict(event) for event in seen] == [
        "200 GET /x (127.0.0.1) 1.23ms"
    ]


SCRIPT = """
import sys, types
from cyclone.log import log_access, app_log
{begin}
request = types.SimpleNamespace(
    method="GET", uri="/{{x}}", remote_ip="127.0.0.1", request_time=lambda: 0.001)
log_access(types.SimpleNamespace(get_status=lambda: 200, request=request))
try:
    raise KeyError("gone")
except KeyError:
    app_log.error("failed", exc_info=True)
"""
LEGACY = "from twisted.python import log; log.startLogging(sys.stdout)"
MODERN = (
    "from twisted.logger import *; "
    "globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)])"
)
STDLIB = "import logging, cyclone.log; logging.basicConfig(level=0, stream=sys.stdout); "
STDLIB += "cyclone.log.enable_stdlib_logging()"


@pytest.mark.parametrize("begin", [LEGACY, MODERN, STDLIB], ids=["legacy", "modern", "stdlib"])
def test_plain_script_shows_access_lines(begin: str) -> None:
    program = SCRIPT.format(begin=begin)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("200 GET /{x} (127.0.0.1) 1.00ms") == 1
    assert done.stdout.count("failed") == 1
    assert "KeyError" in done.stdout


def test_script_without_logging_shows_exceptions_only() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(begin="")], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    assert "200 GET" not in done.stderr
    assert "failed\nTraceback" in done.stderr
    assert "KeyError: 'gone'" in done.stderr


# --- logging of the standard library -------------------------------------------------------------


@pytest.fixture
def bridged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """caplog with the bridge on."""
    caplog.set_level(logging.DEBUG)
    log.enable_stdlib_logging()
    return caplog


def test_bridge_passes_names_levels_and_texts(bridged: pytest.LogCaptureFixture) -> None:
    app_log.debug("a {b} %s", "%s")
    gen_log.warning("c")
    gen_log.critical("d")
    log_access(Handler(503))
    assert bridged.record_tuples == [
        ("cyclone.application", logging.DEBUG, "a {b} %s"),
        ("cyclone.general", logging.WARNING, "c"),
        ("cyclone.general", logging.CRITICAL, "d"),
        ("cyclone.access", logging.ERROR, "503 GET /x (127.0.0.1) 1.23ms"),
    ]


def test_bridge_passes_exceptions_at_their_level(bridged: pytest.LogCaptureFixture) -> None:
    error = caught()
    app_log.error("bad", exc_info=error)
    app_log.warning("odd", exc_info=error)
    assert [record.levelno for record in bridged.records] == [logging.ERROR, logging.WARNING]
    for record in bridged.records:
        assert record.exc_info == (ZeroDivisionError, error, error.__traceback__)
        assert record.getMessage() in ("bad", "odd")


def test_bridge_takes_twisteds_own_events_of_the_namespaces(
    bridged: pytest.LogCaptureFixture,
) -> None:
    app_log.logger.failure("hm {x}", Failure(caught()), x=1)
    app_log.logger.info("plain {x}", x=2)
    assert bridged.record_tuples == [
        ("cyclone.application", logging.CRITICAL, "hm 1"),
        ("cyclone.application", logging.INFO, "plain 2"),
    ]


def test_bridge_leaves_other_namespaces_alone(bridged: pytest.LogCaptureFixture) -> None:
    legacy_log.msg("legacy")
    globalLogPublisher({"log_format": "bare"})
    assert bridged.records == []


def test_bridge_heeds_the_levels_of_logging(bridged: pytest.LogCaptureFixture) -> None:
    bridged.set_level(logging.ERROR, "cyclone.access")
    log_access(Handler(200))
    assert bridged.records == []


def test_bridge_on_twice_is_on_once_and_off_is_off(bridged: pytest.LogCaptureFixture) -> None:
    log.enable_stdlib_logging()
    gen_log.info("once")
    assert len(bridged.records) == 1
    log.disable_stdlib_logging()
    gen_log.info("off")
    assert len(bridged.records) == 1
    assert not log.listening()


# --- printable -----------------------------------------------------------------------------------


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_printable_is_one_harmless_line(sent: str) -> None:
    shown = log.printable(sent)
    assert shown.isprintable()
    assert shown.encode().decode() == shown
    assert len(shown.splitlines()) <= 1
    if sent.isprintable():
        assert shown == sent


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_printable_lines_keeps_line_feeds_and_nothing_else(sent: str) -> None:
    shown = log.printable_lines(sent)
    assert shown.count("\n") == sent.count("\n")
    assert shown.encode().decode() == shown
    controls = {char for char in shown if unicodedata.category(char) == "Cc"}
    assert controls <= {"\n", "\t"}
    assert len(shown.splitlines()) <= shown.count("\n") + 1


# --- exceptions that have others behind them ------------------------------------------------------


def _grouped() -> BaseException:
    return ExceptionGroup("two", [ValueError("first"), KeyError("second")])


def _caused() -> BaseException:
    error = RuntimeError("outer")
    error.__cause__ = ValueError("the cause")
    return error


def _during() -> BaseException:
    error = RuntimeError("outer")
    error.__context__ = ValueError("the context")
    return error


@pytest.mark.parametrize(
    ("make", "shown"),
    [
        (_grouped, ["ValueError: first", "KeyError: 'second'"]),
        (_caused, ["ValueError: the cause", "RuntimeError: outer"]),
        (_during, ["ValueError: the context", "RuntimeError: outer"]),
    ],
)
def test_all_exceptions_of_a_chain_are_shown(
    make: Any, shown: list[str], events: list[Event]
) -> None:
    try:
        raise make()
    except BaseException as error:
        app_log.error("failed", exc_info=error)
    assert [text(events[0]).count(one) for one in shown] == [1] * len(shown)


def test_a_context_that_was_suppressed_is_not_shown(events: list[Event]) -> None:
    error = RuntimeError("outer")
    error.__context__ = ValueError("the context")
    error.__suppress_context__ = True
    app_log.error("failed", exc_info=error)
    assert "the context" not in text(events[0])


# --- what peers have sent -------------------------------------------------------------------------

FORGED = "nobody\n2026-01-01 00:00:00 cyclone.access INFO 200 GET /admin (127.0.0.1)\x1b[2J"


def test_a_message_of_one_line_stays_one(events: list[Event]) -> None:
    gen_log.warning("lost %s", FORGED)
    assert "\n" not in text(events[0])
    assert "\x1b" not in text(events[0])


def test_a_message_of_several_lines_keeps_them(events: list[Event]) -> None:
    gen_log.warning("two\nlines %s", "\x1b")
    assert text(events[0]) == "two\nlines \\x1b"


def test_tracebacks_for_observers_are_escaped(events: list[Event]) -> None:
    try:
        raise ValueError(FORGED)
    except ValueError as error:
        app_log.error("failed", exc_info=error)
    app_log.error("failed", exc_info=ValueError(FORGED))
    for event in events:
        for shown in (text(event), event["log_failure"].getTraceback(detail="brief")):
            assert "ValueError" in shown
            assert "nobody" in shown
            assert "\x1b" not in shown


def test_tracebacks_for_logging_are_escaped(events: list[Event]) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("cyclone.application")
    logger.addHandler(handler)
    log.enable_stdlib_logging()
    try:
        raise ValueError(FORGED)
    except ValueError:
        app_log.error("failed", exc_info=True)
    finally:
        logger.removeHandler(handler)
    assert "ValueError: nobody" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()
