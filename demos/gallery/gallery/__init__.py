"""The gallery: a catalogue, and a keeper of processes."""

from .application import Gallery

__all__ = ["Gallery"]
