"""A form that sends mail, and a mail server that shows what arrived.

::

    cyclone run app.py
    twistd -n cyclone -r app.Application        (in this directory)

The mail server is in the same process, for nobody but the form, and keeps the last messages in
memory. ``--appopts mail.json`` sends through a real server instead; read the README first.
"""

from postbox import Postbox as Application

__all__ = ["Application"]
