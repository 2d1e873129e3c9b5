"""Tells ``twistd --reactor`` that there is a reactor ``uvloop``, and where it is kept."""

from __future__ import annotations

from twisted.application.reactors import Reactor

uvloop = Reactor(
    "uvloop", "cyclone.uvloopreactor", "uvloop, with the connections of the loop itself"
)
