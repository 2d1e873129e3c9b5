"""ExpectLog: what a test expects in the log."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from cyclone.log import access_log, app_log, gen_log
from cyclone.testing import ExpectLog


def test_records_of_logging(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("tests.expectlog")
    with ExpectLog(logger, "hello .*") as expected:
        logger.warning("other")
        assert not expected.matched
        logger.error("hello %s", "world")
    assert expected.matched
    assert not expected.logged_stack
    assert [record.getMessage() for record in caplog.records] == ["other"]
    with ExpectLog("tests.expectlog", "hello"):
        logger.error("hello")


@pytest.mark.parametrize("log", [app_log, "tornado.application", "cyclone.application"])
def test_cyclones_logs(log: Any) -> None:
    with ExpectLog(log, "hello"):
        gen_log.error("hello there")
        app_log.error("hello")
    with (
        pytest.raises(AssertionError, match="did not get expected log message 'hello'"),
        ExpectLog(log, "hello"),
    ):
        gen_log.error("hello")
        app_log.error("oh, hello")


def test_what_need_not_come() -> None:
    with ExpectLog(app_log, "hello", required=False) as expected:
        pass
    assert not expected.matched


def test_errors_come_first() -> None:
    with pytest.raises(ZeroDivisionError), ExpectLog(app_log, "hello"):
        raise ZeroDivisionError


def test_levels(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("tests.expectlog")
    before = logger.level
    with ExpectLog(logger, "hello", level=logging.DEBUG) as expected:
        logger.warning("hello")
        assert not expected.matched
        logger.debug("hello")
    assert logger.level == before
    with ExpectLog(gen_log, "hello", level=logging.INFO):
        gen_log.info("hello")
    with ExpectLog(access_log, "hello", level=logging.WARNING):
        access_log.logger.warn("{log_text}", log_text="hello")


def test_tracebacks() -> None:
    with ExpectLog(app_log, "hello") as expected:
        app_log.info("hello")
        assert not expected.logged_stack
        app_log.error("failed", exc_info=ZeroDivisionError())
    assert expected.logged_stack
