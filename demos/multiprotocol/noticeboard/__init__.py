"""The notice board; the README says what is where."""

from .application import NoticeBoard

__all__ = ["NoticeBoard"]
