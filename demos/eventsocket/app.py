"""A switchboard: calls of a telephone switch (FreeSWITCH), live in the browser.

::

    cyclone run app.py                              (in this directory)
    twistd -n cyclone -r app.Application
    cyclone run app.py --appopts switch.json        with a switch of your own; see the README

Without a file the switch is made up, and runs in this process, at another port.
"""

from switchboard import Switchboard as Application

__all__ = ["Application"]
