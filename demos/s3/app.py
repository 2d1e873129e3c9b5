"""A store that speaks S3.

::

    cyclone run app.py
    twistd -n cyclone -r app.Application        (in this directory)

It keeps everything in the directory ``data`` beside this file; ``--appopts DIR`` names another.
``data/keys.json`` holds the access key. What is where is said in the README.
"""

from s3 import S3Application as Application

__all__ = ["Application"]
