"""Who is here and how much is said, in all processes together.

Each process tells the others through a channel who is connected to it, when that changes and every
few seconds; those of which nothing is heard any more are forgotten.
"""

import contextlib
import itertools
import json
import os
import secrets
import time

from twisted.internet.task import LoopingCall

from cyclone.channels import ChannelsError

#: Seconds between two words of a process, and until it is forgotten.
EVERY, FORGET = 2.0, 7.0
#: How many seconds the rates look back.
WINDOW = 60


class Desk:
    """The list of those who are here.

    It works while somebody is connected to this process: then it listens to all rooms, too, to
    count what is said.
    """

    def __init__(self, channels, rooms):
        self.channels = channels
        self.rooms = rooms
        self.process = secrets.token_hex(4)
        self.seats = {}  # of this process: number -> (name, room, since, callback)
        self.readers = set()
        self.others = {}  # process -> (when heard, what it said)
        self.numbers = itertools.count()
        self.counts = [0] * WINDOW
        self.total = 0
        self.tick = LoopingCall(self.every_second)
        self.seconds = 0
        self.subscriptions = []
        self.shown = None

    # -- those who come and go

    def sit(self, name, room, callback):
        """Somebody is here; `callback` is called with everybody when somebody comes or goes."""
        number = next(self.numbers)
        self.seats[number] = (name, room, time.time(), callback)
        self.shown = None  # the new one is to be told, too
        self.work()
        self.announce()
        return number

    def leave(self, number):
        """Somebody is gone."""
        del self.seats[number]
        self.announce()
        self.work()

    def add_reader(self, callback):
        """Somebody looks at the statistics; `callback` is called with them every second."""
        self.readers.add(callback)
        self.work()
        callback(self.figures())

    def remove_reader(self, callback):
        self.readers.discard(callback)
        self.work()

    def work(self):
        """Begin or end to listen, as there is somebody or nobody."""
        wanted = bool(self.seats or self.readers)
        if wanted and not self.tick.running:
            listeners = {"desk": self.heard, **dict.fromkeys(self.rooms, self.count)}
            self.subscriptions = [
                self.channels.subscribe(channel, listener)
                for channel, listener in listeners.items()
            ]
            self.tick.start(1, now=False)
            self.publish(ask=True)
        elif not wanted and self.tick.running:
            self.tick.stop()
            for subscription in self.subscriptions:
                subscription.close()
            self.others.clear()

    # -- what the processes tell each other

    def people_here(self):
        return [
            {"name": name, "room": room, "since": since}
            for name, room, since, _ in self.seats.values()
        ]

    def announce(self):
        """Tell the others who is here, and those here who is anywhere."""
        self.publish(people=self.people_here())
        self.tell_people()

    def publish(self, **words):
        word = {"process": self.process, "pid": os.getpid(), **words}
        # While Redis is away nothing can be told; the next word comes in two seconds.
        with contextlib.suppress(ChannelsError):
            self.channels.publish("desk", word).addErrback(
                lambda failure: failure.trap(ChannelsError)
            )

    def heard(self, message):
        """A process has said something."""
        word = json.loads(message.data)
        if word["process"] == self.process:
            return
        if word.get("ask"):
            self.publish(people=self.people_here())
            return
        self.others[word["process"]] = (time.monotonic(), word)
        if not word["people"]:
            del self.others[word["process"]]
        self.tell_people()

    def everybody(self):
        """Who is here, in all processes."""
        elsewhere = [word["people"] for _, word in self.others.values()]
        return [*self.people_here(), *itertools.chain.from_iterable(elsewhere)]

    def tell_people(self):
        people = self.everybody()
        if people != self.shown:
            self.shown = people
            for _, _, _, callback in list(self.seats.values()):
                callback(people)

    # -- figures

    def count(self, message):
        """Something was said in a room."""
        self.total += 1
        self.counts[-1] += 1

    def every_second(self):
        self.seconds += 1
        for callback in list(self.readers):
            callback(self.figures())
        self.counts = [*self.counts[1:], 0]
        if self.seconds % EVERY == 0:
            forgotten = time.monotonic() - FORGET
            self.others = {
                process: heard for process, heard in self.others.items() if heard[0] > forgotten
            }
            self.announce()

    def figures(self):
        """What the page of statistics shows."""
        own = self.channels.statistics()
        return {
            "people": sorted(self.everybody(), key=lambda one: one["since"]),
            "processes": sorted([os.getpid(), *(word["pid"] for _, word in self.others.values())]),
            "counts": self.counts,
            "minute": sum(self.counts),
            "total": self.total,
            "channels": {
                "subscriptions": own.subscriptions,
                "delivered": own.delivered,
                "dropped": own.dropped,
                "gaps": own.gaps,
            },
        }
