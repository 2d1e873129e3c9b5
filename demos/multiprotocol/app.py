"""A notice board that speaks HTTP, SMTP and SSH: three protocols in one process.

::

    cyclone run app.py                              (in this directory)
    twistd -n cyclone -r app.Application

The log says at which ports, and the password for SSH.
"""

from noticeboard import NoticeBoard as Application

__all__ = ["Application"]
