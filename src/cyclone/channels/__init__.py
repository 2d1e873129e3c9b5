"""Publish and subscribe, in one process or in many.

::

    channels = Channels()  # or Channels("redis://localhost")

    class ChatHandler(WebSocketHandler):
        def open(self):
            channels.subscribe("chat", self)

        async def on_message(self, message):
            await channels.publish("chat", message)

What subscribes may be the handler of a WebSocket or of server-sent events, a function, or nothing:
then the subscription is an asynchronous iterator.

The rooms:

    channels       Channels
    room           one channel in this process
    subscription   who gets messages, and how
    queue          messages that wait
    messages       messages and ids, and how they are written; pure
    limits         what all this may cost; pure
    places         engines by URL
    engine         what an engine is
    memory         the engine of one process
    redisengine    the one of many, over Redis
    streamsengine  the same with a history
    listener       its connections
    pauses         waiting a little
    errors         what goes wrong, as callers see it
"""

from .channels import Channels, Statistics, Watch
from .engine import Engine, History, Receiver
from .errors import ChannelsClosed, ChannelsError, ChannelsUnavailable, SubscriptionOverflow
from .limits import ChannelLimits
from .memory import MemoryEngine
from .messages import Message, Receipt, Status
from .redisengine import RedisEngine
from .streamsengine import RedisStreamsEngine
from .subscription import Subscription

__all__ = [
    "ChannelLimits",
    "Channels",
    "ChannelsClosed",
    "ChannelsError",
    "ChannelsUnavailable",
    "Engine",
    "History",
    "MemoryEngine",
    "Message",
    "Receipt",
    "Receiver",
    "RedisEngine",
    "RedisStreamsEngine",
    "Statistics",
    "Status",
    "Subscription",
    "SubscriptionOverflow",
    "Watch",
]
