"""A form that sends mail; the README says what is where."""

from .application import Postbox

__all__ = ["Postbox"]
