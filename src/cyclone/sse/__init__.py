"""Server-sent events (WHATWG HTML, section 9.2): handlers whose response does not end.

::

    class ClockHandler(cyclone.sse.SSEHandler):
        def bind(self):
            clients.add(self)

        def unbind(self):
            clients.discard(self)

    ...
    for client in clients:
        client.sendEvent(time.ctime(), event="tick")

The rooms:

    events       what an event looks like; pure, as the next two
    accept       whether a client takes them
    history      the last ones, for clients that come back
    settings     what applications may set
    stream       one stream: slow clients, heartbeats, the end
    compression  of streams, for those who ask for it
    relay        asynchronous iterators
    transport    the transport, as handlers of cyclone 1.x write to it
    handler      SSEHandler
    broadcast    Broadcaster
"""

from .broadcast import Broadcaster
from .events import Event
from .handler import SSEHandler
from .history import History
from .settings import SSESettings

__all__ = ["Broadcaster", "Event", "History", "SSEHandler", "SSESettings"]
