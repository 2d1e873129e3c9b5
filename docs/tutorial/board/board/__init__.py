"""The noticeboard of the tutorial: notes of users, which appear on all open pages at once."""

from .application import Application

__all__ = ["Application"]
