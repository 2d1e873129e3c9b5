"""Small applications: functions with routes, in the manner of Bottle (cyclone 1.x).

A module is an application::

    from cyclone.bottle import route, run


    @route("/user/<name>")
    def hello(web, name):
        return f"hello, {name}"


    run(port=8888)

and so is an object, of which a process may have several::

    app = Bottle(cookie_secret="...")


    @app.get("/user/<number:int>")
    async def user(web, number):
        return {"number": number}


    application = app.create_app()

``web`` is the request handler. docs/bottle.md says more.
"""

from __future__ import annotations

from .application import Bottle
from .module import create_app, error, route, run
from .paths import PathError

__all__ = ["Bottle", "PathError", "create_app", "error", "route", "run"]
