"""The switchboard; the README says what is where."""

from .application import Switchboard

__all__ = ["Switchboard"]
