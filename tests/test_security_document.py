"""docs/security.md: its limits are those of the code, and its tests are there."""

from __future__ import annotations

import inspect
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from cyclone.channels import Channels
from cyclone.deploy import ProxyProtocolFactory
from cyclone.http1 import Limits
from cyclone.httpclient import AsyncHTTPClient
from cyclone.httputil import ParseBodyConfig
from cyclone.sessions import Sessions
from cyclone.sse import SSESettings
from tests.compat.test_porting_documents import MARK, missing_tests

DOCS = Path(__file__).parents[1] / "docs"
TEXT = (DOCS / "security.md").read_text("utf-8")
ROW = re.compile(r"^\| `([\w.]+)` \| ([^|]*) \|", re.MULTILINE)
LIMITS = {name: default.strip() for name, default in ROW.findall(TEXT)}
SETTINGS = {
    name: default.strip() for name, default in ROW.findall((DOCS / "settings.md").read_text())
}
#: Settings that are no limits: they say what happens at one, or have nothing to do with it.
NO_LIMITS = {"no_keep_alive", "write_buffer_policy"}


def defaults_of(function: Any) -> dict[str, Any]:
    return {
        parameter.name: parameter.default
        for parameter in inspect.signature(function).parameters.values()
    }


def the_code() -> dict[str, Any]:
    """What the code has where docs/settings.md is not the one that is checked against it."""
    forms = asdict(ParseBodyConfig())
    found = {f"{kind}.{name}": value for kind in forms for name, value in forms[kind].items()}
    found |= asdict(Limits())
    found |= {f"sse_{name}": value for name, value in asdict(SSESettings()).items()}
    found |= {f"Sessions.{name}": value for name, value in defaults_of(Sessions).items()}
    limits = Channels().limits
    found |= {f"Channels.{name}": getattr(limits, name) for name in limits.__slots__}
    found["ProxyProtocolFactory.timeout"] = defaults_of(ProxyProtocolFactory)["timeout"]
    client = AsyncHTTPClient(force_instance=True)
    found["AsyncHTTPClient.max_body_size"] = client.max_body_size
    return found | {f"HTTPRequest.{name}": value for name, value in client.defaults.items()}


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_limits_are_what_the_code_says(name: str) -> None:
    value = {**SETTINGS, **the_code()}[name]
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    assert LIMITS[name] == shown
    assert SETTINGS.get(name, shown) == shown


def test_every_limit_of_the_server_is_there() -> None:
    assert set(asdict(Limits())) - NO_LIMITS <= set(LIMITS)
    documented = {name for name in SETTINGS if re.search(r"(^|_)max_|_limit$|_timeout$", name)}
    channels = {name.removeprefix("Channels.") for name in LIMITS}
    assert documented - channels <= {"websocket_ping_timeout"}


def test_every_class_names_tests_that_are_there() -> None:
    part = TEXT.partition("## Threats")[2].partition("## Reporting")[0]
    items = re.split(r"^(?=[0-9]+\. )", part, flags=re.MULTILINE)[1:]
    assert [int(item.partition(".")[0]) for item in items] == list(range(1, 23))
    assert [item for item in items if not MARK.search(item)] == []
    assert missing_tests(TEXT, "") == []
