"""The same small application on each server; every module runs as ``python -m ... PORT [VARIANT]``.

``GET /``
    ``text/plain``, ``hello, world``
``GET /json``
    ``application/json``, ``{"message": "hello, world"}``
``GET /user/ID?q=VALUE``
    ``text/plain``, ``ID VALUE``
``GET /page``
    ``text/html``, a template with 50 rows of three escaped cells
``POST /form``
    urlencoded ``name`` and ``text``: ``NAME LENGTH-OF-TEXT``
``POST /upload``
    multipart with one file ``f``: the file's size
``GET /static/file.bin``
    the file in the directory of static files
``GET /sse?n=COUNT``
    ``text/event-stream``, COUNT events, each written on its own and as fast as the client reads
``/ws``, ``/broadcast``
    WebSocket: a message comes back, or goes to everybody who is connected to ``/broadcast``

Each is written as its framework's documentation would write it and keeps no access log. What a
framework does not have is left out, or answers otherwise, and is not measured.
"""
