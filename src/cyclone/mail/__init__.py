"""Mail: messages with alternatives, images and files, sent without blocking (``cyclone.mail``).

addresses  what ``Name <a@b>`` is; refuses what could inject header fields (pure)
fields     header fields, encoded and folded (pure)
message    `Message`
settings   `Server`, cyclone 1.x's ``mailconf``
tls        certificates
session    one connection
mailer     `sendmail` and `Mailer`: servers in turn, retries, kept connections
errors     `MailError`
"""

from .addresses import Mailbox, parse_mailbox
from .errors import MailError
from .mailer import Mailer, sendmail
from .message import Envelope, Message
from .session import Delivery
from .settings import Server

__all__ = [
    "Delivery",
    "Envelope",
    "MailError",
    "Mailbox",
    "Mailer",
    "Message",
    "Server",
    "parse_mailbox",
    "sendmail",
]
