"""cyclone: the Tornado API as a Twisted protocol.

Importing this package starts nothing and installs no reactor: what a program uses lives in the
modules below it, ``cyclone.web`` first of all.
"""

from __future__ import annotations

__all__ = ["__version__", "version"]

#: The version of the distribution, as PEP 440 writes it.
__version__ = "2.0.0.dev0"

#: The same, under the name that cyclone 1.x and Tornado give it.
version = __version__
