"""The same functions by JSON-RPC and by XML-RPC, and a page that calls them.

::

    cyclone run app.py
    twistd -n cyclone -r app.Application        (in this directory)

The clients beside this file, and the commands in the README, call them from elsewhere.
"""

from contextlib import contextmanager
from pathlib import Path

from twisted.internet import reactor, task

import cyclone.web
from cyclone.jsonrpc import JSONRPCError, JsonrpcRequestHandler
from cyclone.xmlrpc import Fault, XmlrpcMethods, XmlrpcRequestHandler

HERE = Path(__file__).parent
LONGEST_WAIT = 5

# -- what is done; nothing of it knows a protocol


class Refused(Exception):
    """What was given cannot be worked with: a code and a message for the client."""


def is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def count(items):
    if not isinstance(items, list):
        raise Refused(1, "items must be a list")
    return len(items)


def sort(items):
    count(items)
    try:
        return sorted(items)
    except TypeError:
        raise Refused(2, "the items cannot be compared with each other") from None


def divide(dividend, divisor):
    if not (is_number(dividend) and is_number(divisor)):
        raise Refused(3, "dividend and divisor must be numbers")
    if divisor == 0:
        raise Refused(4, "a number cannot be divided by zero")
    return dividend / divisor


async def wait(seconds):
    if not (is_number(seconds) and 0 <= seconds <= LONGEST_WAIT):
        raise Refused(5, f"seconds must be a number from 0 to {LONGEST_WAIT}")
    await task.deferLater(reactor, seconds)
    return "done"


# -- how it is called


@contextmanager
def telling(error):
    """Tell the client, by the protocol's kind of error, what is refused."""
    try:
        yield
    except Refused as refused:
        raise error(*refused.args) from None


class JsonHandler(JsonrpcRequestHandler):
    """JSON-RPC, 2.0 and 1.0."""

    def jsonrpc_echo(self, value):
        return value

    def jsonrpc_count(self, items):
        with telling(JSONRPCError):
            return count(items)

    def jsonrpc_sort(self, items):
        with telling(JSONRPCError):
            return sort(items)

    def jsonrpc_divide(self, dividend, divisor):
        with telling(JSONRPCError):
            return divide(dividend, divisor)

    async def jsonrpc_wait(self, seconds):
        with telling(JSONRPCError):
            return await wait(seconds)


class Texts(XmlrpcMethods):
    """A sub handler: its methods are called texts.upper and texts.words."""

    def xmlrpc_upper(self, text: str) -> str:
        """Make letters large."""
        return str(text).upper()

    def xmlrpc_words(self, text: str) -> list:
        """Split a text at its spaces."""
        return str(text).split()


class XmlHandler(XmlrpcRequestHandler):
    """XML-RPC.  Clients are told what the annotations and the doc strings say."""

    allowNone = True
    subHandlers = {"texts": Texts}

    def xmlrpc_echo(self, value):
        """Give back what was given."""
        return value

    def xmlrpc_count(self, items: list) -> int:
        """Count the items of a list."""
        with telling(Fault):
            return count(items)

    def xmlrpc_sort(self, items: list) -> list:
        """Sort a list whose items can be compared."""
        with telling(Fault):
            return sort(items)

    def xmlrpc_divide(self, dividend: float, divisor: float) -> float:
        """Divide a number by another."""
        with telling(Fault):
            return divide(dividend, divisor)

    async def xmlrpc_wait(self, seconds: float) -> str:
        """Answer later; meanwhile the server answers others."""
        with telling(Fault):
            return await wait(seconds)


class PageHandler(cyclone.web.RequestHandler):
    """The page; a browser runs and loads nothing but the files beside it."""

    def set_default_headers(self):
        self.set_header(
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
            "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
        )
        self.set_header("X-Content-Type-Options", "nosniff")

    def get(self):
        self.render("index.html", here=f"{self.request.protocol}://{self.request.host}")


class FileHandler(cyclone.web.StaticFileHandler):
    """Its script, its style sheet and its icon."""

    def set_extra_headers(self, path):
        self.set_header("X-Content-Type-Options", "nosniff")


def Application():
    return cyclone.web.Application(
        [
            (r"/jsonrpc", JsonHandler),
            (r"/xmlrpc", XmlHandler),
            (r"/", PageHandler),
            (r"/(.*)", FileHandler, {"path": HERE / "static"}),
        ],
        template_path=str(HERE / "templates"),
        # Pages of other sites may not call; programs, which send no Origin, may.
        cross_origin_protection=True,
    )
