"""Which reactor runs a server, and how it is stopped."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from typing import Any

from twisted.application.reactors import NoSuchReactor, installReactor
from twisted.internet.error import ReactorNotRunning

from .errors import DeployError

__all__ = ["default_reactor", "install_reactor", "stop_reactor"]


def default_reactor() -> str | None:
    """The reactor to use if nobody says which; None to leave it to Twisted, or as it is."""
    if "twisted.internet.reactor" in sys.modules or importlib.util.find_spec("uvloop") is None:
        return None
    return "uvloop"


def install_reactor(name: str) -> None:
    """Make the reactor of this short name the one of this process.

    Raises:
        DeployError: if there is none, or it does not work here.
    """
    try:
        installReactor(name)
    except NoSuchReactor:
        raise DeployError(f"there is no reactor {name!r}; see twistd --help-reactors") from None
    except Exception as error:
        raise DeployError(f"the reactor {name!r} cannot be used here: {error}") from error


def stop_reactor(reactor: Any) -> None:
    """Stop it in good order; nothing if somebody has done so already."""
    with contextlib.suppress(ReactorNotRunning):
        reactor.stop()
