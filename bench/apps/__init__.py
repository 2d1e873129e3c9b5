"""The same small application on each server; every module runs as ``python -m``.

``GET /``
    ``text/plain``, ``hello, world``
``GET /json``
    ``application/json``, ``{"message": "hello, world"}``
``GET /user/ID?q=VALUE``
    ``text/plain``, ``ID VALUE``

Each is written as its framework's documentation would write it, sets its content type itself,
and keeps no access log.
"""
