"""The application of those who want no object: one for the process, as in cyclone 1.x."""

from __future__ import annotations

from .application import Bottle

__all__ = ["create_app", "error", "route", "run"]

_the_application = Bottle()

route = _the_application.route
error = _the_application.error
create_app = _the_application.create_app
run = _the_application.run
