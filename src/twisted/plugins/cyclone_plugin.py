"""Tells ``twistd`` that there is a subcommand ``cyclone``, and where it is kept."""

from __future__ import annotations

from twisted.application.service import ServiceMaker

cyclone = ServiceMaker(  # type: ignore[no-untyped-call]
    "cyclone",
    "cyclone.deploy.twistd",
    "A web server framework that offers the Tornado API as a Twisted protocol",
    "cyclone",
)
