"""Which demos there are."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

__all__ = ["DEMOS", "ROOMS", "Demo"]

DEMOS = Path(__file__).parents[2]


class Demo(NamedTuple):
    """One demo.

    Attributes:
        name: its directory, below ``demos``; also what it is called in URLs.
        title, text: for people.
        target: what of it is run.
        options: further arguments of ``cyclone run``; ``{redis}`` stands for the URL of a Redis,
            which is started for it.
        paths: where to look besides the first page.
    """

    name: str
    title: str
    text: str
    target: str = "app.py"
    options: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    @property
    def slug(self) -> str:
        """The name as one piece of a path."""
        return self.name.replace("/", "-")

    @property
    def directory(self) -> Path:
        """Where it is."""
        return DEMOS / self.name

    @property
    def needs_redis(self) -> bool:
        """Whether it talks to a Redis."""
        return any("{redis}" in option for option in self.options)


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
            "A clock",
            "A response that never ends: a line a second to everybody.",
            target="clock.py",
        ),
    ],
    "Live": [
        Demo("websocket/chat", "Chat", "Rooms over WebSockets, and statistics of what goes on."),
        Demo("websocket/echo", "Echo", "What goes over a WebSocket, frame by frame."),
        Demo("sse", "Prices", "Server-sent events that survive a lost connection."),
        Demo("chat", "Long polling", "A chat for those who have neither."),
        Demo("eventsocket", "Switchboard", "A telephone switch's calls, as they happen."),
    ],
    "Pages and people": [
        Demo("blog", "Blog", "Users, forms, templates, SQLite, four languages."),
        Demo("locale", "Languages", "One page in six languages, one of them right to left."),
        Demo("sessions", "Sessions", "Log in twice, and end one from the other."),
        Demo("httpauth", "Basic", "Names and passwords that the browser asks for."),
        Demo("digest_auth", "Digest", "The same without sending the password."),
        Demo("auth", "OpenID Connect", "Logging in at a provider that comes along."),
        Demo("github_auth", "GitHub", "Logging in with OAuth 2, at a service that is made up."),
        Demo("dropbox_auth", "Dropbox", "The same for files."),
        Demo("facebook", "Facebook", "The same for friends."),
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
            "A store for the clients of S3. It has no pages: an error in XML is how it says hello.",
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
