"""A blog with users, in four languages.

::

    cyclone run app.py --reload
    twistd -n cyclone -r app.Application        (in this directory)

It keeps its database and its secret in the directory ``data`` beside this file; ``--appopts DIR``
names another.  What is where is said in the README.
"""

from blog import Blog as Application

__all__ = ["Application"]
