"""All demos, reachable from one page.

::

    make run                                    (in the checkout)
    cyclone run app.py                          (in this directory)
    twistd -n cyclone -r app.Application

A demo is started, as a process of its own, when somebody opens it; all end with the gallery.
"""

from gallery import Gallery as Application

__all__ = ["Application"]
