"""Limits as settings, and docs/settings.md, which must name each with its default."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from cyclone.http1 import Limits
from cyclone.httputil import ParseBodyConfig, ParseUrlEncodedConfig
from cyclone.sse import SSESettings
from cyclone.testing import Client
from cyclone.web import Application, RequestHandler

DOCUMENT = Path(__file__).parent.parent / "docs" / "settings.md"
FIELDS = dataclasses.fields(Limits)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_limit_is_documented_with_its_default(field: Any) -> None:
    row = re.search(rf"^\| `{field.name}` \| ([^|]*) \|", DOCUMENT.read_text(), re.MULTILINE)
    assert row is not None, field.name
    assert row[1].strip().strip('`"') == str(field.default)


def test_every_documented_setting_is_looked_up_somewhere() -> None:
    names = set(re.findall(r"`(\w+)`", "\n".join(
        line.split("|")[1] for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")
    )))  # fmt: skip
    source = "\n".join(
        path.read_text() for path in (DOCUMENT.parent.parent / "src" / "cyclone").rglob("*.py")
    )
    assert len(names) > 25
    fields = {
        name: name.removeprefix("websocket_").removeprefix("sse_") for name in names
    }  # as dataclasses have them
    assert {
        name for name in names if not re.search(rf'"{name}"|\b{fields[name]}: ', source)
    } == set()


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_an_application_takes_each_limit(field: Any) -> None:
    value: Any = {"write_buffer_policy": "drop", "no_keep_alive": True}.get(field.name, 7)
    application = Application([], **{field.name: value})
    assert getattr(application.limits, field.name) == value


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("max_body_size", "1M", "max_body_size must be a whole number"),
        ("max_body_size", 1.5, "max_body_size must be a whole number"),
        ("max_body_size", True, "max_body_size must be a whole number"),
        ("max_header_size", -1, "max_header_size must be"),
        ("header_timeout", "soon", "header_timeout must be a number"),
        ("write_buffer_policy", "wait", "write_buffer_policy must be 'close' or 'drop'"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Application([], **{name: value})


@pytest.mark.parametrize(
    ("config", "status"),
    [
        (None, 200),
        (ParseBodyConfig(urlencoded=ParseUrlEncodedConfig(max_arguments=2)), 200),
        (ParseBodyConfig(urlencoded=ParseUrlEncodedConfig(max_arguments=1)), 400),
    ],
)
def test_forms_are_limited_per_application(config: Any, status: int) -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            self.write(self.get_argument("a") + self.get_argument("b"))

    client = Client(Application([("/", Handler)], parse_body_config=config))
    assert client.get("/?a=1&b=2").status == status


def test_none_turns_a_time_off_and_leaves_a_size_alone() -> None:
    limits = Application([], header_timeout=None, max_body_size=None).limits
    assert limits.header_timeout is None
    assert limits.max_body_size == Limits().max_body_size


@pytest.mark.parametrize("field", dataclasses.fields(SSESettings), ids=lambda field: field.name)
def test_every_setting_of_events_is_documented_with_its_default(field: Any) -> None:
    row = re.search(rf"^\| `sse_{field.name}` \| ([^|]*) \|", DOCUMENT.read_text(), re.MULTILINE)
    assert row is not None, field.name
    shown = row[1].strip().strip('`"')
    assert shown == (f"{field.default:g}" if type(field.default) is float else str(field.default))
