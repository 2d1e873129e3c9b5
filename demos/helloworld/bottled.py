"""Hello, world: functions.

::

    python bottled.py [PORT]
"""

import sys

from cyclone.bottle import Bottle

app = Bottle()


@app.get("/")
def hello(web):
    web.set_header("Content-Type", "text/plain; charset=utf-8")
    return f"Hello, {web.get_argument('name', 'world')}\n"


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(sys.argv[1]) if len(sys.argv) > 1 else 8888)
