"""Which demos there are."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

__all__ = ["DEMOS", "ROOMS", "Demo"]

DEMOS = Path(__file__).parents[2]


#: How most demos are run, by Python; what stands in braces is put in by the keeper.
RUN = ("-m", "cyclone", "run", "--port=0", "--host={host}")


class Demo(NamedTuple):
    """One demo.

    Attributes:
        name: its directory, below ``demos``.
        title, text: for people.
        target: what of it is run.
        options: further arguments of ``cyclone run``. ``{redis}`` stands for the URL of a Redis,
            which is started for it, ``{data}`` for a directory that goes when the gallery ends,
            ``{port}`` for a port that is free.
        script: arguments of Python, in place of ``cyclone run`` and all of its.
        is_local: whether only browsers on this machine can use it.
    """

    name: str
    title: str
    text: str
    target: str = "app.py"
    options: tuple[str, ...] = ()
    script: tuple[str, ...] = ()
    is_local: bool = False

    @property
    def slug(self) -> str:
        """What it is called in URLs."""
        part = "" if self.target == "app.py" else f"-{Path(self.target).stem}"
        return self.name.replace("/", "-") + part

    @property
    def directory(self) -> Path:
        """Where it is."""
        return DEMOS / self.name

    @property
    def arguments(self) -> tuple[str, ...]:
        """What Python is started with."""
        return self.script or (*RUN, self.target, *self.options)

    def wants(self, what: str) -> bool:
        """Whether something has to be put into its arguments."""
        return any(f"{{{what}}}" in argument for argument in self.arguments)


#: The demos by rooms of the gallery.
ROOMS: dict[str, list[Demo]] = {
    "To begin with": [
        Demo("helloworld", "Hello, world", "Ten lines, started in five ways."),
        Demo("site", "A tour", "One page for each thing a handler can do."),
        Demo("bottle", "Short links", "An application of functions, in one file."),
        Demo("upload", "Upload", "A gigabyte in little memory, with a progress bar."),
        Demo("httpclient", "Fetching", "Many addresses at once, while nobody waits."),
        Demo(
            "readme",
            "A long second",
            "An answer that takes five of them, while others get theirs.",
            target="delayed.py",
        ),
        Demo(
            "readme",
            "A clock",
            "A response that never ends: a line a second to everybody.",
            target="clock.py",
        ),
    ],
    "Live": [
        Demo("websocket/chat", "Chat", "Rooms over WebSockets, and statistics of what goes on."),
        Demo("websocket/echo", "Echo", "What goes over a WebSocket, frame by frame."),
        Demo("sse", "Prices", "Server-sent events that survive a lost connection."),
        Demo("chat", "Long polling", "A chat without WebSockets: requests that wait."),
        Demo("eventsocket", "Switchboard", "A telephone switch's calls, as they happen."),
    ],
    "Pages and people": [
        Demo(
            "blog",
            "Blog",
            "Users, forms, templates, SQLite, four languages.",
            options=("--appopts", "{data}"),
        ),
        Demo("locale", "Languages", "One page in six languages, one of them right to left."),
        Demo("sessions", "Sessions", "Log in twice, and end one from the other."),
        Demo("httpauth", "HTTP Basic", "Names and passwords that the browser asks for."),
        Demo("digest_auth", "HTTP Digest", "The same, and the password is never sent."),
        Demo(
            "auth",
            "OpenID Connect",
            "Logging in at a provider that comes along.",
            is_local=True,
        ),
        Demo(
            "github_auth",
            "GitHub",
            "Logging in with OAuth 2, at a service that is made up.",
            is_local=True,
        ),
        Demo(
            "dropbox_auth",
            "Dropbox",
            "Logging in without a secret, and one's files.",
            is_local=True,
        ),
        Demo("facebook", "Facebook", "Logging in, and what one has posted.", is_local=True),
        Demo(
            "ssl",
            "HTTPS",
            "Behind a certificate that is made for it: the browser will warn you.",
            script=("serve.py", "0", "{port}", "{data}"),
            is_local=True,
        ),
    ],
    "Services": [
        Demo("rpc", "Remote calls", "JSON-RPC and XML-RPC, from the page and from programs."),
        Demo("email", "Mail", "Write a mail, and see it arrive."),
        Demo(
            "redis",
            "Redis",
            "Keys and messages, on a Redis that is started for it.",
            options=("--appopts", "{redis}"),
        ),
        Demo(
            "s3",
            "S3",
            "A store for the clients of S3, and how to use it from a shell.",
            options=("--appopts", "{data}"),
        ),
        Demo(
            "scale",
            "Many workers",
            "Which process answers? One crashes, and the others go on.",
            options=("--workers=2", "--appopts", "{redis}"),
        ),
        Demo("multiprotocol", "Three protocols", "HTTP, mail and a Python prompt in one process."),
    ],
}
